"""Starting, stopping, failing and aborting an execution, and what it says while it runs.

The registry's status changes first, by compare-and-set in one transaction; then the catalog is told. A change that the
catalog could not be told stays pending and is no failure of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.errors import ConflictError, DmlError, LockedError
from dml.execution import sync
from dml.execution.durations import elapsed, format_duration
from dml.execution.status import MISSING, ExecutionStatus, effective_status, require_transition, shown_status
from dml.workspace import executions, intents, journal, liveness
from dml.workspace.executions import ExecutionRow
from dml.workspace.process import process_state
from dml.workspace.status_change import compare_and_set_status, set_sync_pending

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class Transition:
    """What came of a wanted change.

    Attributes:
        row: The execution afterwards.
        changed: Whether anything changed; False when it was so already.
        problem: Why the catalog could not be told, if it could not; the change stays ``sync_pending``.
    """

    row: ExecutionRow
    changed: bool = True
    problem: DmlError | None = None


def start(session: WorkspaceSession, rid: str) -> Transition:
    """Created → Running, with the time of the start.

    Raises:
        IllegalTransitionError: It is in another state; also when somebody else started it.
    """
    return change(session, rid, S.RUNNING, start_time=session.registry.clock())


def stop(session: WorkspaceSession, rid: str) -> Transition:
    """Running → Stopped, with the time and the duration. Stopped already is fine.

    Raises:
        IllegalTransitionError: It is in another state.
    """
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is S.STOPPED:
        return _already(session, row)
    return change(session, rid, S.STOPPED, **_end_of(session, row))


def fail(session: WorkspaceSession, rid: str, message: str) -> Transition:
    """Running → Failed, with the message, the time and the duration. Failed already is fine; its message is replaced.

    Raises:
        IllegalTransitionError: It is in another state.
    """
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is S.FAILED:
        with session.registry.transaction():
            executions.update_execution(session.registry, rid, error=message)
            set_sync_pending(session.registry, rid, True)
        told = sync.push(session, rid)
        return Transition(told.row, changed=row.error != message, problem=told.problem)
    return change(session, rid, S.FAILED, error=message, **_end_of(session, row))


def abort(session: WorkspaceSession, rid: str, reason: str = "") -> Transition:
    """→ Aborted from Created, Running, Stopped or Failed; staged files stay. Aborted already is fine.

    An execution whose creation was interrupted before the catalog had its row is aborted here only.

    Raises:
        IllegalTransitionError: It is in another state.
        LockedError: Another living process runs it.
    """
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is S.ABORTED:
        return _already(session, row)
    refuse_other_runner(session, rid)
    fields: dict[str, Any] = {"reason": reason or "aborted"}
    if effective_status(row.status) is S.RUNNING:
        fields |= _end_of(session, row)
    if sync.creation_unfinished(session, rid) and sync.catalog_status(session.catalog, rid) is MISSING:
        return _discard(session, row, fields)
    return change(session, rid, S.ABORTED, **fields)


def report_progress(session: WorkspaceSession, rid: str, message: str) -> Transition:
    """Set the progress message (``Status_Detail``) without a transition."""
    told = sync.push_detail(session, rid, message)
    return Transition(told.row, problem=told.problem)


def change(session: WorkspaceSession, rid: str, new: str, **fields: Any) -> Transition:
    """Change the status in the registry, if it still is what it was, and tell the catalog.

    Args:
        session: Where.
        rid: The execution.
        new: The new status.
        **fields: Stored in the registry with it, as ``update_execution`` takes them.

    Raises:
        IllegalTransitionError: The change is not allowed.
        ConflictError: Another process changed it first (the message names it), or the catalog holds a status that
            contradicts this one.
    """
    row = executions.get_execution(session.registry, rid)
    require_transition(row.status, new)
    before = sync.known_catalog_status(row)
    result = compare_and_set_status(session.registry, rid, row.status, new, **fields)
    if not result.won:
        by = f" by {result.by}" if result.by else ""
        raise ConflictError(
            f"{rid} became {shown_status(result.row.status)}{by} before it could become {new}",
            hint=f"dml exec log {rid}",
        )
    if result.row.mode != "online":
        return Transition(result.row)
    told = sync.push(session, rid, seen=before)
    return Transition(told.row, problem=told.problem)


def refuse_other_runner(session: WorkspaceSession, rid: str) -> None:
    """Raise a LockedError when another living process runs the execution.

    Raises:
        LockedError: It does; the message names it.
    """
    found = liveness.liveness_of(session.registry, rid)
    if found is None or found.state == "dead" or runs_here(found):
        return
    raise LockedError(
        f"{rid} is being run by {found.process.describe()}",
        hint="Let it end, or end it; then run this command again.",
    )


def runs_here(found: liveness.Liveness) -> bool:
    """Whether the recorded runner is this very process."""
    import os

    return found.state == "running" and found.process.pid == os.getpid() and process_state(found.process) == "alive"


def _already(session: WorkspaceSession, row: ExecutionRow) -> Transition:
    """Nothing to change; but the catalog is told, if an interrupted command could not tell it."""
    if not row.sync_pending or row.mode != "online":
        return Transition(row, changed=False)
    told = sync.push(session, row.rid)
    return Transition(told.row, changed=False, problem=told.problem)


def _end_of(session: WorkspaceSession, row: ExecutionRow) -> dict[str, Any]:
    """Time of the end and duration of a run that ends now."""
    now = session.registry.clock()
    return {"stop_time": now, "duration": format_duration(elapsed(row.start_time, now))}


def _discard(session: WorkspaceSession, row: ExecutionRow, fields: dict[str, Any]) -> Transition:
    with session.registry.transaction():
        result = compare_and_set_status(session.registry, row.rid, row.status, S.ABORTED, sync_pending=False, **fields)
        if result.won:
            unfinished = intents.find_intents(session.registry, execution_rid=row.rid, unfinished=True)
            intents.withdraw(session.registry, [intent.token for intent in unfinished])
            journal.append(session.registry, "note", "discarded before the catalog had it", execution_rid=row.rid)
    return Transition(result.row, changed=result.won)
