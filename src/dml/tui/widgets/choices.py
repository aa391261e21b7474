"""A line of words of which one is chosen, by mouse or from outside: the screens, and the tabs of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget


class Choices(Widget):
    """The line.

    Args:
        separator: Between two words.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"choices--chosen"}

    class Chosen(Message):
        """A word was clicked."""

        def __init__(self, choices: Choices, name: str) -> None:
            super().__init__()
            self.choices = choices
            self.name = name

        @property
        def control(self) -> Choices:
            """The line."""
            return self.choices

    def __init__(self, separator: str = " · ", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._separator = separator
        self._words: tuple[tuple[str, str], ...] = ()
        self.chosen = ""
        self.note = ""

    def show(self, words: Sequence[tuple[str, str]], chosen: str, note: str = "") -> None:
        """Show words.

        Args:
            words: Name and text of each.
            chosen: The name of the one that is chosen.
            note: Shown at the right end where there is room.
        """
        if (tuple(words), chosen, note) != (self._words, self.chosen, self.note):
            self._words, self.chosen, self.note = tuple(words), chosen, note
            self.refresh()

    def render(self) -> Text:
        """The words; brackets around the chosen one, so that it shows without colour."""
        line = Text(" ", no_wrap=True)
        style = Style(bold=True) + self.get_component_rich_style("choices--chosen", partial=True)
        for number, (name, text) in enumerate(self._words):
            if number:
                line.append(self._separator)
            line.append(f"[{text}]" if name == self.chosen else text, style if name == self.chosen else "")
        room = self.size.width - cell_len(line.plain) - cell_len(self.note) - 1
        if self.note and room > 0:
            line.append(" " * room + self.note)
        return line

    def on_click(self, event: events.Click) -> None:
        """Choose the word under the mouse."""
        place = 1
        for name, text in self._words:
            length = cell_len(text) + (2 if name == self.chosen else 0)
            if place <= event.x < place + length:
                self.post_message(self.Chosen(self, name))
                return
            place += length + cell_len(self._separator)
