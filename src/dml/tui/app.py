"""The application: screens, theme, the latest snapshots, and how actions are carried out. Does no input or output.

The source posts snapshots; the present screen shows them. What an action does runs in a thread and ends in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.types import ActionParseResult
from textual.widget import Widget

from dml.safe_text import safe
from dml.tui.action_runner import Performer
from dml.tui.action_table import actions_of
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import Action
from dml.tui.crash_guard import crash_message, record_crash
from dml.tui.messages import DetailsChanged, LocalChanged, RemoteChanged, SourceStopped
from dml.tui.screens.cache import CacheScreen
from dml.tui.screens.dashboard_screen import DashboardScreen
from dml.tui.screens.executions import ExecutionsScreen
from dml.tui.screens.lineage import LineageScreen
from dml.tui.screens.preflight import PreflightScreen
from dml.tui.screens.uploads import UploadsScreen
from dml.tui.source import WORKSPACE
from dml.tui.state import Details, Local, Remote
from dml.tui.textual_internals import ResilientApp
from dml.tui.ui_actions import OwnActions
from dml.tui.widgets.choices import Choices
from dml.tui.widgets.command_line import CommandLine
from dml.tui.widgets.row_list import RowList
from dml.tui.widgets.status_bar import StatusBar
from dml.workspace.times import utc_now

if TYPE_CHECKING:
    from dml.tui.lineage_branches import LineageReader
    from dml.tui.live_cache_reader import CacheReader
    from dml.tui.live_project_reader import ProjectReader
    from dml.tui.operations import Operations
    from dml.tui.source import Source

SCREENS: tuple[type[DashboardScreen], ...] = (
    ExecutionsScreen,
    UploadsScreen,
    CacheScreen,
    LineageScreen,
    PreflightScreen,
)


class Dashboard(ResilientApp[None]):
    """The dashboard.

    Args:
        target_name: The catalog, for the first line.
        source: Where snapshots come from.
        operations: What actions call.
        histories: Lineage and nesting.
        cache: Looks over the cache.
        projects: The experiments of the project here.
        link: A row's address in Chaise; None where there is none, as for an embedded catalog.
        clock: Gives the present instant; tests set it.

    Attributes:
        local, remote, details: The latest snapshots.
        crashes: Defects met so far.
        screens: The screens, in the order of their keys.
    """

    screens: ClassVar[tuple[type[DashboardScreen], ...]] = SCREENS

    CSS_PATH = "dashboard.tcss"
    TITLE = "dml"
    # The first screen is not among the modes at first: where tasks start eagerly (Python 3.12 and later), Textual
    # would compose it before its stack holds it, and a widget that asks for the current screen would fail.
    # `get_default_screen` puts it on the stack first; `on_mount` makes it a mode that can be switched to.
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        screen.name_in_table: screen for screen in SCREENS[1:]
    }
    DEFAULT_MODE = SCREENS[0].name_in_table
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(number), f"switch_mode('{screen.name_in_table}')", screen.title_shown, show=False)
        for number, screen in enumerate(SCREENS, 1)
    ]

    def __init__(
        self,
        target_name: str,
        source: Source,
        operations: Operations,
        histories: LineageReader,
        cache: CacheReader,
        projects: ProjectReader,
        *,
        link: Callable[[str], str] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__()
        self.target_name = target_name
        self.local, self.remote = Local(), Remote()
        self.details: Details | None = None
        self.crashes: list[BaseException] = []
        self.now = clock
        self.histories, self.cache = histories, cache
        self.projects = projects
        self.source = source
        self._operations = operations
        self._own = OwnActions(self, link)
        self._performer = Performer(self, operations, self._own)
        self._by_rid: dict[str, ActionTarget] = {}

    def get_default_screen(self) -> Screen[Any]:
        """The first screen."""
        return SCREENS[0]()

    def on_mount(self) -> None:
        """Begin to listen; the clock of the first line and relative times go on by themselves."""
        self.add_mode(self.DEFAULT_MODE, SCREENS[0])
        self.source.start(self.post_message)
        self._operations.ended = self._process_ended
        self.set_interval(1.0, lambda: self.guarded(self._tick, "the first line"))

    def on_unmount(self) -> None:
        """Listen no more."""
        self.source.stop()

    # Snapshots

    def on_local_changed(self, event: LocalChanged) -> None:
        """The workspace says something new."""
        before, self.local = self.local, event.local
        commits = {one.rid: one for one in event.local.commits}
        self._by_rid = {one.rid: ActionTarget(one.rid, one, commits.get(one.rid)) for one in event.local.executions}
        self._show_state()
        for ended in (one.rid for one in before.commits if one.holder and one.rid not in commits):
            found = self.subject(ended).summary
            if found is not None:
                self.say(f"{ended} is {found.status}" + (f": {found.row.error}" if found.row.error else ""), "upload")

    def on_remote_changed(self, event: RemoteChanged) -> None:
        """The catalog says something new, or nothing any more."""
        self.remote = event.remote
        self._show_state()

    def on_source_stopped(self, event: SourceStopped) -> None:
        """One side is not followed any more: say so, and keep saying it in the first line until it is."""
        error = event.error
        what = f"{type(error).__name__}: {safe(error, limit=120)}" if str(error) else type(error).__name__
        log = record_crash(error, f"following the {event.part}")
        self.crashes.append(error)
        place = f" The details are in {log}." if log is not None else ""
        self.say(f"Updates from the {event.part} stopped: {what}. Press F5 to retry.{place}", "defect", bad=True)
        if event.part == WORKSPACE:
            self.local = replace(self.local, problem="stopped, F5 to retry")
        else:
            self.remote = replace(self.remote, lost_since=self.remote.lost_since or self.now(), problem=what)
        self._show_state()

    def on_details_changed(self, event: DetailsChanged) -> None:
        """The execution that is looked at changed."""
        self.details = event.details
        screen = self.present
        if isinstance(screen, ExecutionsScreen):
            self.guarded(screen.show_details, "details")

    def subject(self, rid: str) -> ActionTarget:
        """A RID with what this workspace knows of it."""
        return self._by_rid.get(rid, ActionTarget(rid))

    def look_at(self, rid: str | None) -> None:
        """Follow an execution closely."""
        self.source.look_at(rid)

    @property
    def present(self) -> DashboardScreen | None:
        """The screen of the present mode, also while a dialog lies over it."""
        if not self.is_running or not self._screen_stacks.get(self.current_mode):
            return None
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DashboardScreen) and screen.is_ready:
                return screen
        return None

    def _show_state(self) -> None:
        screen = self.present
        if screen is not None:
            self.show_frame(screen)
            self.guarded(screen.show_state, screen.title_shown)

    def show_frame(self, screen: DashboardScreen) -> None:
        """Show what is in the frame of a screen."""
        screen.query_one(StatusBar).show(self.local, self.remote, self.now())
        words = [
            (one.name_in_table, f"{number} {one.title_shown}{self._note(one.name_in_table)}")
            for number, one in enumerate(SCREENS, 1)
        ]
        screen.query_one("#screens", Choices).show(words, screen.name_in_table)

    def _note(self, screen: str) -> str:
        running = sum(1 for one in self.local.commits if one.holder is not None)
        return f" ({running})" if screen == "uploads" and running else ""

    def _tick(self) -> None:
        screen = self.present
        if screen is not None:
            screen.query_one(StatusBar).show(self.local, self.remote, self.now())

    # Actions

    def perform(self, action: Action, subjects: Sequence[ActionTarget]) -> None:
        """Carry out an action of the table, after asking where that is due."""
        self._performer.perform(action, subjects)

    def go_to(self, text: str) -> None:
        """Go where the typed words lead."""
        self._own.go_to(text)

    def show_command(self, command: str) -> None:
        """Show the command that does the same."""
        if self.present is not None:
            self.present.query_one(CommandLine).show(f"$ {command}")

    def _process_ended(self, title: str, words: str, went_well: bool) -> None:
        """In a thread: a process begun here ended."""
        if self.is_running:
            self.call_from_thread(self.say, words, title, bad=not went_well)

    def say(self, text: str, title: str = "", *, bad: bool = False) -> None:
        """Say something for a few seconds; errors longer."""
        lines = "\n".join(safe(line, limit=500) for line in text.split("\n"))
        self.notify(
            lines, title=title, severity="error" if bad else "information", timeout=12 if bad else 5, markup=False
        )

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the actions that make sense now, and the screens."""
        if not isinstance(screen, DashboardScreen):
            return
        subjects = screen.subjects()
        for action in actions_of(screen.name_in_table):
            if action.needs_subject and not any(action.applies(one) for one in subjects):
                continue
            yield SystemCommand(
                action.title.capitalize(),
                action.help,
                lambda action=action: self.perform(action, subjects),
            )
        for one in SCREENS:
            yield SystemCommand(
                f"Go to {one.title_shown}",
                f"The screen {one.title_shown}",
                lambda one=one: self._switch(one.name_in_table),
            )

    def _switch(self, mode: str) -> None:
        self.switch_mode(mode)

    # Defects

    def guarded(self, function: Callable[[], object], part: str) -> None:
        """Call a function of a part; what fails in it is said, and the rest goes on."""
        try:
            function()
        except Exception as error:
            self.crashed(error, part)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Perform an action of a key; what fails in it is said, where Textual would end the dashboard."""
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except Exception as error:
            self.crashed(error, "a key")
            return True

    def on_row_list_failed(self, event: RowList.Failed) -> None:
        """A row could not be drawn; the others are."""
        self.crashed(event.error, "a list")

    def crashed(self, error: BaseException, part: str) -> None:
        """Record a defect and say it; the same one again is not said twice in a row."""
        known = any(type(one) is type(error) and str(one) == str(error) for one in self.crashes)
        self.crashes.append(error)
        if not known:
            self.say(crash_message(error, part, record_crash(error, part)), "defect", bad=True)

    def recover(self, error: Exception, source: object) -> bool:
        """Take a widget that fails off the screen; only a failing shell ends the dashboard."""
        if not isinstance(source, Widget) or isinstance(source, Screen):
            record_crash(error, "the shell")
            return False
        self.crashed(error, type(source).__name__)
        source.display = False
        if source.screen.focused is source:  # its loop has ended: keys sent there would be lost
            source.screen.set_focus(None)
        return True
