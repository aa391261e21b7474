"""A sweep as ``dml run`` drives it: its parent made before the first job, its jobs remembered, its end by its jobs.

The jobs stand in the registry beside the parent's row and in a metadata file of the parent, so that a sweep that was
killed goes on with those that are not done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.errors import ConflictError, DmlError, LockedError
from dml.execution.commit import commit
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.status import ExecutionStatus, effective_status
from dml.experiment.sweep_end import JobState, end_parent, job_states
from dml.workspace import executions, liveness

if TYPE_CHECKING:
    from dml.deriva_ml import DerivaML
    from dml.execution.execution import Execution
    from dml.experiment.composition import Composition

__all__ = ["Sweep", "begin_sweep", "end_sweep", "jobs_left", "resume_sweep"]

S = ExecutionStatus

SWEEP = "sweep"
"""Key in ``extra`` of the parent's row in the registry."""


@dataclass(frozen=True)
class Sweep:
    """A sweep and its parent.

    Attributes:
        parent: The parent execution.
        config_name: The main configuration.
        jobs: The overrides of every job, by its place.
        hydra_overrides: Overrides of Hydra's own settings.
        name: Name of the multirun; empty when it has none.
    """

    parent: Execution
    config_name: str
    jobs: tuple[tuple[str, ...], ...]
    hydra_overrides: tuple[str, ...]
    name: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "name": self.name,
            "config_name": self.config_name,
            "hydra_overrides": list(self.hydra_overrides),
            "jobs": [list(job) for job in self.jobs],
        }


def begin_sweep(ml: DerivaML, configuration: ExecutionConfiguration, composition: Composition) -> Sweep:
    """Make the parent, remember the jobs, and mark the parent Running. Writes registry, workspace and catalog.

    Args:
        ml: The catalog.
        configuration: Workflow and description of the parent; it has no inputs of its own.
        composition: The sweep, every job of it composed.
    """
    parent = ml.create_execution(configuration)
    sweep = Sweep(
        parent,
        composition.request.config_name,
        tuple(job.overrides for job in composition.jobs),
        composition.hydra_overrides,
        composition.sweep_name,
    )
    kept = sweep.to_mapping()
    executions.update_execution(ml.place.registry, parent.execution_rid, extra={SWEEP: kept})
    path = parent.asset_file_path("Execution_Metadata", "sweep.json", "Hydra_Config", description="Jobs of the sweep")
    path.write_text(json.dumps(kept, indent=2), encoding="utf-8")
    parent.execution_start()
    return sweep


def resume_sweep(ml: DerivaML, rid: str) -> Sweep:
    """A sweep of this workspace, ready to run the jobs that are not done.

    Registry and catalog are brought to agree; children whose process is dead are marked Failed, those that ended but
    were not uploaded are committed.

    Raises:
        NotFoundError: The workspace knows no such execution.
        ConflictError: It is no sweep of ``dml run``.
        LockedError: The sweep, or one of its jobs, is still running.
    """
    row = executions.get_execution(ml.place.registry, rid)
    kept = row.extra.get(SWEEP)
    if not isinstance(kept, Mapping):
        raise ConflictError(f"{rid} is no sweep that `dml run` began", hint=f"dml nested {rid} shows its children.")
    _refuse_running(ml, rid, "the sweep")
    parent = ml.resume_execution(rid)
    sweep = Sweep(
        parent,
        str(kept["config_name"]),
        tuple(tuple(map(str, job)) for job in kept["jobs"]),
        tuple(map(str, kept["hydra_overrides"])),
        str(kept.get("name") or ""),
    )
    for state in job_states(ml.catalog, rid, len(sweep.jobs)):
        if state.rid is not None and not state.done:
            _recover(ml, state)
    return sweep


def jobs_left(ml: DerivaML, sweep: Sweep) -> list[int]:
    """The places of the jobs that are not uploaded."""
    states = job_states(ml.catalog, sweep.parent.execution_rid, len(sweep.jobs))
    return [state.sequence for state in states if state.sequence is not None and not state.done]


def end_sweep(sweep: Sweep) -> tuple[bool, list[JobState]]:
    """End the parent by its children; see ``end_parent``."""
    return end_parent(sweep.parent, len(sweep.jobs))


def _recover(ml: DerivaML, state: JobState) -> None:
    """Mark a job whose process is dead as Failed, commit one that ended without being uploaded."""
    from dml.execution import lifecycle

    assert state.rid is not None  # noqa: S101 - the caller asked
    row = executions.find_execution(ml.place.registry, state.rid)
    if row is None:
        return
    status = effective_status(row.status)
    if status is S.RUNNING:
        _refuse_running(ml, state.rid, f"job {state.sequence}")
        lifecycle.fail(ml.place, state.rid, "its process ended without a word")
    elif status in (S.STOPPED, S.PENDING_UPLOAD):
        commit(ml.place, state.rid)


def _refuse_running(ml: DerivaML, rid: str, what: str) -> None:
    found = liveness.liveness_of(ml.place.registry, rid)
    row = executions.get_execution(ml.place.registry, rid)
    if found is not None and found.state != "dead" and effective_status(row.status) is S.RUNNING:
        raise LockedError(
            f"{what} ({rid}) is being run by {found.process.describe()}", hint="Let it end, or end it; then resume."
        )


def describe_states(states: Sequence[JobState]) -> list[str]:
    """One line for each job."""
    return [state.describe() for state in states]


def parent_configuration(composition: Composition, workflow: Any, description: str) -> ExecutionConfiguration:
    """What the parent of a sweep is given: no inputs, the sweep's workflow and description.

    Raises:
        DmlError: There is no job.
    """
    if not composition.jobs:
        raise DmlError("The sweep has no job")
    return ExecutionConfiguration(
        workflow=workflow,
        description=description,
        argv=["dml", "run", *composition.request.overrides],
        config_choices=dict(composition.jobs[0].choices),
    )
