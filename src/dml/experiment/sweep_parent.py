"""The parent execution of a sweep, as its jobs see it.

``dml run`` makes the parent before the first job and hands its RID and each job's place to the job's process through
Hydra's ``hydra.job.env_set``, which every launcher carries along (basic, joblib, submitit, ray). A sweep that was begun
without ``dml run`` has its parent made by its first job, in that job's process.
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

__all__ = ["PARENT", "SEQUENCE", "PlaceInSweep", "creating_in", "parent_of_this_process", "place_in_sweep"]

PARENT: Final = "DML_PARENT_EXECUTION"
"""Environment variable of a job: RID of the sweep's parent."""

SEQUENCE: Final = "DML_SEQUENCE"
"""Environment variable of a job: its place in the sweep, from 0."""


@dataclass(frozen=True)
class PlaceInSweep:
    """Where a job stands.

    Attributes:
        parent: RID of the parent execution.
        sequence: Its place, from 0.
    """

    parent: str
    sequence: int


@dataclass
class _OwnParent:
    """The parent that this process made."""

    execution: Execution | None = None


_own = _OwnParent()


def sequence_of(number: int) -> int:
    """The place of Hydra's job ``number`` in the whole sweep: a resumed sweep runs some of its jobs only."""
    given = os.environ.get(SEQUENCE, "")
    return int(given) if given.isdigit() else number


def place_in_sweep(number: int) -> PlaceInSweep | None:
    """The place that the job was given; None when it was given none."""
    parent = os.environ.get(PARENT)
    return PlaceInSweep(parent, sequence_of(number)) if parent else None


def parent_of_this_process(ml: DerivaML, configuration: ExecutionConfiguration, job: Any) -> PlaceInSweep:
    """The parent that this process makes with its first job, and ends when it ends."""
    if _own.execution is None:
        parent = ml.create_execution(replace(configuration, datasets=[], assets=[], description="Sweep"))
        parent.execution_start()
        _own.execution = parent
        atexit.register(_end_own)
    return PlaceInSweep(_own.execution.execution_rid, job.number)


def creating_in(place: PlaceInSweep | None) -> AbstractContextManager[None]:
    """Where a job's execution is created: nested in the parent, at its place. One that dies amid it is nested by
    whatever finishes its creation."""
    from dml.execution.creation import nested_in

    return nullcontext() if place is None else nested_in(place.parent, place.sequence)


def reset_multirun_state() -> None:
    """Forget the parent that this process made, so that the next sweep makes another one; it is ended first."""
    _end_own()


def _end_own() -> None:
    """End the parent by its children."""
    from dml.experiment.sweep_end import end_parent

    parent, _own.execution = _own.execution, None
    atexit.unregister(_end_own)
    if parent is not None:
        end_parent(parent)
