"""What is remembered of a sweep, beside its parent's row in the registry: its jobs, and how they were chosen.

Hydra's own sweeper is asked for all jobs before the first of them runs. Another sweeper may choose the later jobs by
what the earlier ones returned, so its jobs are added as it chooses them, each before it is begun.
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
"""Key in ``extra`` of a job's row: the number, or the numbers, that its model returned."""


@dataclass(frozen=True)
class SweepRecord:
    """A sweep as it is remembered.

    Attributes:
        config_name: The main configuration.
        jobs: The overrides of every job that was chosen, by its place.
        hydra_overrides: Overrides of Hydra's own settings.
        name: Name of the multirun; empty when it has none.
        sweeper: Class of the sweeper that chooses while it runs; empty for Hydra's own.
        overrides: What that sweeper is given; empty for Hydra's own.
        complete: Whether every job has been chosen.
        allow_dirty: Whether uncommitted changes were accepted when it was begun; they are when it goes on.
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
    """The record of a sweep; None when the execution is none.

    Raises:
        NotFoundError: The workspace knows no such execution.
    """
    kept = executions.get_execution(registry, parent).extra.get(SWEEP)
    if not isinstance(kept, Mapping):
        return None
    return SweepRecord(
        config_name=str(kept["config_name"]),
        jobs=tuple(tuple(map(str, job)) for job in kept["jobs"]),
        hydra_overrides=tuple(map(str, kept["hydra_overrides"])),
        name=str(kept.get("name") or ""),
        sweeper=str(kept.get("sweeper") or ""),
        overrides=tuple(map(str, kept.get("overrides") or ())),
        complete=bool(kept.get("complete", True)),
        allow_dirty=bool(kept.get("allow_dirty", False)),
    )


def write_record(registry: Registry, parent: str, record: SweepRecord) -> None:
    """Remember a sweep."""
    kept: dict[str, Any] = asdict(record)
    executions.update_execution(registry, parent, extra={SWEEP: kept})


def add_jobs(registry: Registry, parent: str, jobs: Sequence[Sequence[str]]) -> None:
    """Remember jobs that were just chosen, behind those that are remembered."""
    with registry.transaction():
        record = read_record(registry, parent)
        if record is not None:
            write_record(registry, parent, replace(record, jobs=(*record.jobs, *map(tuple, jobs))))


def mark_complete(registry: Registry, parent: str) -> None:
    """Remember that every job has been chosen."""
    with registry.transaction():
        record = read_record(registry, parent)
        if record is not None:
            write_record(registry, parent, replace(record, complete=True))
