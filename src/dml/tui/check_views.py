"""How experiments and their checks look: a line for each experiment, and the results of one in their groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from dml.formatting import format_duration, format_size, pluralize
from dml.preflight.results import GROUPS, State
from dml.safe_text import safe
from dml.tui.execution_views import TEXT_LIMIT
from dml.tui.live_project_reader import CheckState
from dml.tui.widgets.row_list import RowCell, RowColumn

if TYPE_CHECKING:
    from dml.preflight.results import Report, Result, RunSummary

COLUMNS: Final = (
    RowColumn("Experiment", 12),
    RowColumn("Checks", 24),
    RowColumn("Kind", 10, rank=1),
    RowColumn("Description", 0),
)

SIGNS: Final = {
    State.OK: ("✔", "green"),
    State.WARNING: ("!", "yellow"),
    State.FAILED: ("✖", "red"),
    State.SKIPPED: ("·", "dim"),
}
FINE_SHOWN = 6
"""Results of one group that found all well, above which they are counted instead of listed."""

_GROUP, _STATE = 13, 9


def cells_of(one: CheckState) -> tuple[RowCell, ...]:
    """A line of the list."""
    experiment = one.experiment
    about = one.report.summary.description if one.report is not None else ""
    return (
        RowCell(safe(experiment.name)),
        _summary(one),
        RowCell(experiment.kind),
        RowCell(safe(about or experiment.about, limit=TEXT_LIMIT)),
    )


def _summary(one: CheckState) -> RowCell:
    if one.is_running:
        return RowCell(f"▲ {len(one.groups)} of {len(GROUPS)} groups", "accent")
    if one.problem:
        return RowCell("✖ not checked", "bad")
    if one.report is None:
        return RowCell("")
    failed, warned = one.report.count(State.FAILED), one.report.count(State.WARNING)
    warnings = pluralize(warned, "warning") if warned else ""
    if failed:
        return RowCell(f"✖ {failed} failed" + (f", {warnings}" if warnings else ""), "bad")
    return RowCell(f"! {warnings}", "warn") if warnings else RowCell("✔ passed", "good")


def grid_of(one: CheckState) -> Table:
    """The results that came in, what is still looked at, how it ended, and what would run."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=_GROUP, no_wrap=True)
    grid.add_column(width=_STATE, no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    if one.problem:
        grid.add_row("", Text("✖ failed", style="red"), Text(one.problem))
    for group in GROUPS:
        if group in one.groups:
            _add_group(grid, group, one.groups[group])
        elif one.is_running:
            grid.add_row(Text(group), Text("… running", style="dim"), "")
    if one.report is not None:
        grid.add_row("", "", "")
        _add_summary(grid, one.report.summary)
        grid.add_row("", "", Text(_end(one.report), style="bold"))
    return grid


def _add_group(grid: Table, group: str, results: Sequence[Result]) -> None:
    fine = [one for one in results if one.state is State.OK]
    others = [one for one in results if one.state is not State.OK]
    listed = [*others, *(fine if len(fine) <= FINE_SHOWN else fine[: FINE_SHOWN - 1])]
    title = Text(group)
    for one in listed:
        sign, style = SIGNS[one.state]
        grid.add_row(title, Text(f"{sign} {one.state}", style=style), Text(safe(one.message)))
        if one.fix:
            grid.add_row("", "", Text.assemble("fix: ", (safe(one.fix), "bold")))
        title = Text("")
    if len(listed) < len(results):
        sign, style = SIGNS[State.OK]
        grid.add_row(title, Text(f"{sign} ok", style=style), Text(f"and {len(results) - len(listed)} more"))


def _add_summary(grid: Table, summary: RunSummary) -> None:
    for name, value in _summary_lines(summary):
        if value:
            grid.add_row(Text(name, style="dim"), "", Text(safe(value)))


def _summary_lines(summary: RunSummary) -> Iterable[tuple[str, str]]:
    yield "would run", summary.experiment + (f", {summary.jobs} jobs" if summary.jobs != 1 else "")
    yield "catalog", " as ".join(part for part in (summary.target, summary.identity) if part)
    yield "code", " @ ".join(part for part in (summary.branch, summary.commit) if part)
    yield "version", summary.version
    yield "calls", summary.function
    yield "parameters", ", ".join(f"{key}={value}" for key, value in summary.parameters.items())
    yield "datasets", _tiers(summary.datasets)
    yield "assets", _tiers(summary.assets)
    yield "to fetch", format_size(summary.bytes_to_fetch) if summary.bytes_to_fetch is not None else ""


def _tiers(inputs: Any) -> str:
    shown = [f"{name} {tier}" for name, tier in list(inputs.items())[:FINE_SHOWN]]
    more = len(inputs) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _end(report: Report) -> str:
    checks, requests = pluralize(len(report.results), "check"), pluralize(report.requests, "request")
    spent = f"{checks} in {format_duration(report.seconds)}, {requests}"
    if not report.passed:
        return f"{pluralize(report.count(State.FAILED), 'check')} failed: fix, then press c to check again. {spent}."
    return f"All checks passed: press r to run. {spent}; nothing was written."
