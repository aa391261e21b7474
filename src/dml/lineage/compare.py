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
from dml.lineage.graph import rid_sort_key
from dml.lineage.nodes import Condition, Execution, Workflow
from dml.lineage.tables import METADATA, edge_tables
from dml.metrics.read import ExecutionMetrics, read_metrics
from dml.nesting.differences import parse_overrides
from dml.nesting.tree import check_executions

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Aspect", "ComparedExecution", "Comparison", "compare_executions"]


@dataclass(frozen=True)
class ComparedExecution:
    """An execution with everything that is compared.

    Attributes:
        execution: The row with its workflow.
        overrides: Hydra overrides, parsed from the description.
        datasets: Input datasets as ``RID@VERSION``.
        files: Input files as RID and name.
        metrics: The metrics of each step, and the last values.
    """

    execution: Execution
    overrides: Mapping[str, str]
    datasets: tuple[str, ...]
    files: tuple[str, ...]
    metrics: ExecutionMetrics


@dataclass(frozen=True)
class Aspect:
    """A property that is compared.

    Attributes:
        group: ``run``, ``code``, ``configuration``, ``inputs`` or ``metrics``.
        name: Name of the property within its group.
        values: The value of each execution, in their order; None for none.
    """

    group: str
    name: str
    values: tuple[str | float | None, ...]

    @property
    def differs(self) -> bool:
        """Whether the executions have different values."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Comparison:
    """Executions side by side.

    Attributes:
        executions: In the requested order.
        aspects: All properties, including those that are equal.
    """

    executions: tuple[ComparedExecution, ...]
    aspects: tuple[Aspect, ...]


def compare_executions(catalog: Catalog, rids: Sequence[str]) -> Comparison:
    """Read executions and compare them side by side. Reads only.

    Raises:
        UsageError: Fewer than two RIDs, a duplicate, or a RID that is malformed or not of an execution.
        NotFoundError: There is no such row.
    """
    wanted = [validate_rid(rid) for rid in rids]
    if len(set(wanted)) < 2 or len(set(wanted)) < len(wanted):
        raise UsageError("compare needs two or more different executions", hint="Run `dml compare RID RID`.")
    reader = Reader(catalog, edge_tables(catalog.schema()))
    rows: dict[str, Execution] = {}
    calls: list[Callable[[], None]] = [
        partial(reader.inputs, wanted),
        lambda: rows.update(executions_of(reader, wanted)),
    ]
    gather(calls)
    missing = [rid for rid in wanted if rows[rid].condition is Condition.missing]
    if missing:
        check_executions(catalog, missing)
    used = sorted({use.dataset for rid in wanted for use in reader.store.uses.get(rid, ())})
    if used:
        reader.versions("Dataset", used)
    metrics = read_metrics(catalog, wanted)
    consumed = reader.tables.consumed_versions
    executions = tuple(_compared(reader.store, rows[rid], metrics[rid], consumed_versions=consumed) for rid in wanted)
    return Comparison(executions, tuple(_aspects(executions)))


def _compared(
    store: EdgeStore, row: Execution, metrics: ExecutionMetrics, *, consumed_versions: bool
) -> ComparedExecution:
    datasets = []
    for use in store.uses.get(row.rid, ()):
        if not store.is_output(use, consumed_versions=consumed_versions):
            version = store.version_rows.get(use.version) if use.version else None
            datasets.append(f"{use.dataset}@{version.text}" if version else use.dataset)
    files = (store.assets[rid] for rid in sorted(store.read.get(row.rid, ()), key=rid_sort_key))
    return ComparedExecution(
        row,
        parse_overrides(row.description),
        tuple(sorted(datasets, key=rid_sort_key)),
        tuple(f"{file.rid} {file.filename}".strip() for file in files if file.table != METADATA),
        metrics,
    )


def _aspects(executions: Sequence[ComparedExecution]) -> Iterable[Aspect]:
    rows = [compared.execution for compared in executions]
    workflows = [row.workflow or Workflow("") for row in rows]
    yield Aspect("run", "status", tuple(row.status for row in rows))
    yield Aspect("run", "duration", tuple(row.duration for row in rows))
    yield Aspect("code", "workflow", tuple(workflow.name or workflow.rid or None for workflow in workflows))
    yield Aspect("code", "link", tuple(workflow.url or None for workflow in workflows))
    yield Aspect("code", "version", tuple(workflow.version or None for workflow in workflows))
    yield Aspect("code", "checksum", tuple(workflow.checksum or None for workflow in workflows))
    for name in dict.fromkeys(name for compared in executions for name in compared.overrides):
        yield Aspect("configuration", name, tuple(compared.overrides.get(name) for compared in executions))
    yield Aspect("inputs", "datasets", tuple(", ".join(compared.datasets) or None for compared in executions))
    yield Aspect("inputs", "files", tuple(", ".join(compared.files) or None for compared in executions))
    for name in dict.fromkeys(name for compared in executions for name in compared.metrics.last):
        yield Aspect("metrics", name, tuple(compared.metrics.last.get(name) for compared in executions))
