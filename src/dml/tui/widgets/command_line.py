"""The line that shows the command that does the same, and takes what is typed after ``/`` and ``:``."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class CommandLine(Horizontal):
    """One line: a command to read, or a field to type in."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]

    class Typed(Message):
        """What was typed changed, or is complete.

        Attributes:
            kind: ``/`` or ``:``.
            text: All of it.
            complete: Whether enter was pressed.
        """

        def __init__(self, kind: str, text: str, complete: bool) -> None:
            super().__init__()
            self.kind = kind
            self.text = text
            self.complete = complete

    class Left(Message):
        """Escape was pressed."""

        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kind = ""
        self._shown = ""

    def compose(self) -> ComposeResult:
        """The text, and the field that takes its place while one types."""
        yield Static(id="command-text", markup=False)
        field = Input(id="command-field", compact=True)
        field.display = False
        yield field

    def show(self, text: str) -> None:
        """Show a command."""
        if text != self._shown:
            self._shown = text
            line = Text(text, no_wrap=True, overflow="ellipsis")
            self.query_one("#command-text", Static).update(line, layout=False)

    def ask(self, kind: str, value: str = "") -> None:
        """Let the user type, after ``/`` or ``:``."""
        self.kind = kind
        field = self.query_one(Input)
        self.query_one("#command-text").display = False
        field.display = True
        field.placeholder = "filter: every word must occur" if kind == "/" else "a screen, or a RID"
        with self.prevent(Input.Changed):
            field.value = value
        field.cursor_position = len(value)
        field.focus()

    def close(self) -> None:
        """Show the command again."""
        self.kind = ""
        field = self.query_one(Input)
        if field.has_focus:  # the next key is no longer for it, also before the body takes the focus
            self.screen.set_focus(None)
        field.display = False
        self.query_one("#command-text").display = True

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what is typed as it is typed."""
        event.stop()
        if self.kind:
            self.post_message(self.Typed(self.kind, event.value, complete=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Tell that it is complete."""
        event.stop()
        kind = self.kind
        self.close()
        self.post_message(self.Typed(kind, event.value, complete=True))

    def action_leave(self) -> None:
        """Give up typing."""
        if self.kind:
            kind = self.kind
            self.close()
            self.post_message(self.Left(kind))
