"""The application: screens, theme, the latest snapshots, and how actions are carried out. Does no input or output.

The source posts snapshots; the present screen shows them. What an action does runs in a thread and ends in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from dml.errors import DmlError
from dml.safe_text import safe
from dml.tui.actions import Action, Danger, Subject, actions_of
from dml.tui.guard import crash_message, record_crash
from dml.tui.messages import DetailsChanged, LocalChanged, RemoteChanged
from dml.tui.screens.cache import CacheScreen
from dml.tui.screens.dialogs import Help, Question
from dml.tui.screens.executions import ExecutionsScreen
from dml.tui.screens.frame import DashboardScreen
from dml.tui.screens.lineage import LineageScreen
from dml.tui.screens.uploads import UploadsScreen
from dml.tui.state import Details, Local, Remote
from dml.tui.widgets.choices import Choices
from dml.tui.widgets.command_line import CommandLine
from dml.tui.widgets.row_list import RowList
from dml.tui.widgets.status_bar import StatusBar
from dml.workspace.times import utc_now

if TYPE_CHECKING:
    from dml.tui.cache_desk import CacheReader
    from dml.tui.history import Histories
    from dml.tui.operations import Operations
    from dml.tui.source import Source

SCREENS: tuple[type[DashboardScreen], ...] = (ExecutionsScreen, UploadsScreen, CacheScreen, LineageScreen)

AScreen = TypeVar("AScreen", bound=DashboardScreen)

DARK, LIGHT = "textual-dark", "textual-light"


class Dashboard(App[None]):
    """The dashboard.

    Args:
        target_name: The catalog, for the first line.
        source: Where snapshots come from.
        operations: What actions call.
        histories: Lineage and nesting.
        cache: Looks over the cache.
        link: A row's address in Chaise; None where there is none, as for an embedded catalog.
        clock: Gives the present instant; tests set it.

    Attributes:
        local, remote, details: The latest snapshots.
        crashes: Defects met so far.
    """

    CSS_PATH = "dashboard.tcss"
    TITLE = "dml"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {screen.name_in_table: screen for screen in SCREENS}
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
        histories: Histories,
        cache: CacheReader,
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
        self._source = source
        self._operations = operations
        self._link = link
        self._by_rid: dict[str, Subject] = {}

    def on_mount(self) -> None:
        """Begin to listen; the clock of the first line and relative times go on by themselves."""
        self._source.start(self.post_message)
        self._operations.commit_failed = self._commit_failed
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        """Listen no more."""
        self._source.stop()

    # Snapshots

    def on_local_changed(self, event: LocalChanged) -> None:
        """The workspace says something new."""
        before, self.local = self.local, event.local
        commits = {one.rid: one for one in event.local.commits}
        self._by_rid = {one.rid: Subject(one.rid, one, commits.get(one.rid)) for one in event.local.executions}
        self._show_state()
        for ended in (one.rid for one in before.commits if one.holder and one.rid not in commits):
            found = self.subject(ended).summary
            if found is not None:
                self.say(f"{ended} is {found.status}" + (f": {found.row.error}" if found.row.error else ""), "upload")

    def on_remote_changed(self, event: RemoteChanged) -> None:
        """The catalog says something new, or nothing any more."""
        self.remote = event.remote
        self._show_state()

    def on_details_changed(self, event: DetailsChanged) -> None:
        """The execution that is looked at changed."""
        self.details = event.details
        screen = self._present()
        if isinstance(screen, ExecutionsScreen):
            self.guarded(screen.show_details, "details")

    def subject(self, rid: str) -> Subject:
        """A RID with what this workspace knows of it."""
        return self._by_rid.get(rid, Subject(rid))

    def look_at(self, rid: str | None) -> None:
        """Follow an execution closely."""
        self._source.look_at(rid)

    def _present(self) -> DashboardScreen | None:
        """The screen of the present mode, also while a dialog lies over it."""
        if not self.is_running or not self._screen_stacks.get(self.current_mode):
            return None
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DashboardScreen) and screen.is_ready:
                return screen
        return None

    def _show_state(self) -> None:
        screen = self._present()
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
        screen = self._present()
        if screen is not None:
            screen.query_one(StatusBar).show(self.local, self.remote, self.now())

    # Actions

    def perform(self, action: Action, subjects: Sequence[Subject]) -> None:
        """Carry out an action of the table, after asking where that is due."""
        chosen = [one for one in subjects if action.applies(one)] if action.needs_subject else []
        if action.needs_subject and not chosen:
            return
        if action.here:
            self.guarded(lambda: getattr(self, f"_{action.here}")(chosen), action.title)
            return
        danger = max((action.danger_for(one) for one in chosen), key=list(Danger).index, default=action.danger)
        if danger is Danger.none:
            self._start(action, chosen)
        elif action.plan:
            self.run_worker(lambda: self._plan(action, chosen, danger), thread=True, exit_on_error=False)
        else:
            self._ask(action, chosen, danger, ())

    def _plan(self, action: Action, chosen: Sequence[Subject], danger: Danger) -> None:
        """In a thread: find out what would happen, then ask."""
        function = getattr(self._operations, action.plan)
        try:
            lines = [safe(line, limit=200) for one in chosen for line in function(one.name)]
        except DmlError as error:
            self.call_from_thread(self.say, error.message, action.title, bad=True)
        except Exception as error:
            self.call_from_thread(self.crashed, error, action.title)
        else:
            self.call_from_thread(self._ask, action, chosen, danger, lines)

    def _ask(self, action: Action, chosen: Sequence[Subject], danger: Danger, plan: Sequence[str]) -> None:
        typed = chosen[0].rid if danger is Danger.type_rid else ""
        if typed:
            chosen = chosen[:1]  # each loss is named by itself
        rids = ", ".join(one.name for one in chosen)
        question = Question(
            action.question.format(rid=safe(rids, limit=200)),
            plan=plan,
            command="\n".join(action.command_for(one) for one in chosen[:5]),
            typed=typed,
        )
        self.push_screen(question, lambda answer: self._start(action, chosen) if answer else None)

    def _start(self, action: Action, subjects: Sequence[Subject]) -> None:
        commands = [action.command_for(one) for one in subjects] or [action.command_for(None)]
        screen = self._present()
        if screen is not None:
            screen.query_one(CommandLine).show(f"$ {'; '.join(commands)}")
        each: Sequence[Subject | None] = subjects or [None]
        for subject in each:
            self.run_worker(
                lambda subject=subject: self._work(action, subject),
                name=action.name,
                thread=True,
                exit_on_error=False,
            )

    def _work(self, action: Action, subject: Subject | None) -> None:
        """In a thread: call the operation and say what came of it."""
        function = getattr(self._operations, action.work)
        try:
            said = function(subject.name) if subject is not None else function()
        except DmlError as error:
            text = f"{error.message}\n{error.hint}" if error.hint else error.message
            self.call_from_thread(self.say, text, action.title, bad=True)
        except Exception as error:
            self.call_from_thread(self.crashed, error, action.title)
        else:
            self.call_from_thread(self.say, said, action.title)
        self._source.refresh()

    def _commit_failed(self, rid: str, words: str) -> None:
        """In a thread: a commit begun here ended badly."""
        if self.is_running:
            self.call_from_thread(self.say, words or f"{rid}: the upload ended badly", f"commit {rid}", bad=True)

    def say(self, text: str, title: str = "", *, bad: bool = False) -> None:
        """Say something for a few seconds; errors longer."""
        lines = "\n".join(safe(line, limit=500) for line in text.split("\n"))
        self.notify(
            lines, title=title, severity="error" if bad else "information", timeout=12 if bad else 5, markup=False
        )

    # What actions do on the dashboard itself; each takes the subjects.

    def _copy_rid(self, subjects: Sequence[Subject]) -> None:
        rids = " ".join(one.rid for one in subjects)
        self.copy_to_clipboard(rids)
        self.say(f"{rids} copied")

    def _open_in_browser(self, subjects: Sequence[Subject]) -> None:
        if self._link is None:
            self.say("An embedded catalog has no pages to show; `dml exec show` and the lineage here do.", bad=True)
            return
        for one in subjects[:5]:
            self.open_url(self._link(one.rid))

    def _mark(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        screen = self._present()
        if isinstance(screen, ExecutionsScreen | CacheScreen):
            screen.rows.toggle_mark()
            screen.offer_actions()

    def _filter(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        screen = self._present()
        if isinstance(screen, ExecutionsScreen):
            screen.query_one(CommandLine).ask("/", screen.words)

    def _go(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        screen = self._present()
        if screen is not None:
            screen.query_one(CommandLine).ask(":")

    def go_to(self, text: str) -> None:
        """Go to a screen by the beginning of its name, to an execution here, or to the lineage of any RID."""
        wanted = text.strip()
        for one in SCREENS:
            if wanted and one.name_in_table.startswith(wanted.casefold()):
                self.switch_mode(one.name_in_table)
                return
        rid, at, version = wanted.partition("@")
        rid = rid.upper()
        if rid in self._by_rid and not isinstance(self._present(), LineageScreen):
            self._on_screen(ExecutionsScreen, lambda screen: screen.select(rid))
        elif wanted:
            self._explore(f"{rid}{at}{version}", "backward")

    def _on_screen(self, kind: type[AScreen], then: Callable[[AScreen], object]) -> None:
        """Go to a screen and do something there once it is shown."""
        self.switch_mode(kind.name_in_table)

        def when_shown() -> None:
            screen = self._present()
            if isinstance(screen, kind):
                self.guarded(lambda: then(screen), kind.title_shown)

        self.call_after_refresh(when_shown)

    def _explore(self, rid: str, way: str) -> None:
        self._on_screen(LineageScreen, lambda screen: screen.explore(rid, way))

    def _show_lineage(self, subjects: Sequence[Subject]) -> None:
        self._explore(subjects[0].rid, "backward")

    def _show_descendants(self, subjects: Sequence[Subject]) -> None:
        self._explore(subjects[0].rid, "forward")

    def _show_nested(self, subjects: Sequence[Subject]) -> None:
        self._explore(subjects[0].rid, "nested")

    def _refresh_now(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        self._source.refresh()

    def _change_theme(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        self.theme = LIGHT if self.theme == DARK else DARK

    def _help(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        screen = self._present()
        if screen is not None:
            keys = [(str(number), one.title_shown) for number, one in enumerate(SCREENS, 1)]
            self.push_screen(Help(screen.title_shown, actions_of(screen.name_in_table), [*keys, *screen.extra_keys()]))

    def _quit(self, subjects: Sequence[Subject]) -> None:  # noqa: ARG002
        self.exit()

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

    def on_row_list_failed(self, event: RowList.Failed) -> None:
        """A row could not be drawn; the others are."""
        self.crashed(event.error, "a list")

    def crashed(self, error: BaseException, part: str) -> None:
        """Record a defect and say it; the same one again is not said twice in a row."""
        known = any(type(one) is type(error) and str(one) == str(error) for one in self.crashes)
        self.crashes.append(error)
        if not known:
            self.say(crash_message(error, part, record_crash(error, part)), "defect", bad=True)

    def _handle_exception(self, error: Exception) -> None:
        """Textual's last resort. A widget that fails is taken off the screen; only a failing shell ends it all."""
        from textual._context import active_message_pump

        failed = active_message_pump.get(None)
        if not isinstance(failed, Widget) or isinstance(failed, Screen):
            record_crash(error, "the shell")
            super()._handle_exception(error)
            return
        self.crashed(error, type(failed).__name__)
        failed.display = False
