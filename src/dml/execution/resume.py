"""Resuming an execution: registry and catalog are reconciled, and what was interrupted is made ready to continue.

``status.reconcile`` decides what to do about each pair of statuses; this module carries the decision out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import locate, validate_rid
from dml.catalog.schema import EXECUTION
from dml.errors import ConflictError, DmlError, NotFoundError, UsageError
from dml.execution import lifecycle, sync
from dml.execution.adoption import adopt_from_catalog
from dml.execution.creation import CREATED_HERE
from dml.execution.finish_creation import ensure_created
from dml.execution.recover_outputs import describe_left, stage_unrecorded
from dml.execution.status import (
    MISSING,
    ExecutionStatus,
    Outcome,
    StatusOrMissing,
    effective_status,
    reconcile,
    shown_status,
)
from dml.formatting import pluralize
from dml.workspace import executions, journal, liveness
from dml.workspace.execution_lock import execution_lock
from dml.workspace.executions import ExecutionRow
from dml.workspace.pending import Pending, pending_work
from dml.workspace.status_change import set_sync_pending

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class ResumeResult:
    """The result of resuming an execution.

    Attributes:
        row: The execution afterwards.
        outcome: The decision about registry and catalog.
        actions: What was done, one sentence each; empty when nothing was needed.
        pending: What is still to be uploaded.
    """

    row: ExecutionRow
    outcome: Outcome
    actions: tuple[str, ...]
    pending: Pending


def resume(session: WorkspaceSession, rid: str, *, wait: float = 0.0) -> ResumeResult:
    """Bring an execution into a state from which it can continue.

    Finishes an interrupted creation, carries out what ``reconcile`` decides, and moves a run whose process is dead to
    Pending_Upload. An execution that only the catalog has is adopted. Writes registry and catalog; uploads no files.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        wait: Seconds to wait for another process that is working on it.

    Raises:
        NotFoundError: Neither the registry nor the catalog has it.
        UsageError: The RID is malformed, or does not belong to an execution.
        ConflictError: Registry and catalog contradict each other; nothing was changed.
        LockedError: Another living process is working on it.
    """
    rid = validate_rid(rid)
    with execution_lock(session.registry, rid, wait=wait):
        actions: list[str] = []
        outcome = _reconcile(session, rid, actions)
        row = _recover(session, executions.get_execution(session.registry, rid), actions)
        _recover_files(session, row, actions)
        pending = pending_work(session.registry, [rid]).get(rid, Pending())
        if actions:
            journal.append(session.registry, "note", f"resumed: {' '.join(actions)}", execution_rid=rid)
        return ResumeResult(row, outcome, tuple(actions), pending)


def _reconcile(session: WorkspaceSession, rid: str, actions: list[str]) -> Outcome:
    """Carry out the decision about the statuses of registry and catalog; what is done is added to ``actions``."""
    row = executions.find_execution(session.registry, rid)
    if row is not None and row.mode != "online":
        return Outcome.NOTHING
    current = sync.catalog_status(session.catalog, rid)
    unfinished = row is not None and sync.creation_unfinished(session, rid)
    decision = reconcile(
        MISSING if row is None else row.status,
        current,
        sync_pending=row is not None and row.sync_pending,
        confirmed=not unfinished,
    )
    match decision.outcome:
        case Outcome.ABSENT:
            raise _unknown(session, rid)
        case Outcome.ASK:
            local = shown_status(row.status) if row else "unknown"
            remote = shown_status(current) if current is None or isinstance(current, str) else "missing"
            raise ConflictError(
                f"{rid} is {local} here and {remote} in the catalog. {decision.reason} Nothing was changed",
                hint=f"Compare both with `dml exec show {rid}`, then set the catalog's status or create a new"
                " execution.",
            )
        case Outcome.ADOPT_NEW:
            adopt_from_catalog(session, rid)
            actions.append("Adopted it from the catalog.")
        case Outcome.ADOPT | Outcome.ADOPT_AND_KEEP if row is not None and decision.status is not None:
            sync.adopt(session, row, decision.status, reason=decision.reason)
            actions.append(f"Adopted the status {decision.status} from the catalog. {decision.reason}")
        case Outcome.PUSH if row is not None:
            set_sync_pending(session.registry, rid, True, if_status=row.status)
            _push(session, rid, current)
            actions.append(f"Synced the status {row.status} to the catalog.")
        case Outcome.NOTHING if row is not None and row.sync_pending and not unfinished:
            _push(session, rid, current)
            actions.append("Synced details and durations to the catalog.")
    if unfinished:
        ensure_created(session, rid)
        actions.append("Finished its creation.")
    return decision.outcome


def _push(session: WorkspaceSession, rid: str, current: StatusOrMissing) -> None:
    result = sync.push(session, executions.get_execution(session.registry, rid), seen=current)
    if result.error is not None:
        raise result.error


def _recover(session: WorkspaceSession, row: ExecutionRow, actions: list[str]) -> ExecutionRow:
    """Move a run whose process is dead, or was never recorded, to Pending_Upload; return the execution afterwards."""
    if effective_status(row.status) is not S.RUNNING:
        return row
    runner = liveness.liveness_of(session.registry, row.rid)
    if runner is not None and lifecycle.runs_here(runner):
        return row
    lifecycle.refuse_other_runner(session, row.rid)
    if runner is None and row.extra.get(CREATED_HERE):
        # `dml exec start` ends at once and leaves no heartbeat, so a missing runner does not mean that the run is over.
        return row
    why = runner.reason if runner is not None else "no process is recorded for it"
    actions.append(f"Its run has ended ({why}): it is Pending_Upload now.")
    return lifecycle.change(session, row, S.PENDING_UPLOAD).row


def _recover_files(session: WorkspaceSession, row: ExecutionRow, actions: list[str]) -> None:
    """Stage the outputs on disk that no record knows, of a run that is over."""
    if effective_status(row.status) in (S.RUNNING, S.CREATED, S.ABORTED) or row.mode != "online":
        return
    recovery = stage_unrecorded(session, row.rid)
    if recovery.staged:
        actions.append(f"Staged {pluralize(len(recovery.staged), 'file')} that no record knew.")
    if recovery.left:
        actions.append(f"{describe_left(recovery.left)}.")


def _unknown(session: WorkspaceSession, rid: str) -> DmlError:
    location = locate(session.catalog, [rid]).get(rid)
    if location is None:
        return NotFoundError(f"Neither the workspace nor {session.target} has an execution {rid}", hint="dml exec list")
    if location.qualified_name != EXECUTION:
        return UsageError(f"{rid} is a row of {location.table}, not an execution", hint="dml exec list")
    return NotFoundError(f"The execution {rid} was deleted from {session.target}", hint="dml exec list")
