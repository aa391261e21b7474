"""A sweep as ``dml run`` drives it: its parent made before the first job, its jobs remembered, its end by its jobs.

The jobs stand in the registry beside the parent's row, so that a sweep that was killed goes on with those that are not
done, and in a metadata file of the parent.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from dml.errors import ConflictError, DmlError, LockedError
from dml.execution import creation, lifecycle, sync
from dml.execution.commit import commit
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.status import MISSING, ExecutionStatus, effective_status
from dml.experiment.sweep_end import JobState, end_parent, job_states
from dml.experiment.sweep_record import RETURNED, SweepRecord, read_record, write_record
from dml.workspace import executions, liveness

if TYPE_CHECKING:
    from pathlib import Path

    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.experiment.composition import Composition

__all__ = ["Sweep", "begin_sweep", "end_sweep", "jobs_left", "resume_sweep", "returned_by"]

S = ExecutionStatus

_FILE: Final = "sweep.json"
"""Name of the parent's metadata file."""


@dataclass(frozen=True)
class Sweep:
    """A sweep and its parent.

    Attributes:
        parent: The parent execution.
        file: The staged metadata file that names the jobs; None when it is not staged any more.
    """

    parent: Execution
    file: Path | None = None

    @property
    def record(self) -> SweepRecord:
        """What is remembered now: other processes add to it."""
        found = read_record(self.parent.session.registry, self.parent.execution_rid)
        assert found is not None  # noqa: S101 - both ways to a sweep have it written or read
        return found


def begin_sweep(
    ml: DerivaML, configuration: ExecutionConfiguration, composition: Composition, *, allow_dirty: bool = False
) -> Sweep:
    """Make the parent, remember the jobs, and mark the parent Running. Writes registry, workspace and catalog.

    Args:
        ml: The catalog.
        configuration: Workflow and description of the parent; it has no inputs of its own.
        composition: The sweep, every job of it composed.
        allow_dirty: Whether uncommitted changes are accepted.
    """
    parent = ml.create_execution(configuration)
    knows_jobs = composition.has_hydras_sweeper
    record = SweepRecord(
        composition.request.config_name,
        tuple(job.overrides for job in composition.jobs) if knows_jobs else (),
        composition.hydra_overrides,
        composition.sweep_name,
        "" if knows_jobs else composition.sweeper,
        () if knows_jobs else composition.overrides,
        complete=knows_jobs,
        allow_dirty=allow_dirty,
    )
    write_record(ml.session.registry, parent.execution_rid, record)
    path = parent.asset_file_path("Execution_Metadata", _FILE, "Hydra_Config", description="Jobs of the sweep")
    _write(path, record)
    parent.execution_start()
    return Sweep(parent, path)


def resume_sweep(ml: DerivaML, rid: str) -> Sweep:
    """A sweep of this workspace, ready to run the jobs that are not done.

    Registry and catalog are brought to agree; children that were killed while they were created are created and
    nested; those whose process is dead are marked Failed, those that were never started Aborted, those that ended but
    were not uploaded are committed.

    Raises:
        NotFoundError: The workspace knows no such execution.
        ConflictError: It is no sweep of ``dml run``.
        LockedError: The sweep, or one of its jobs, is still running.
    """
    record = read_record(ml.session.registry, rid)
    if record is None:
        raise ConflictError(
            f"{rid} is no sweep that `dml run` began",
            hint=f"A single execution goes on with: dml exec resume {rid} --commit",
        )
    _refuse_running(ml, rid, "the sweep")
    _finish_creations(ml, rid)
    states = job_states(ml.catalog, rid, len(record.jobs))
    for state in states:
        if state.rid is not None and effective_status(state.status) is S.RUNNING:
            _refuse_running(ml, state.rid, f"job {state.sequence}")
    parent = ml.resume_execution(rid)
    if parent.status == S.CREATED:
        parent.execution_start()
    for state in states:
        if state.rid is not None and not state.done:
            _recover(ml, state.rid)
    staged = parent.session.workspace.staged_path(rid, "Execution_Metadata", _FILE)
    return Sweep(parent, staged if parent.status != S.UPLOADED and staged.exists() else None)


def jobs_left(sweep: Sweep) -> list[int]:
    """The places of the jobs that are known and not uploaded."""
    states = job_states(sweep.parent.session.catalog, sweep.parent.execution_rid, len(sweep.record.jobs))
    return [state.sequence for state in states if state.sequence is not None and not state.done]


def returned_by(sweep: Sweep) -> dict[int, Any]:
    """What the models of the jobs that are uploaded returned, by place; None where that was no number."""
    place, rid = sweep.parent.session, sweep.parent.execution_rid
    found: dict[int, Any] = {}
    for state in job_states(place.catalog, rid):
        if state.done and state.rid is not None and state.sequence is not None:
            row = executions.find_execution(place.registry, state.rid)
            found[state.sequence] = row.extra.get(RETURNED) if row is not None else None
    return found


def end_sweep(sweep: Sweep) -> tuple[bool, list[JobState]]:
    """End the parent by its children; see ``end_parent``."""
    record = sweep.record
    if sweep.file is not None:
        _write(sweep.file, record)
    return end_parent(sweep.parent, len(record.jobs), complete=record.complete)


def _write(path: Path, record: SweepRecord) -> None:
    path.write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")


def _finish_creations(ml: DerivaML, parent: str) -> None:
    """Finish the creation of jobs that were killed amid it, their nesting with it. Writes registry and catalog."""
    place = ml.session
    for row in executions.list_executions(place.registry):
        if row.extra.get(creation.NESTED_IN) != parent or not sync.creation_unfinished(place, row.rid):
            continue
        if effective_status(row.status) is not S.ABORTED:
            creation.ensure_created(place, row.rid)
        elif sync.catalog_status(place.catalog, row.rid) is not MISSING:
            creation.finish_nesting(place, row)


def _recover(ml: DerivaML, rid: str) -> None:
    """Mark a job whose process is dead as Failed, give up one that never began, commit one that ended otherwise."""
    row = executions.find_execution(ml.session.registry, rid)
    if row is None:
        return
    status = effective_status(row.status)
    if status is S.RUNNING:
        lifecycle.fail(ml.session, rid, "its process ended without a word")
    elif status is S.CREATED:
        lifecycle.abort(ml.session, rid, "its process ended before it began; the sweep runs the job again")
    elif status in (S.STOPPED, S.PENDING_UPLOAD):
        commit(ml.session, rid)


def _refuse_running(ml: DerivaML, rid: str, what: str) -> None:
    found = liveness.liveness_of(ml.session.registry, rid)
    if found is not None and found.state != "dead" and not lifecycle.runs_here(found):
        raise LockedError(
            f"{what} ({rid}) is being run by {found.process.describe()}", hint="Let it end, or end it; then resume."
        )


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
