"""Synchronizing status, detail and durations of an execution from the registry to the catalog.

A status is written only over the one that the catalog is known to hold (compare-and-set); when it holds another, the
two are reconciled. What could not be written stays marked ``sync_pending``, and the next command that writes to the
catalog pushes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.catalog.indexed_text import shortened
from dml.catalog.rows import compare_and_set, select, update
from dml.catalog.schema import EXECUTION
from dml.errors import AuthError, ConflictError, DmlError, NotFoundError, RetryableError, UsageError
from dml.execution.status import (
    MISSING,
    Outcome,
    Reconciliation,
    StatusOrMissing,
    effective_status,
    reconcile,
    shown_status,
)
from dml.workspace import executions, intents, journal
from dml.workspace.executions import ExecutionRow
from dml.workspace.status_change import compare_and_set_status, set_status_detail, set_sync_pending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dml.catalog.connection import Catalog
    from dml.workspace.session import WorkspaceSession

CATALOG_STATUS = "catalog_status"
"""Key in an execution's ``extra``: the status that the catalog confirmed last."""

CREATION = "execution"
"""Kind of the intent to insert an execution's row."""

_ATTEMPTS = 3


@dataclass(frozen=True)
class SyncResult:
    """The result of a push.

    Attributes:
        row: The execution as the registry has it now.
        error: Why the catalog does not hold the same: it cannot be reached, or refuses the credential. None on success.
    """

    row: ExecutionRow
    error: DmlError | None = None


def push(session: WorkspaceSession, row: ExecutionRow, *, seen: StatusOrMissing = MISSING) -> SyncResult:
    """Write status, detail and durations of a ``sync_pending`` execution to the catalog, and record the confirmation.

    Args:
        session: The workspace and its catalog.
        row: The execution as the registry has it.
        seen: The status that the catalog is known to hold; read from the catalog when ``MISSING``.

    Returns:
        The row afterwards, with the error when the server cannot be reached or refuses the credential; the execution
        then stays ``sync_pending``.

    Raises:
        ConflictError: The catalog holds a status that contradicts the registry's, or its status keeps changing. Where
            reconciliation allows it, the registry has adopted the catalog's status.
    """
    if not row.sync_pending or row.mode != "online":
        return SyncResult(row)
    try:
        for _ in range(_ATTEMPTS):
            current = catalog_status(session.catalog, row.rid) if seen is MISSING else seen
            if _write(session, row, current):
                return SyncResult(_confirm(session, row))
            seen = MISSING
    except (RetryableError, AuthError) as error:
        message = f"status {row.status} not synced to the catalog: {error}"
        journal.append(session.registry, "error", message, execution_rid=row.rid)
        return SyncResult(row, error)
    raise ConflictError(f"The status of {row.rid} keeps changing in the catalog", hint=f"dml exec show {row.rid}")


def push_detail(session: WorkspaceSession, rid: str, message: str) -> SyncResult:
    """Record a progress message and write it to the catalog, without a transition. Errors are returned as by ``push``.

    Raises:
        NotFoundError: The catalog has no such execution.
    """
    row = set_status_detail(session.registry, rid, message)
    if row.mode != "online":
        return SyncResult(row)
    try:
        if session.catalog.schema().capabilities.status_detail:
            values = {"RID": rid, "Status_Detail": _detail(row.status_detail)}
            if not update(session.catalog, EXECUTION, [values], columns=["Status_Detail"]):
                raise NotFoundError(f"The catalog has no execution {rid}", hint=f"dml exec resume {rid}")
    except (RetryableError, AuthError) as error:
        return SyncResult(row, error)
    if row.extra.get(CATALOG_STATUS, row.status) == row.status:
        set_sync_pending(session.registry, rid, False, if_status=row.status)
    return SyncResult(executions.get_execution(session.registry, rid))


def push_all(session: WorkspaceSession, *, exclude: Sequence[str] = ()) -> list[tuple[str, DmlError]]:
    """Push every execution that is ``sync_pending``; one registry query and no request when there is none.

    Returns:
        RID and error of each execution that could not be synced.
    """
    errors: list[tuple[str, DmlError]] = []
    for row in executions.list_executions(session.registry, sync_pending=True):
        if row.rid in exclude or row.mode != "online" or creation_unfinished(session, row.rid):
            continue
        try:
            error = push(session, row).error
        except DmlError as conflict:
            error = conflict
        if error is not None:
            errors.append((row.rid, error))
    return errors


def catalog_status(catalog: Catalog, rid: str) -> StatusOrMissing:
    """The status an execution has in the catalog, verbatim; ``MISSING`` when it has no such row."""
    rows = select(catalog, EXECUTION, where={"RID": rid}, columns=["RID", "Status"])
    return rows[0]["Status"] if rows else MISSING


def creation_unfinished(session: WorkspaceSession, rid: str) -> bool:
    """Whether the catalog has not confirmed the execution's row yet."""
    return bool(intents.find_intents(session.registry, kind=CREATION, execution_rid=rid, unfinished=True))


def adopt(session: WorkspaceSession, row: ExecutionRow, status: str, *, reason: str) -> ExecutionRow:
    """Replace the registry's status by the catalog's; staged files and features stay unchanged. Writes the registry."""
    with session.registry.transaction():
        change = compare_and_set_status(
            session.registry, row.rid, row.status, status, sync_pending=False, extra={CATALOG_STATUS: status}
        )
        if change.won:
            journal.append(session.registry, "note", reason, execution_rid=row.rid)
    return change.row


def known_catalog_status(row: ExecutionRow) -> StatusOrMissing:
    """The status that the catalog is known to hold; ``MISSING`` when it is not known."""
    if row.sync_pending:
        confirmed: StatusOrMissing = row.extra.get(CATALOG_STATUS, MISSING)
        return confirmed
    return row.status if effective_status(row.status) is not None else MISSING


def _confirm(session: WorkspaceSession, row: ExecutionRow) -> ExecutionRow:
    """Record that the catalog holds the registry's status; a newer status stays ``sync_pending``."""
    with session.registry.transaction():
        set_sync_pending(session.registry, row.rid, False, if_status=row.status)
        return executions.update_execution(session.registry, row.rid, extra={CATALOG_STATUS: row.status})


def _catalog_values(catalog: Catalog, row: ExecutionRow) -> dict[str, Any]:
    """Detail and durations for the catalog's row, as far as the catalog has columns for them."""
    capabilities = catalog.schema().capabilities
    values: dict[str, Any] = {}
    if capabilities.status_detail:
        values["Status_Detail"] = _detail(row.error or row.reason or row.status_detail)
    durations = {
        "Duration": row.duration,
        "Execution_Duration": row.duration,
        "Download_Duration": row.download_duration,
        "Upload_Duration": row.upload_duration,
    }
    values |= {name: durations[name] for name in capabilities.durations if durations[name] is not None}
    return values


def _detail(text: str | None) -> str | None:
    """The detail, shortened to what every server indexes; registry and journal have the full text."""
    return None if text is None else shortened(text)


def _write(session: WorkspaceSession, row: ExecutionRow, current: StatusOrMissing) -> bool:
    """Replace the catalog's status, if it still is ``current``; return whether it was."""
    decision = reconcile(row.status, current, sync_pending=True)
    if decision.outcome not in (Outcome.PUSH, Outcome.NOTHING):
        raise _contradiction(session, row, current, decision)
    assert current is None or isinstance(current, str)  # noqa: S101 - a missing row is never pushed
    values = _catalog_values(session.catalog, row)
    try:
        return compare_and_set(session.catalog, EXECUTION, row.rid, "Status", current, row.status, values)
    except UsageError:  # the server refuses the detail; the status is synced without it
        values.pop("Status_Detail", None)
        return compare_and_set(session.catalog, EXECUTION, row.rid, "Status", current, row.status, values)


def _contradiction(
    session: WorkspaceSession, row: ExecutionRow, current: StatusOrMissing, decision: Reconciliation
) -> DmlError:
    if current is MISSING:
        return NotFoundError(
            f"The catalog has no execution {row.rid}. {decision.reason}", hint=f"dml exec resume {row.rid}"
        )
    shown = shown_status(current) if current is None or isinstance(current, str) else "?"
    if decision.outcome in (Outcome.ADOPT, Outcome.ADOPT_AND_KEEP) and decision.status is not None:
        adopt(session, row, decision.status, reason=decision.reason)
        return ConflictError(f"{row.rid} is {shown} in the catalog. {decision.reason}", hint=f"dml exec show {row.rid}")
    return ConflictError(
        f"{row.rid} is {shown_status(row.status)} here and {shown} in the catalog. {decision.reason}",
        hint=f"dml exec resume {row.rid}",
    )
