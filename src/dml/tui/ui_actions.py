"""What actions do on the dashboard itself: copy, open, mark, filter, go elsewhere. Each takes the subjects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from dml.tui.action_table import actions_of
from dml.tui.action_targets import ActionTarget
from dml.tui.screens.cache import CacheScreen
from dml.tui.screens.dashboard_screen import DashboardScreen
from dml.tui.screens.dialogs import Help
from dml.tui.screens.executions import ExecutionsScreen
from dml.tui.screens.lineage import LineageScreen
from dml.tui.screens.preflight import PreflightScreen
from dml.tui.widgets.command_line import CommandLine

if TYPE_CHECKING:
    from dml.tui.app import Dashboard

AScreen = TypeVar("AScreen", bound=DashboardScreen)

DARK, LIGHT = "textual-dark", "textual-light"
_OPENED = 5
"""Pages opened at once at most."""


class OwnActions:
    """The functions that ``here`` of an action names.

    Args:
        app: The application.
        link: A row's address in Chaise; None where there is none.
    """

    def __init__(self, app: Dashboard, link: Callable[[str], str] | None) -> None:
        self._app = app
        self._link = link

    def copy_rid(self, subjects: Sequence[ActionTarget]) -> None:
        """Put RIDs into the clipboard."""
        self._copy(" ".join(rid for one in subjects for rid in one.rids))

    def copy_fixes(self, subjects: Sequence[ActionTarget]) -> None:
        """Put what mends an experiment into the clipboard, a line each."""
        self._copy("\n".join(fix for one in subjects if one.check is not None for fix in one.check.fixes))

    def open_in_browser(self, subjects: Sequence[ActionTarget]) -> None:
        """Open rows in Chaise."""
        if self._link is None:
            self._app.say("An embedded catalog has no web pages; use `dml exec show` or the Lineage screen.", bad=True)
            return
        for rid in [rid for one in subjects for rid in one.rids][:_OPENED]:
            self._app.open_url(self._link(rid))

    def mark(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Mark what is under the cursor."""
        screen = self._app.present
        if isinstance(screen, ExecutionsScreen | CacheScreen):
            screen.rows.toggle_mark()
            screen.offer_actions()

    def filter(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Let the user type a filter."""
        screen = self._app.present
        if isinstance(screen, ExecutionsScreen):
            screen.query_one(CommandLine).ask("/", screen.words)

    def go(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Let the user type where to go."""
        screen = self._app.present
        if screen is not None:
            screen.query_one(CommandLine).ask(":")

    def go_to(self, text: str) -> None:
        """Go to a screen by the beginning of its name, to an execution here, or to the lineage of any RID."""
        wanted = text.strip()
        for one in self._app.screens:
            if wanted and one.name_in_table.startswith(wanted.casefold()):
                self._app.switch_mode(one.name_in_table)
                return
        rid, at, version = wanted.partition("@")
        rid = rid.upper()
        if self._app.subject(rid).summary is not None and not isinstance(self._app.present, LineageScreen):
            self._on_screen(ExecutionsScreen, lambda screen: screen.select(rid))
        elif wanted:
            self._explore(f"{rid}{at}{version}", "backward")

    def show_lineage(self, subjects: Sequence[ActionTarget]) -> None:
        """Show its lineage: what it was derived from."""
        self._explore(subjects[0].name, "backward")

    def show_descendants(self, subjects: Sequence[ActionTarget]) -> None:
        """Show what was derived from it."""
        self._explore(subjects[0].rid, "forward")

    def show_nested(self, subjects: Sequence[ActionTarget]) -> None:
        """Show what is nested in it."""
        self._explore(subjects[0].rid, "nested")

    def check(self, subjects: Sequence[ActionTarget]) -> None:
        """Check an experiment."""
        screen = self._app.present
        if isinstance(screen, PreflightScreen):
            for one in subjects:
                if one.check is not None:
                    screen.check(one.check.experiment)

    def refresh_now(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Read everything again."""
        self._app.source.refresh()
        screen = self._app.present
        if screen is not None:
            screen.read_again()

    def change_theme(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Dark or light."""
        self._app.theme = LIGHT if self._app.theme == DARK else DARK

    def help(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Show what the keys do."""
        screen = self._app.present
        if screen is not None:
            titles = [one.title_shown for one in self._app.screens]
            keys = [(f"1 … {len(titles)}", f"The screens: {', '.join(titles)}.")]
            actions = actions_of(screen.name_in_table)
            self._app.push_screen(Help(screen.title_shown, actions, [*keys, *screen.extra_keys()]))

    def quit(self, subjects: Sequence[ActionTarget]) -> None:  # noqa: ARG002
        """Leave."""
        self._app.exit()

    def _copy(self, text: str) -> None:
        self._app.copy_to_clipboard(text)
        self._app.say(f"{text} copied")

    def _on_screen(self, kind: type[AScreen], then: Callable[[AScreen], object]) -> None:
        """Go to a screen and do something there once it is shown."""
        self._app.switch_mode(kind.name_in_table)

        def when_shown() -> None:
            screen = self._app.present
            if isinstance(screen, kind):
                self._app.guarded(lambda: then(screen), kind.title_shown)

        self._app.call_after_refresh(when_shown)

    def _explore(self, rid: str, way: str) -> None:
        self._on_screen(LineageScreen, lambda screen: screen.explore(rid, way))
