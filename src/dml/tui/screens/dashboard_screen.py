"""What all screens share: the bar on top, the choice of screens, the body, the command line and the footer.

A screen says what is selected (``subjects``) and shows snapshots (``show_state``); keys come from the table of actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer

from dml.tui.action_table import BY_NAME, actions_of
from dml.tui.action_targets import ActionTarget
from dml.tui.textual_internals import ResilientScreen
from dml.tui.widgets.choices import Choices
from dml.tui.widgets.command_line import CommandLine
from dml.tui.widgets.key_line import KeyLine
from dml.tui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from dml.tui.app import Dashboard


SETTLE = 0.05
"""Seconds after which a cursor that does not move is followed by everything else."""


class DashboardScreen(ResilientScreen[None]):
    """A screen of the dashboard.

    Class attributes:
        name_in_table: As the actions' ``screens`` name it.
        title_shown: In the choice of screens.
    """

    name_in_table: ClassVar[str] = ""
    title_shown: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        # Read by Textual when the class is made, so it must be there before.
        own = cls.__dict__.get("BINDINGS", [])
        cls.BINDINGS = [*own, *bindings_of(cls.name_in_table)]
        super().__init_subclass__()

    _composed = False
    _settling: Timer | None = None

    def on_mount(self) -> None:
        """Everything on the screen is there now."""
        self._composed = True
        self.on_screen_resume()

    @property
    def is_ready(self) -> bool:
        """Whether its parts are there: not before they are composed, and not while the application ends."""
        return (
            self._composed
            and bool(self.query(StatusBar))
            and bool(self.query("#command-text"))
            and bool(self.query(KeyLine))
        )

    @property
    def dashboard(self) -> Dashboard:
        """The application."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        """The frame around the body."""
        yield StatusBar(self.dashboard.target_name, id="status-bar")
        yield Choices("  ", id="screens")
        yield from self.compose_body()
        yield CommandLine(id="command-line")
        yield KeyLine(id="keys")

    def compose_body(self) -> ComposeResult:
        """The screen's own part."""
        yield from ()

    def subjects(self) -> Sequence[ActionTarget]:
        """What actions would work on now: everything marked, else what is under the cursor."""
        return ()

    def show_state(self) -> None:
        """Show the application's present snapshots."""

    def extra_keys(self) -> Sequence[tuple[str, str]]:
        """Keys that are no actions, for the help."""
        return ()

    def read_again(self) -> None:
        """Reload what the source of snapshots does not read."""

    def typed(self, text: str) -> None:
        """What was typed after ``/``."""

    def show_command(self) -> None:
        """Show the command that belongs to what is selected."""
        subjects = self.subjects()
        text = ""
        if subjects and subjects[0].summary is not None:
            text = subjects[0].summary.next_command
        elif subjects:
            text = f"dml lineage {subjects[0].rid}"
        self.say_command(text)

    def say_command(self, text: str) -> None:
        """Show a command, unless the line is being typed in."""
        line = self.query_one(CommandLine) if self.is_ready else None
        if line is not None and not line.kind:
            line.show(f"$ {text}" if text else "")

    def on_screen_resume(self) -> None:
        """Show what is known now; snapshots that came meanwhile were not shown here."""
        if not self.is_ready:
            return
        self.dashboard.show_frame(self)
        self.dashboard.guarded(self.show_state, self.title_shown)

    def handler_failed(self, error: Exception) -> None:
        """Say that a handler failed; the screen stays."""
        self.dashboard.crashed(error, self.title_shown)

    def settle(self) -> None:
        """Follow the cursor once it rests: while one holds a key down, only the cursor moves."""
        if self._settling is not None:
            self._settling.stop()
        # Textual ends everything when the callback of a timer fails.
        self._settling = self.set_timer(SETTLE, lambda: self.dashboard.guarded(self.settled, self.title_shown))

    def settled(self) -> None:
        """The cursor rests on something: show its command, and the actions that apply to it."""
        self.offer_actions()
        self.show_command()

    def offer_actions(self) -> None:
        """Show the keys of the actions that apply to what is selected."""
        if self.is_ready:
            subjects = self.subjects()
            self.query_one(KeyLine).show(
                [
                    action
                    for action in actions_of(self.name_in_table)
                    if action.name not in _NOT_IN_FOOTER
                    and (not action.needs_subject or any(action.applies(one) for one in subjects))
                ]
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action of the table makes sense now."""
        if action != "app.perform" and action != "perform":
            return True
        found = BY_NAME[str(parameters[0])]
        if not found.needs_subject:
            return True
        return any(found.applies(subject) for subject in self.subjects())

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        """A screen was clicked."""
        if event.choices.id == "screens":
            self.app.switch_mode(event.name)

    def on_key_line_pressed(self, event: KeyLine.Pressed) -> None:
        """A key was clicked."""
        self.action_perform(event.name)

    def action_perform(self, name: str) -> None:
        """Do an action of the table."""
        self.dashboard.perform(BY_NAME[name], self.subjects())

    def on_command_line_typed(self, event: CommandLine.Typed) -> None:
        """Filter as one types; go when it is complete."""
        if event.kind == "/":
            self.typed(event.text)
            if event.complete:
                self.focus_body()
        elif event.complete:
            self.focus_body()
            self.dashboard.go_to(event.text)

    def on_command_line_left(self, event: CommandLine.Left) -> None:
        """Escape takes a filter away."""
        if event.kind == "/":
            self.typed("")
        self.focus_body()

    def focus_body(self) -> None:
        """Put the focus where the keys of the screen work."""


def bindings_of(screen: str) -> list[BindingType]:
    """Key bindings of a screen, from the table."""
    return [
        Binding(
            action.key,
            f"perform('{action.name}')",
            action.title,
            show=False,
        )
        for action in actions_of(screen)
    ]


_NOT_IN_FOOTER = frozenset({"refresh", "theme", "sync"})
