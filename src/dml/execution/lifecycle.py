"""Starting, stopping, failing and aborting an execution, and its progress messages.

The status in the registry changes first, by compare-and-set in one transaction; then it is synced to the catalog. When
the catalog cannot be reached, the change stays ``sync_pending`` and the run goes on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.errors import ConflictError, DmlError, LockedError
from dml.execution import sync
from dml.execution.durations import elapsed, format_duration
from dml.execution.status import MISSING, ExecutionStatus, effective_status, require_transition, shown_status
from dml.progress import SILENT, Progress
from dml.workspace import executions, intents, journal, liveness
from dml.workspace.execution_lock import execution_lock
from dml.workspace.executions import ExecutionRow
from dml.workspace.process import process_state
from dml.workspace.status_change import compare_and_set_status, set_sync_pending

if TYPE_CHECKING:
    from dml.execution.fetch_inputs import FetchedAsset
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class Transition:
    """The result of changing a status.

    Attributes:
        row: The execution afterwards.
        changed: Whether the status changed; False when it was the requested one already.
        sync_error: Why the status could not be synced to the catalog; None on success.
    """

    row: ExecutionRow
    changed: bool = True
    sync_error: DmlError | None = None


@dataclass(frozen=True)
class Started(Transition):
    """The result of starting an execution.

    Attributes:
        inputs: Its input assets on disk.
    """

    inputs: tuple[FetchedAsset, ...] = ()


def begin(session: WorkspaceSession, rid: str, *, progress: Progress = SILENT, jobs: int = 4) -> Started:
    """Start an execution: Created → Running, after fetching its inputs.

    Everything that can refuse the start comes first: status, another runner, the lock. Then an interrupted creation is
    finished, the inputs are fetched, and the start is recorded. Writes workspace, cache, registry and catalog.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        progress: Receives the progress of each input that is downloaded.
        jobs: How many inputs are downloaded at the same time.

    Raises:
        IllegalTransitionError: It is not Created.
        LockedError: Another process is working on it.
        NotFoundError: The workspace has no such execution, or an input is missing from the catalog.
        IntegrityError: An input does not have the length or checksum that the catalog records.
        ConflictError: The catalog holds a contradictory status.
    """
    from dml.execution.fetch_inputs import fetch_inputs
    from dml.execution.finish_creation import ensure_created

    require_transition(executions.get_execution(session.registry, rid).status, S.RUNNING)
    refuse_other_runner(session, rid)
    with execution_lock(session.registry, rid):
        row = ensure_created(session, rid)
        require_transition(row.status, S.RUNNING)  # another process may have started it before the lock was taken
        inputs = fetch_inputs(session, rid, progress=progress, jobs=jobs)
        transition = change(session, row, S.RUNNING, start_time=session.registry.clock())
    return Started(transition.row, sync_error=transition.sync_error, inputs=tuple(inputs))


def stop(session: WorkspaceSession, rid: str) -> Transition:
    """Running → Stopped, with the time and the duration; an execution that is Stopped already stays unchanged.

    Raises:
        IllegalTransitionError: It has another status.
    """
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is S.STOPPED:
        return _unchanged(session, row)
    return change(session, row, S.STOPPED, **_end_fields(session, row))


def fail(session: WorkspaceSession, rid: str, message: str) -> Transition:
    """Running → Failed, with message, time and duration; if it is Failed already, only the message is replaced.

    Raises:
        IllegalTransitionError: It has another status.
    """
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is not S.FAILED:
        return change(session, row, S.FAILED, error=message, **_end_fields(session, row))
    with session.registry.transaction():
        set_sync_pending(session.registry, rid, True)
        updated = executions.update_execution(session.registry, rid, error=message)
    result = sync.push(session, updated)
    return Transition(result.row, changed=row.error != message, sync_error=result.error)


def abort(session: WorkspaceSession, rid: str, reason: str = "") -> Transition:
    """Created, Running, Stopped or Failed → Aborted; staged files stay. An aborted execution stays unchanged.

    An execution whose creation was interrupted before the catalog had its row is aborted in the registry only.

    Raises:
        IllegalTransitionError: It has another status.
        LockedError: Another living process runs it.
    """
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is S.ABORTED:
        return _unchanged(session, row)
    refuse_other_runner(session, rid)
    fields: dict[str, Any] = {"reason": reason or "aborted"}
    if effective_status(row.status) is S.RUNNING:
        fields |= _end_fields(session, row)
    if sync.creation_unfinished(session, rid) and sync.catalog_status(session.catalog, rid) is MISSING:
        return _discard(session, row, fields)
    return change(session, row, S.ABORTED, **fields)


def report_progress(session: WorkspaceSession, rid: str, message: str) -> Transition:
    """Set the progress message (``Status_Detail``) without a transition."""
    result = sync.push_detail(session, rid, message)
    return Transition(result.row, sync_error=result.error)


def change(session: WorkspaceSession, row: ExecutionRow, new: str, **fields: Any) -> Transition:
    """Change the status in the registry, if it still is the one in ``row``, and sync it to the catalog.

    Args:
        session: The workspace and its catalog.
        row: The execution as it was read.
        new: The new status.
        **fields: Stored in the registry together with the status; see ``update_execution``.

    Raises:
        IllegalTransitionError: The transition is not allowed.
        ConflictError: Another process changed the status first (the message names it), or the catalog holds a
            contradictory status.
    """
    require_transition(row.status, new)
    catalog_status = sync.known_catalog_status(row)
    result = compare_and_set_status(session.registry, row.rid, row.status, new, **fields)
    if not result.won:
        by = f" by {result.by}" if result.by else ""
        raise ConflictError(
            f"{row.rid} became {shown_status(result.row.status)}{by} before it could become {new}",
            hint=f"dml exec log {row.rid}",
        )
    if result.row.mode != "online":
        return Transition(result.row)
    pushed = sync.push(session, result.row, seen=catalog_status)
    return Transition(pushed.row, sync_error=pushed.error)


def refuse_other_runner(session: WorkspaceSession, rid: str) -> None:
    """Raise a LockedError when another living process runs the execution; the message names the process."""
    runner = liveness.liveness_of(session.registry, rid)
    if runner is None or runner.state == "dead" or runs_here(runner):
        return
    raise LockedError(
        f"{rid} is being run by {runner.process.describe()}",
        hint="Wait until it ends, or stop it; then run this command again.",
    )


def runs_here(runner: liveness.Liveness) -> bool:
    """Whether the recorded runner is this very process."""
    return runner.state == "running" and runner.process.pid == os.getpid() and process_state(runner.process) == "alive"


def _unchanged(session: WorkspaceSession, row: ExecutionRow) -> Transition:
    """Nothing to change; a status that an interrupted command could not sync is synced."""
    if row.mode != "online":
        return Transition(row, changed=False)
    result = sync.push(session, row)
    return Transition(result.row, changed=False, sync_error=result.error)


def _end_fields(session: WorkspaceSession, row: ExecutionRow) -> dict[str, Any]:
    """Stop time and duration of a run that ends now."""
    now = session.registry.clock()
    return {"stop_time": now, "duration": format_duration(elapsed(row.start_time, now))}


def _discard(session: WorkspaceSession, row: ExecutionRow, fields: dict[str, Any]) -> Transition:
    """Abort an execution that the catalog has never had: its unfinished intents are withdrawn."""
    with session.registry.transaction():
        result = compare_and_set_status(session.registry, row.rid, row.status, S.ABORTED, sync_pending=False, **fields)
        if result.won:
            unfinished = intents.find_intents(session.registry, execution_rid=row.rid, unfinished=True)
            intents.withdraw(session.registry, [intent.token for intent in unfinished])
            journal.append(session.registry, "note", "discarded before the catalog had it", execution_rid=row.rid)
    return Transition(result.row, changed=result.won)
