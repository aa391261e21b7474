"""Preflight: the experiments of the project here, their checks as they come in, and starting a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from dml.errors import DmlError
from dml.formatting import abbreviate_home
from dml.safe_text import safe
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import PREFLIGHT
from dml.tui.check_views import COLUMNS, cells_of
from dml.tui.live_project_reader import CheckState, ProjectExperiment, ProjectState
from dml.tui.screens.dashboard_screen import DashboardScreen
from dml.tui.widgets.check_pane import CheckPane
from dml.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from dml.preflight.results import Report, Result


class PreflightScreen(DashboardScreen):
    """The screen."""

    name_in_table = PREFLIGHT
    title_shown = "Preflight"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "zoom", "Checks", show=False),
        Binding("escape", "back", "Back", show=False),
    ]

    class Found(Message):
        """A thread found something; ``show`` is called on the screen."""

        def __init__(self, show: Callable[[], object]) -> None:
            super().__init__()
            self.show = show

    def __init__(self) -> None:
        super().__init__()
        self._project: ProjectState | None = None
        self._is_reading = False
        self._checks: dict[ProjectExperiment, CheckState] = {}

    def compose_body(self) -> ComposeResult:
        """Which project, its experiments, and the checks of one."""
        yield Static(id="project", markup=False)
        yield RowList(COLUMNS, _key, cells_of, first=_name, id="experiments")
        yield CheckPane(id="checks")

    @property
    def rows(self) -> RowList[CheckState]:
        """The list."""
        return self.query_one("#experiments", RowList)

    def on_mount(self) -> None:
        """The keys work in the list."""
        self.rows.focus()

    def show_state(self) -> None:
        """Read the project the first time; what the workspace says does not show here."""
        if self._project is None:
            self.read_again()

    def read_again(self) -> None:
        """Reload the project; results of earlier checks are kept."""
        if not self._is_reading:
            self._is_reading = True
            self._say(Text("Reading the project …", style="dim"))
            self._in_thread(self._read)

    def check(self, experiment: ProjectExperiment) -> None:
        """Begin the checks of an experiment; they come in by themselves."""
        self._checks[experiment] = CheckState(experiment, is_running=True)
        self._show_checks()
        self._in_thread(lambda: self._check(experiment))

    def subjects(self) -> Sequence[ActionTarget]:
        """The experiment under the cursor."""
        one = self._chosen()
        return [ActionTarget("", check=one)] if one is not None else []

    def show_command(self) -> None:
        """The command that makes the same checks."""
        one = self._chosen()
        self.say_command(f"dml preflight {one.experiment.typed}".strip() if one is not None else "")

    def focus_body(self) -> None:
        """The list takes the keys."""
        self.rows.focus()

    def extra_keys(self) -> Sequence[tuple[str, str]]:
        """Keys of this screen that are no actions."""
        return [("enter", "Check it."), ("tab", "Toggle full-screen checks.")]

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        """Show the checks of another one."""
        event.stop()
        self.settle()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter and a double click check."""
        event.stop()
        self.action_perform("check")

    def on_preflight_screen_found(self, event: Found) -> None:
        """Show what a thread found."""
        self.dashboard.guarded(event.show, self.title_shown)

    def action_zoom(self) -> None:
        """Show the checks over the whole screen, or the list again."""
        self.toggle_class("zoomed")
        (self.query_one(CheckPane) if self.has_class("zoomed") else self.rows).focus()

    def action_back(self) -> None:
        """Back to the list."""
        if self.has_class("zoomed"):
            self.action_zoom()

    def settled(self) -> None:
        """Show the checks of the experiment under the cursor."""
        self.query_one(CheckPane).show(self._chosen())
        super().settled()

    # In threads; what they find is posted, so that leaving the dashboard waits for none of them.

    def _in_thread(self, function: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                function()
            except Exception as error:
                self._post(partial(self.dashboard.crashed, error, self.title_shown))

        threading.Thread(target=guarded, name="dml-tui-preflight", daemon=True).start()

    def _post(self, show: Callable[[], object]) -> None:
        self.post_message(self.Found(show))

    def _read(self) -> None:
        try:
            found = self.dashboard.projects.read()
        except DmlError as error:
            found = ProjectState(missing=f"{error.message}\n{error.hint or ''}".strip())
        finally:
            self._is_reading = False
        self._post(lambda: self._show_project(found))

    def _check(self, experiment: ProjectExperiment) -> None:
        def told(group: str, results: Sequence[Result]) -> None:
            self._post(lambda: self._take_group(experiment, group, results))

        try:
            project, report = self.dashboard.projects.check(experiment, told)
        except DmlError as error:
            problem = f"{error.message}\n{error.hint or ''}".strip()
        except Exception:
            self._post(lambda: self._take_end(experiment, problem="an internal error ended the checks"))
            raise
        else:
            self._post(lambda: self._take_end(experiment, report=report))
            self._post(lambda: self._show_project(project))
            return
        self._post(lambda: self._take_end(experiment, problem=problem))

    # On the screen

    def _take_group(self, experiment: ProjectExperiment, group: str, results: Sequence[Result]) -> None:
        before = self._checks[experiment]
        self._checks[experiment] = replace(before, groups={**before.groups, group: results})
        self._show_checks()

    def _take_end(self, experiment: ProjectExperiment, *, report: Report | None = None, problem: str = "") -> None:
        before = self._checks[experiment]
        self._checks[experiment] = replace(before, report=report, problem=problem, is_running=False)
        self._show_checks()

    def _show_project(self, found: ProjectState) -> None:
        self._project = found
        if found.missing:
            self._say(Text(found.missing))
        else:
            where = abbreviate_home(found.root) if found.root is not None else ""
            text = Text(f"{len(found.experiments)} to choose from in {safe(where)}")
            for problem in found.problems:
                text.append(f"\n✖ {safe(problem, limit=300)}", "red")
            self._say(text)
        self._show_checks()

    def _show_checks(self) -> None:
        project = self._project or ProjectState()
        self.rows.empty_text = "" if project.root is None else "Nothing to run: the project defines no experiments."
        self.rows.show([self._checks.get(one, CheckState(one)) for one in project.experiments])
        self.settled()

    def _say(self, text: Text) -> None:
        self.query_one("#project", Static).update(text)

    def _chosen(self) -> CheckState | None:
        rows = self.rows
        place = rows.place_of(rows.cursor) if rows.cursor is not None else None
        return rows.rows[place] if place is not None else None


def _key(one: CheckState) -> str:
    return f"{one.experiment.kind} {one.experiment.name}"


def _name(one: CheckState) -> str:
    return safe(one.experiment.name)
