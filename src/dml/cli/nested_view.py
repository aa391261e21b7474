"""Nested executions on a terminal: one table, with the differences between siblings as columns."""

from __future__ import annotations

from dml.cli.app.formatting import status_cell
from dml.cli.app.output import Cell, Console
from dml.cli.app.tables import Column
from dml.formatting import UNKNOWN, format_duration
from dml.nesting.view import NestedView, ViewRow
from dml.safe_text import safe

__all__ = ["print_view"]

_VALUE = 24
_NAME = 20
_FEWEST_PIECES = 60


def print_view(console: Console, view: NestedView) -> None:
    """Print a view for people."""
    title = view.root.workflow_name or view.root.description
    relation = "nested in " if view.upwards else ""
    console.print(
        Cell(view.root.rid, "bold"), f"  {safe(title, limit=_FEWEST_PIECES)} · {relation}{view.rollup.sentence}"
    )
    if view.rows:
        console.table(_columns(view), [_row(view, row) for row in view.rows])
    for remark in view.rollup.remarks:
        console.warn(remark)


def _columns(view: NestedView) -> list[Column]:
    values = [Column(_heading(name)) for name in view.columns]
    metrics = [Column(_heading(name), right=True) for name in view.metrics]
    fixed = [Column("seq", right=True), Column("RID", whole=True), Column("status", whole=True)]
    return [*fixed, *values, *metrics, Column("duration", right=True), Column("")]


def _heading(name: str) -> str:
    return safe(name.rpartition(".")[2] or name, limit=_NAME)


def _row(view: NestedView, row: ViewRow) -> list[object]:
    status = status_cell(row.run.status) if row.run.readable else Cell("· not readable", "yellow")
    detail = safe(row.run.status_detail, limit=_FEWEST_PIECES) if row.run.status in ("Failed", "Running") else ""
    return [
        UNKNOWN if row.sequence is None else row.sequence,
        Cell("  " * (row.level - 1) + row.run.rid),
        Cell(safe(status.text, limit=_VALUE), status.style),
        *(safe(row.overrides.get(name, UNKNOWN), limit=_VALUE) for name in view.columns),
        *(_metric(view, row, name) for name in view.metrics),
        format_duration(row.run.duration),
        detail,
    ]


def _metric(view: NestedView, row: ViewRow, name: str) -> str:
    value = row.metrics.get(name)
    if value is None:
        return UNKNOWN
    return f"{value:.4g}" + (" ▲" if view.best.get(name) == row.run.rid else "")
