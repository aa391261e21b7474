"""The last line: the keys that make sense now. Where not all fit, those that one finds in the help give way first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from dml.tui.actions import Action, shown_key

GIVE_WAY: Final = ("mark", "open", "copy", "filter", "go", "nested", "lineage", "fixes", "gc", "descendants")
"""Actions that are left out when the line is narrow, the first one first; the others never are."""

GAP = 2


class KeyLine(Widget):
    """The line; ``show`` gives it the actions."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key"}

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.actions: tuple[Action, ...] = ()

    def show(self, actions: Sequence[Action]) -> None:
        """Show these from now on."""
        if tuple(actions) != self.actions:
            self.actions = tuple(actions)
            self.refresh()

    def fitting(self) -> list[Action]:
        """The actions for which there is room."""
        kept = list(self.actions)
        for name in GIVE_WAY:
            if _length(kept) <= self.size.width:
                break
            kept = [action for action in kept if action.name != name]
        return kept

    def render(self) -> Text:
        """Keys and what they do."""
        style = Style(bold=True) + self.get_component_rich_style("keys--key", partial=True)
        line = Text(" ", no_wrap=True, overflow="ellipsis")
        for action in self.fitting():
            line.append(shown_key(action.key), style)
            line.append(f" {action.title}{' ' * GAP}")
        line.rstrip()
        return line

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        place = 1
        for action in self.fitting():
            end = place + _width(action)
            if place <= event.x < end:
                self.post_message(self.Pressed(action.name))
                return
            place = end + GAP


def _width(action: Action) -> int:
    return cell_len(shown_key(action.key)) + 1 + cell_len(action.title)


def _length(actions: Sequence[Action]) -> int:
    return 1 + sum(_width(action) for action in actions) + GAP * max(0, len(actions) - 1)
