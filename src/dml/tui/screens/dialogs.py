"""What lies over a screen for a moment: a question before something dangerous, and the help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from dml.tui.actions import Action, shown_key


class Question(ModalScreen[bool]):
    """Asks before an action: yes or no, or the RID typed where something would be lost for good.

    Args:
        question: What is asked.
        plan: What would happen, line by line; may be empty.
        command: The command that does the same.
        typed: What must be typed to go on; empty where yes is enough.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No"),
        Binding("y", "answer(True)", "Yes"),
    ]

    def __init__(self, question: str, *, plan: Sequence[str] = (), command: str = "", typed: str = "") -> None:
        super().__init__()
        self._question = question
        self._plan = tuple(plan)
        self._command = command
        self._typed = typed

    def compose(self) -> ComposeResult:
        """The question, the plan, the command, and the answers."""
        with Vertical(id="dialog"):
            yield Static(Text(self._question, style="bold"), id="question")
            if self._plan:
                with VerticalScroll(id="plan"):
                    yield Static(Text("\n".join(self._plan)))
            if self._command:
                yield Static(Text(self._command, style="dim"), id="same-command")
            if self._typed:
                yield Static(Text(f"These files were never uploaded. Type {self._typed} to continue:"))
                yield Input(id="typed", compact=True)
            with Horizontal(id="answers"):
                yield Button("Yes (y)", id="yes", compact=True, disabled=bool(self._typed))
                yield Button("No (esc)", id="no", compact=True)

    def on_mount(self) -> None:
        """No is the answer of someone who just presses enter."""
        (self.query_one("#typed", Input) if self._typed else self.query_one("#no", Button)).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Yes is possible once the RID stands there."""
        self.query_one("#yes", Button).disabled = event.value.strip() != self._typed

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter answers yes when the RID stands there."""
        if event.value.strip() == self._typed:
            self.dismiss(True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button answers."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """A key answers; where the RID must be typed, ``y`` is not enough."""
        if not (answer and self._typed):
            self.dismiss(answer)


class Help(ModalScreen[None]):
    """What the keys do on a screen.

    Args:
        title: The screen's name.
        actions: Its actions.
        keys: Further keys with what they do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1", "dismiss", "Close")]

    def __init__(self, title: str, actions: Sequence[Action], keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._actions = tuple(actions)
        self._keys = tuple(keys)

    def compose(self) -> ComposeResult:
        """A table of keys, meanings and commands."""
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column()
        for key, meaning in self._keys:
            table.add_row(Text(key, style="bold"), Text(meaning))
        for action in self._actions:
            text = Text(action.help)
            if action.command:
                text.append(f"\n{action.command_for(None)}", "dim")
            table.add_row(Text(shown_key(action.key), style="bold"), text)
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = f"{self._title}: keys"
            scroll.border_subtitle = "esc closes"
            yield Static(table)

    async def action_dismiss(self, result: None = None) -> None:
        """Close."""
        self.dismiss(result)
