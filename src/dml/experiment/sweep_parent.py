"""The parent execution of a sweep, from the point of view of its jobs.

``dml run`` creates the parent before the first job and passes its RID and each job's sequence number to the process of
the job through ``hydra.job.env_set``, which every launcher supports (basic, joblib, submitit, ray). In a sweep that is
started without ``dml run``, the first job creates the parent in its own process.
"""

from __future__ import annotations

import atexit
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.execution.configuration import ExecutionConfiguration

__all__ = ["PARENT", "SEQUENCE", "SweepPosition", "nested_in_sweep", "process_parent", "sweep_position"]

PARENT: Final = "DML_PARENT_EXECUTION"
"""Environment variable of a job: RID of the sweep's parent."""

SEQUENCE: Final = "DML_SEQUENCE"
"""Environment variable of a job: its sequence number in the sweep, from 0."""


@dataclass(frozen=True)
class SweepPosition:
    """The position of a job in a sweep.

    Attributes:
        parent: RID of the parent execution.
        sequence: Sequence number of the job, from 0.
    """

    parent: str
    sequence: int


@dataclass
class _ProcessParent:
    """The parent that this process created; None when it created none."""

    execution: Execution | None = None


_created = _ProcessParent()


def sequence_of(number: int) -> int:
    """The sequence number of Hydra's job ``number`` in the whole sweep; they differ in a resumed sweep."""
    value = os.environ.get(SEQUENCE, "")
    return int(value) if value.isdigit() else number


def sweep_position(number: int) -> SweepPosition | None:
    """The position that ``dml run`` gave this job; None in a sweep that was started without it."""
    parent = os.environ.get(PARENT)
    return SweepPosition(parent, sequence_of(number)) if parent else None


def process_parent(ml: DerivaML, configuration: ExecutionConfiguration, job: Any) -> SweepPosition:
    """The position of a job under the parent that this process creates for its first job.

    The parent is finished when the process ends. Writes the registry, the workspace and the catalog.

    Args:
        ml: The catalog.
        configuration: Configuration of the job; the parent has its workflow.
        job: The Hydra job, with its ``number``.
    """
    if _created.execution is None:
        parent = ml.create_execution(replace(configuration, datasets=[], assets=[], description="Sweep"))
        parent.execution_start()
        _created.execution = parent
        atexit.register(_finish_parent)
    return SweepPosition(_created.execution.execution_rid, job.number)


def nested_in_sweep(position: SweepPosition | None) -> AbstractContextManager[None]:
    """A block in which executions are created nested in the parent of a sweep, at a position.

    The position is recorded first, so whatever finishes an interrupted creation nests the execution too.
    """
    from dml.execution.creation import nested_in

    return nullcontext() if position is None else nested_in(position.parent, position.sequence)


def reset_multirun_state() -> None:
    """Finish the parent that this process created, so that the next sweep gets a new one."""
    _finish_parent()


def _finish_parent() -> None:
    from dml.experiment.sweep_end import end_parent

    parent, _created.execution = _created.execution, None
    atexit.unregister(_finish_parent)
    if parent is not None:
        end_parent(parent)
