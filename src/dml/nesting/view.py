"""The data that ``dml nested`` shows: order, statuses, differing overrides and metrics of nested executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dml.metrics.read import ExecutionMetrics, read_metrics
from dml.nesting.differences import differing, parse_overrides, without_overrides
from dml.nesting.execution_summaries import ExecutionSummary
from dml.nesting.rollup import Rollup, current_status, roll_up
from dml.nesting.tree import Nesting, read_nesting

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["NestedView", "ViewRow", "build_view", "view_mapping"]

METRICS_SHOWN = 4
_COUNTERS = frozenset({"epoch", "step", "global_step", "iteration", "time", "timestamp", "seconds", "elapsed"})
_SMALLER_IS_BETTER = ("loss", "error", "mae", "mse", "rmse", "perplexity")


@dataclass(frozen=True)
class ViewRow:
    """One nested execution.

    Attributes:
        run: The execution.
        parent: RID of the execution one level nearer to the root.
        level: 1 for the nearest.
        sequence: Position among its siblings; None when it ran in parallel.
        overrides: Hydra overrides, parsed from its description.
        metrics: The last value of each metric.
    """

    run: ExecutionSummary
    parent: str
    level: int
    sequence: int | None
    overrides: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class NestedView:
    """The nested executions of an execution.

    Attributes:
        root: The execution at the root.
        upwards: Whether the rows are its parents.
        rows: In the order of the tree.
        rollup: Totals of the rows.
        columns: Overrides that differ between them.
        metrics: Names of the metrics shown as columns.
        best: The execution with the best value of each shown metric.
    """

    root: ExecutionSummary
    upwards: bool
    rows: tuple[ViewRow, ...]
    rollup: Rollup
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    best: Mapping[str, str]

    @property
    def is_settled(self) -> bool:
        """Whether no execution is in status Created or Running."""
        return all(
            current_status(run) not in ("Created", "Running") for run in (self.root, *(row.run for row in self.rows))
        )


def build_view(catalog: Catalog, rid: str, *, parents: bool = False, recurse: bool = False) -> NestedView:
    """Read the children (or parents) of an execution with their differences and metrics.

    Makes a request for each level, two for the executions, three to find metrics and one for each metrics file.

    Raises:
        UsageError: The RID is malformed or not of an execution.
        NotFoundError: There is no such row.
        ConflictError: The catalog cannot nest executions.
    """
    nesting = read_nesting(catalog, rid, parents=parents, recurse=recurse)
    metrics = read_metrics(catalog, nesting.members, last_only=True)
    rows = tuple(_rows(nesting, metrics))
    names = [name for name in _common(rows) if name.rpartition(".")[2].lower() not in _COUNTERS][:METRICS_SHOWN]
    return NestedView(
        root=nesting.runs[nesting.root],
        upwards=parents,
        rows=rows,
        rollup=roll_up(nesting),
        columns=tuple(differing({row.run.rid: row.overrides for row in rows})),
        metrics=tuple(names),
        best={name: best for name in names if (best := _best(rows, name))},
    )


def _rows(nesting: Nesting, metrics: Mapping[str, ExecutionMetrics]) -> list[ViewRow]:
    """The rows depth first; an execution with several parents is listed under the first."""
    rows: list[ViewRow] = []
    near: dict[str, list[Any]] = {}
    for link in nesting.links:
        near.setdefault(link.child if nesting.upwards else link.parent, []).append(link)
    seen = {nesting.root}
    waiting = [(link, 1) for link in reversed(near.get(nesting.root, []))]
    while waiting:
        link, level = waiting.pop()
        rid = nesting.other(link)
        if rid in seen:
            continue
        seen.add(rid)
        run = nesting.runs[rid]
        parent = link.child if nesting.upwards else link.parent
        overrides = parse_overrides(run.description)
        rows.append(ViewRow(run, parent, level, link.sequence, overrides, metrics[rid].last))
        waiting.extend((below, level + 1) for below in reversed(near.get(rid, [])))
    return rows


def _common(rows: tuple[ViewRow, ...]) -> list[str]:
    """Names of metrics, those of the most executions first, then by first occurrence."""
    counts: dict[str, int] = {}
    for row in rows:
        for name in row.metrics:
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: -counts[name])


def _best(rows: tuple[ViewRow, ...], name: str) -> str:
    values = [(row.metrics[name], row.run.rid) for row in rows if name in row.metrics]
    if len({value for value, _ in values}) < 2:
        return ""
    smaller = any(word in name.lower() for word in _SMALLER_IS_BETTER)
    return (min if smaller else max)(values, key=lambda pair: pair[0])[1]


def view_mapping(view: NestedView) -> dict[str, Any]:
    """A view as plain data for JSON."""
    return {
        "rid": view.root.rid,
        "direction": "parents" if view.upwards else "children",
        "execution": asdict(view.root),
        "rollup": {**asdict(view.rollup), "counts": dict(view.rollup.counts), "remarks": list(view.rollup.remarks)},
        "overrides_that_differ": list(view.columns),
        "executions": [
            {
                **asdict(row.run),
                "parent": row.parent,
                "level": row.level,
                "sequence": row.sequence,
                "overrides": dict(row.overrides),
                "metrics": dict(row.metrics),
                "note": without_overrides(row.run.description),
            }
            for row in view.rows
        ],
        "best": dict(view.best),
    }
