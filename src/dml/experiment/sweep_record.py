"""The record of a sweep in the registry row of its parent: its jobs, and how they are chosen.

Hydra's own sweeper determines all jobs before the first one runs. Another sweeper may choose later jobs by what earlier
ones returned, so its jobs are added as they are chosen, each before it starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dml.workspace import executions
from dml.workspace.executions import SWEEP

if TYPE_CHECKING:
    from dml.workspace.registry import Registry

__all__ = ["RETURNED", "SweepRecord", "add_jobs", "mark_complete", "read_record", "write_record"]

RETURNED: Final = "returned"
"""Key in ``extra`` of a job's registry row: the number or numbers that its model returned."""


@dataclass(frozen=True)
class SweepRecord:
    """The record of a sweep.

    Attributes:
        config_name: Name of the main configuration.
        jobs: The overrides of each job that was chosen, by sequence number.
        hydra_overrides: Overrides of Hydra's own settings.
        name: Name of the multirun; empty when it has none.
        sweeper: Class of a sweeper that chooses jobs during the sweep; empty for Hydra's own sweeper.
        overrides: The overrides that this sweeper receives; empty for Hydra's own sweeper.
        complete: Whether every job has been chosen.
        allow_dirty: Whether uncommitted changes are accepted, also when the sweep is resumed.
    """

    config_name: str
    jobs: tuple[tuple[str, ...], ...]
    hydra_overrides: tuple[str, ...] = ()
    name: str = ""
    sweeper: str = ""
    overrides: tuple[str, ...] = ()
    complete: bool = True
    allow_dirty: bool = False


def read_record(registry: Registry, parent: str) -> SweepRecord | None:
    """The record of a sweep; None when the execution is not the parent of a sweep.

    Raises:
        NotFoundError: The workspace has no such execution.
    """
    record = executions.get_execution(registry, parent).extra.get(SWEEP)
    if not isinstance(record, Mapping):
        return None
    return SweepRecord(
        config_name=str(record["config_name"]),
        jobs=tuple(tuple(map(str, job)) for job in record["jobs"]),
        hydra_overrides=tuple(map(str, record["hydra_overrides"])),
        name=str(record.get("name") or ""),
        sweeper=str(record.get("sweeper") or ""),
        overrides=tuple(map(str, record.get("overrides") or ())),
        complete=bool(record.get("complete", True)),
        allow_dirty=bool(record.get("allow_dirty", False)),
    )


def write_record(registry: Registry, parent: str, record: SweepRecord) -> None:
    """Write the record of a sweep to the registry."""
    document: dict[str, Any] = asdict(record)
    executions.update_execution(registry, parent, extra={SWEEP: document})


def add_jobs(registry: Registry, parent: str, jobs: Sequence[Sequence[str]]) -> None:
    """Append newly chosen jobs to the record of a sweep. Writes the registry."""
    with registry.transaction():
        record = read_record(registry, parent)
        if record is not None:
            write_record(registry, parent, replace(record, jobs=(*record.jobs, *map(tuple, jobs))))


def mark_complete(registry: Registry, parent: str) -> None:
    """Record that every job has been chosen. Writes the registry."""
    with registry.transaction():
        record = read_record(registry, parent)
        if record is not None:
            write_record(registry, parent, replace(record, complete=True))
