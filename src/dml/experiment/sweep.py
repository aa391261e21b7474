"""A sweep of ``dml run``: create its parent and record its jobs before the first one runs, resume it, finish it.

The jobs are recorded in the parent's registry row, so that a killed sweep can continue with the unfinished ones, and in
a metadata file of the parent.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from dml.errors import ConflictError, DmlError, LockedError
from dml.execution import finish_creation, lifecycle, sync
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

__all__ = ["Sweep", "finish_sweep", "job_results", "resume_sweep", "start_sweep", "unfinished_jobs"]

S = ExecutionStatus

_FILE: Final = "sweep.json"
"""Name of the metadata file that lists the jobs."""


@dataclass(frozen=True)
class Sweep:
    """A sweep in progress.

    Attributes:
        parent: The parent execution.
        file: The staged metadata file that lists the jobs; None when it is no longer staged.
    """

    parent: Execution
    file: Path | None = None

    @property
    def record(self) -> SweepRecord:
        """The record in the registry, read now because other processes add to it."""
        record = read_record(self.parent.session.registry, self.parent.execution_rid)
        assert record is not None  # noqa: S101 - start_sweep has written it, resume_sweep has read it
        return record


def start_sweep(
    ml: DerivaML, configuration: ExecutionConfiguration, composition: Composition, *, allow_dirty: bool = False
) -> Sweep:
    """Create the parent, record the jobs, and set the parent to Running. Writes the registry, workspace and catalog.

    Args:
        ml: The catalog.
        configuration: Workflow and description of the parent, which has no inputs.
        composition: The composed sweep.
        allow_dirty: Whether uncommitted changes are accepted.
    """
    parent = ml.create_execution(configuration)
    is_known = composition.uses_basic_sweeper  # all jobs are known before the first one runs
    record = SweepRecord(
        composition.request.config_name,
        tuple(job.overrides for job in composition.jobs) if is_known else (),
        composition.hydra_overrides,
        composition.sweep_name,
        "" if is_known else composition.sweeper,
        () if is_known else composition.overrides,
        complete=is_known,
        allow_dirty=allow_dirty,
    )
    write_record(ml.session.registry, parent.execution_rid, record)
    path = parent.asset_file_path("Execution_Metadata", _FILE, "Hydra_Config", description="Jobs of the sweep")
    _write(path, record)
    parent.execution_start()
    return Sweep(parent, path)


def resume_sweep(ml: DerivaML, rid: str) -> Sweep:
    """A sweep of this workspace, prepared to run its unfinished jobs. Writes the registry and the catalog.

    The registry and the catalog are reconciled. Jobs whose creation was interrupted are created and nested; jobs whose
    process has died become Failed; jobs that never started become Aborted; stopped jobs are committed.

    Raises:
        NotFoundError: The workspace has no such execution.
        ConflictError: The execution is not a sweep of ``dml run``.
        LockedError: The sweep, or one of its jobs, is still running.
    """
    record = read_record(ml.session.registry, rid)
    if record is None:
        raise ConflictError(
            f"{rid} is not a sweep of `dml run`",
            hint=f"Continue a single execution with: dml exec resume {rid} --commit",
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


def unfinished_jobs(sweep: Sweep) -> list[int]:
    """The sequence numbers of the recorded jobs that are not uploaded."""
    states = job_states(sweep.parent.session.catalog, sweep.parent.execution_rid, len(sweep.record.jobs))
    return [state.sequence for state in states if state.sequence is not None and not state.done]


def job_results(sweep: Sweep) -> dict[int, Any]:
    """What the models of the uploaded jobs returned, by sequence number; None if it was not a number."""
    session = sweep.parent.session
    results: dict[int, Any] = {}
    for state in job_states(session.catalog, sweep.parent.execution_rid):
        if state.done and state.rid is not None and state.sequence is not None:
            row = executions.find_execution(session.registry, state.rid)
            results[state.sequence] = row.extra.get(RETURNED) if row is not None else None
    return results


def finish_sweep(sweep: Sweep) -> tuple[bool, list[JobState]]:
    """Update the list of jobs and finish the parent; see ``end_parent``. Writes the registry and the catalog."""
    record = sweep.record
    if sweep.file is not None:
        _write(sweep.file, record)
    return end_parent(sweep.parent, len(record.jobs), complete=record.complete)


def _write(path: Path, record: SweepRecord) -> None:
    path.write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")


def _finish_creations(ml: DerivaML, parent: str) -> None:
    """Finish the interrupted creation of jobs, including their nesting. Writes the registry and the catalog."""
    session = ml.session
    for row in executions.list_executions(session.registry):
        if row.extra.get(finish_creation.NESTED_IN) != parent or not sync.creation_unfinished(session, row.rid):
            continue
        if effective_status(row.status) is not S.ABORTED:
            finish_creation.ensure_created(session, row.rid)
        elif sync.catalog_status(session.catalog, row.rid) is not MISSING:
            finish_creation.finish_nesting(session, row)


def _recover(ml: DerivaML, rid: str) -> None:
    """Set a running job, whose process has died, to Failed; abort a job that never started; commit a stopped one."""
    row = executions.find_execution(ml.session.registry, rid)
    if row is None:
        return
    status = effective_status(row.status)
    if status is S.RUNNING:
        lifecycle.fail(ml.session, rid, "its process ended without reporting an error")
    elif status is S.CREATED:
        lifecycle.abort(ml.session, rid, "its process ended before it started; the sweep runs the job again")
    elif status in (S.STOPPED, S.PENDING_UPLOAD):
        commit(ml.session, rid)


def _refuse_running(ml: DerivaML, rid: str, name: str) -> None:
    runner = liveness.liveness_of(ml.session.registry, rid)
    if runner is not None and runner.state != "dead" and not lifecycle.runs_here(runner):
        raise LockedError(
            f"{name} ({rid}) is being run by {runner.process.describe()}",
            hint="Wait until it ends, or stop it; then resume.",
        )


def parent_configuration(composition: Composition, workflow: Any, description: str) -> ExecutionConfiguration:
    """The configuration of a sweep's parent: its workflow and description, and no inputs.

    Args:
        composition: The composed sweep.
        workflow: The workflow of its jobs.
        description: Description of the parent, Markdown.

    Raises:
        DmlError: The sweep has no jobs.
    """
    if not composition.jobs:
        raise DmlError("the sweep has no jobs")
    return ExecutionConfiguration(
        workflow=workflow,
        description=description,
        argv=["dml", "run", *composition.request.overrides],
        config_choices=dict(composition.jobs[0].choices),
    )
