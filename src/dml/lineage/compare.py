"""Executions side by side: configuration, inputs, code, durations and metrics, in a few requests for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import validate_rid
from dml.errors import UsageError
from dml.lineage.edge_store import EdgeStore
from dml.lineage.execution_details import executions_of
from dml.lineage.fetch_edges import Reader
from dml.lineage.graph import Condition, Execution, natural
from dml.lineage.tables import METADATA, edge_tables
from dml.metrics.read import find_metrics_files, last_of, read_steps
from dml.nesting.differences import parse_overrides
from dml.nesting.tree import refuse_other_rows

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Aspect", "Compared", "ComparedRun", "compare_executions"]


@dataclass(frozen=True)
class ComparedRun:
    """One execution with all that is compared.

    Attributes:
        execution: Its row with its workflow.
        overrides: Configuration, from its description.
        datasets: What it read, ``RID@VERSION``.
        files: What it read: RID and name.
        steps: Numbers of each step of its metrics file, oldest first.
        metrics: The last value of each.
    """

    execution: Execution
    overrides: Mapping[str, str]
    datasets: tuple[str, ...]
    files: tuple[str, ...]
    steps: tuple[Mapping[str, float], ...]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Aspect:
    """One line of the comparison.

    Attributes:
        group: ``run``, ``code``, ``configuration``, ``inputs`` or ``metrics``.
        name: What it is.
        values: What each execution has, in their order; None for nothing.
    """

    group: str
    name: str
    values: tuple[str | float | None, ...]

    @property
    def differs(self) -> bool:
        """Whether not all executions have the same."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Compared:
    """Executions side by side.

    Attributes:
        runs: In the order in which they were named.
        aspects: All lines, also those in which they agree.
    """

    runs: tuple[ComparedRun, ...]
    aspects: tuple[Aspect, ...]


def compare_executions(catalog: Catalog, rids: Sequence[str]) -> Compared:
    """Read executions and bring them side by side. Reads only.

    Raises:
        UsageError: Fewer than two, one twice, or a RID that is malformed or not an execution's.
        NotFoundError: There is no such row.
    """
    wanted = [validate_rid(rid) for rid in rids]
    if len(set(wanted)) < 2 or len(set(wanted)) < len(wanted):
        raise UsageError("name two or more different executions", hint="dml compare RID RID")
    reader = Reader(catalog, edge_tables(catalog.schema()))
    rows: dict[str, Execution] = {}
    calls: list[Callable[[], None]] = [
        partial(reader.inputs, wanted),
        lambda: rows.update(executions_of(reader, wanted)),
    ]
    gather(calls)
    strangers = [rid for rid in wanted if rows[rid].condition is Condition.missing]
    if strangers:
        refuse_other_rows(catalog, strangers)
    used = sorted({use.dataset for rid in wanted for use in reader.facts.uses.get(rid, ())})
    if used:
        reader.versions("Dataset", used)
    files = find_metrics_files(catalog, wanted)
    steps = dict(zip(files, gather([partial(read_steps, catalog, file) for file in files.values()]), strict=True))
    consumed = reader.tables.consumed_versions
    runs = tuple(_run(reader.facts, rows[rid], steps.get(rid, []), consumed_versions=consumed) for rid in wanted)
    return Compared(runs, tuple(_aspects(runs)))


def _run(
    facts: EdgeStore, row: Execution, steps: Sequence[Mapping[str, float]], *, consumed_versions: bool
) -> ComparedRun:
    datasets = []
    for use in facts.uses.get(row.rid, ()):
        if not facts.is_output(use, consumed_versions=consumed_versions):
            version = facts.version_rows.get(use.version) if use.version else None
            datasets.append(f"{use.dataset}@{version.text}" if version else use.dataset)
    files = (facts.assets[rid] for rid in sorted(facts.read.get(row.rid, ()), key=natural))
    return ComparedRun(
        row,
        parse_overrides(row.description),
        tuple(sorted(datasets, key=natural)),
        tuple(f"{file.rid} {file.filename}".strip() for file in files if file.table != METADATA),
        tuple(steps),
        last_of(steps),
    )


def _aspects(runs: Sequence[ComparedRun]) -> Iterable[Aspect]:
    rows = [run.execution for run in runs]
    flows = [row.workflow for row in rows]
    yield Aspect("run", "status", tuple(row.status for row in rows))
    yield Aspect("run", "duration", tuple(row.duration for row in rows))
    yield Aspect("code", "workflow", tuple((flow.name or flow.rid) if flow else None for flow in flows))
    yield Aspect("code", "link", tuple((flow.url or None) if flow else None for flow in flows))
    yield Aspect("code", "version", tuple((flow.version or None) if flow else None for flow in flows))
    yield Aspect("code", "checksum", tuple((flow.checksum or None) if flow else None for flow in flows))
    for name in dict.fromkeys(name for run in runs for name in run.overrides):
        yield Aspect("configuration", name, tuple(run.overrides.get(name) for run in runs))
    yield Aspect("inputs", "datasets", tuple(", ".join(run.datasets) or None for run in runs))
    yield Aspect("inputs", "files", tuple(", ".join(run.files) or None for run in runs))
    for name in dict.fromkeys(name for run in runs for name in run.metrics):
        yield Aspect("metrics", name, tuple(run.metrics.get(name) for run in runs))
