"""Committing an execution: everything it has staged is uploaded exactly once, however often the commit is interrupted.

Files come first, then feature rows, then the status. A commit that is interrupted anywhere is continued by the next
one: each step finds what is done and does the rest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.errors import AuthError, ConflictError, DmlError, PartialError, RetryableError
from dml.execution import lifecycle, sync, unknown_provenance
from dml.execution.adoption import ADOPTED
from dml.execution.creation import CREATED_HERE
from dml.execution.durations import elapsed, format_duration
from dml.execution.finish_creation import ensure_created
from dml.execution.recover_outputs import describe_left, stage_unrecorded
from dml.execution.status import ExecutionStatus, effective_status, require_transition
from dml.progress import SILENT, Progress
from dml.upload.batch import Batch, collect_batch
from dml.upload.feature_rows import insert_features
from dml.upload.files import CHUNK_SIZE, JOBS, upload_files
from dml.upload.observer import ProgressCallback, UploadObserver
from dml.upload.progress_store import record_waits
from dml.upload.report import UploadReport
from dml.workspace import assets, executions, features, inputs, intents, journal, liveness
from dml.workspace.execution_lock import execution_lock
from dml.workspace.executions import SWEEP

if TYPE_CHECKING:
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["CommitOptions", "commit"]

S = ExecutionStatus

_UNKNOWN_INPUT = "unknown_input"
"""Kind of the intent to link an execution without inputs to the unknown-provenance file."""


@dataclass(frozen=True)
class CommitOptions:
    """How a commit works.

    Attributes:
        jobs: How many files are uploaded at the same time.
        chunk_size: Size in bytes of the chunks of a large file.
        wait: Seconds to wait for another process that is working on the execution.
        ends_sweep: Whether the execution is the parent of a sweep whose jobs are all known to be Uploaded.
    """

    jobs: int = JOBS
    chunk_size: int = CHUNK_SIZE
    wait: float = 0.0
    ends_sweep: bool = False


def commit(
    session: WorkspaceSession,
    rid: str,
    options: CommitOptions | None = None,
    *,
    progress: Progress = SILENT,
    callback: ProgressCallback | None = None,
) -> UploadReport:
    """Upload the pending files and feature rows of an execution, and make it Uploaded.

    Writes the catalog (objects, asset rows, associations, feature rows, status, durations) and the registry. An
    execution that is Uploaded and has nothing pending is left unchanged. Everything staged is checked before anything
    is sent. A transient error (no connection, not signed in) leaves the execution Pending_Upload, any other error
    Failed; in either case the next commit continues. When everything is uploaded and only the last status could not be
    synced, the commit succeeds: the report lists the execution in ``unsynced``, and it stays ``sync_pending``.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        options: How the commit works.
        progress: Receives the progress of each file.
        callback: Receives the same as ``UploadProgress``.

    Raises:
        NotFoundError: A staged file is missing, or a table or term is not in the catalog; nothing was sent.
        ConflictError: The execution is the parent of a sweep that has not ended.
        IllegalTransitionError: The execution is Created or Aborted.
        LockedError: Another living process runs or commits it.
        PartialError: Some files could not be uploaded; the others are uploaded.
        RetryableError: The server cannot be reached, or a disk is full.
    """
    options = options or CommitOptions()
    with (
        execution_lock(session.registry, rid, wait=options.wait),
        record_waits(session.registry, rid, session.catalog.policy),
    ):
        row = ensure_created(session, rid)
        if not options.ends_sweep:
            _refuse_sweep(row)
        row, sync_error = _prepare(session, row)
        try:
            left = stage_unrecorded(session, rid).left
            batch = collect_batch(session, rid)
        except DmlError as error:
            _record_interruption(session, rid, error)
            raise
        if batch and not inputs.list_inputs(session.registry, rid):
            intents.declare(session.registry, _UNKNOWN_INPUT, rid, execution_rid=rid)
        unchanged = UploadReport(execution_rids=[rid], unsynced={rid: sync_error} if sync_error is not None else {})
        if not batch and left:
            raise _incomplete(rid, left)
        if not batch and _is_foreign(session, row):
            return unchanged
        if effective_status(row.status) is S.UPLOADED and not batch:
            if row.error:  # of an earlier commit, whose files have been unstaged since
                executions.update_execution(session.registry, rid, error=None)
            return unchanged
        return _upload(session, row, batch, options, UploadObserver(progress, callback), left)


def _is_foreign(session: WorkspaceSession, row: ExecutionRow) -> bool:
    """Whether an execution was only adopted from the catalog and has nothing of its own in this workspace.

    Whoever made it may have outputs waiting elsewhere, so that it is not for this workspace to call it Uploaded.
    """
    staged = assets.list_assets(session.registry, row.rid) or features.list_features(session.registry, row.rid)
    return bool(row.extra.get(ADOPTED)) and not staged


def _incomplete(rid: str, left: Mapping[str, str]) -> PartialError:
    return PartialError(
        f"{rid}: {describe_left(left)}",
        hint=f"Stage it with `dml exec stage {rid}`, under a table that exists, or remove it; then commit again.",
    )


def _refuse_sweep(row: ExecutionRow) -> None:
    """The parent of a sweep may become Uploaded only after all of its jobs, which a commit of it alone cannot know."""
    if SWEEP in row.extra and effective_status(row.status) is not S.UPLOADED:
        raise ConflictError(
            f"{row.rid} is the parent of a sweep, which is Uploaded when all its jobs are",
            hint=f"dml run --resume {row.rid}    # runs the remaining jobs, and ends the sweep",
        )


def _prepare(session: WorkspaceSession, row: ExecutionRow) -> tuple[ExecutionRow, DmlError | None]:
    """Bring the execution into a status from which it can be committed; a run of this very process is stopped.

    Returns:
        The execution, and why its status could not be synced to the catalog.
    """
    result = sync.push(session, row)  # a status that an interrupted command could not sync
    row, error = result.row, result.error
    status = effective_status(row.status)
    if status is S.RUNNING:
        runner = liveness.liveness_of(session.registry, row.rid)
        if runner is not None and lifecycle.runs_here(runner):
            stopped = lifecycle.stop(session, row.rid)
            return stopped.row, stopped.sync_error
        lifecycle.refuse_other_runner(session, row.rid)
    elif status not in (S.PENDING_UPLOAD, S.UPLOADED):
        require_transition(row.status, S.PENDING_UPLOAD)
    return row, error


def _upload(
    session: WorkspaceSession,
    row: ExecutionRow,
    batch: Batch,
    options: CommitOptions,
    observer: UploadObserver,
    left: Mapping[str, str],
) -> UploadReport:
    """Upload a batch, from Pending_Upload to Uploaded or Failed; it is not Uploaded while outputs are ``left``."""
    rid, started = row.rid, session.registry.clock()
    if effective_status(row.status) is not S.PENDING_UPLOAD:
        row = lifecycle.change(session, row, S.PENDING_UPLOAD, error=None).row
    try:
        report = upload_files(session, rid, batch.files, observer, jobs=options.jobs, chunk_size=options.chunk_size)
        if batch.features:
            observer.announce("rows", f"inserting {len(batch.features)} feature rows")
            report.features = insert_features(session, rid, batch.features)
        _link_unknown_input(session, row)
        if left:
            raise _incomplete(rid, left)
    except (RetryableError, AuthError) as error:
        _record_interruption(session, rid, error)
        raise
    except DmlError as error:
        error.hint = error.hint or f"See `dml exec show {rid}`; `dml exec commit {rid}` continues the upload."
        _fail(session, row, error, elapsed(started, session.registry.clock()))
        raise
    duration = format_duration(elapsed(started, session.registry.clock()))
    transition = lifecycle.change(session, row, S.UPLOADED, upload_duration=duration, error=None)
    if transition.sync_error is not None:
        report.unsynced[rid] = transition.sync_error
    data = report.to_mapping() | {"assets": len(report.assets)}
    journal.append(session.registry, "commit", "uploaded", execution_rid=rid, data=data)
    observer.announce("done", f"{rid} is uploaded")
    return report


def _link_unknown_input(session: WorkspaceSession, row: ExecutionRow) -> None:
    """Link the unknown-provenance file, if this commit or an interrupted one found that no input is recorded."""
    unfinished = intents.find_intents(session.registry, kind=_UNKNOWN_INPUT, execution_rid=row.rid, unfinished=True)
    if not unfinished:
        return
    if not inputs.list_inputs(session.registry, row.rid):
        has_none = bool(row.extra.get(CREATED_HERE))
        if unknown_provenance.link_unknown_input(session.catalog, row.rid, known_to_have_none=has_none):
            message = "no input was recorded; linked to the catalog's unknown provenance"
            journal.append(session.registry, "note", message, execution_rid=row.rid)
    intents.finish(session.registry, [intent.token for intent in unfinished])


def _record_interruption(session: WorkspaceSession, rid: str, error: DmlError) -> None:
    # When the disk is full, even this cannot be written; the error itself is raised then.
    with contextlib.suppress(DmlError):
        executions.update_execution(session.registry, rid, error=str(error))
        journal.append(session.registry, "error", f"the upload was interrupted: {error}", execution_rid=rid)


def _fail(session: WorkspaceSession, row: ExecutionRow, error: DmlError, seconds: float | None) -> None:
    journal.append(session.registry, "error", f"the upload failed: {error}", execution_rid=row.rid)
    try:
        lifecycle.change(session, row, S.FAILED, error=str(error), upload_duration=format_duration(seconds))
    except DmlError as second:
        # The user needs the first error; the journal records that the status could not be set.
        message = f"the status could not be set to Failed: {second}"
        journal.append(session.registry, "error", message, execution_rid=row.rid)
