"""Telling the catalog what the registry says about an execution: status, detail, durations.

A status is written only over the one the catalog is known to hold (compare-and-set); when it holds another, the two are
reconciled. What could not be written stays marked ``sync_pending`` and is pushed by the next command that writes.
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
class Synced:
    """What came of telling the catalog.

    Attributes:
        row: The execution as the registry has it now.
        done: Whether the catalog holds the same.
        problem: Why not, when it could not be reached or did not allow it.
    """

    row: ExecutionRow
    done: bool
    problem: DmlError | None = None


def push(session: WorkspaceSession, rid: str, *, seen: StatusOrMissing = MISSING) -> Synced:
    """Write the registry's status, detail and durations to the catalog.

    Args:
        session: Where.
        rid: The execution.
        seen: The status the catalog is known to hold; looked up when ``MISSING``.

    Returns:
        Not done, with the problem, when the server cannot be reached or refuses the credential: nothing is lost then.

    Raises:
        ConflictError: The catalog holds a status that contradicts the registry's, or took another one meanwhile; the
            registry has then taken it over where that is allowed.
    """
    row = executions.get_execution(session.registry, rid)
    if not row.sync_pending or row.mode != "online":
        return Synced(row, done=True)
    try:
        for _ in range(_ATTEMPTS):
            there = catalog_status(session.catalog, rid) if seen is MISSING else seen
            if _write(session, row, there):
                return Synced(executions.get_execution(session.registry, rid), done=True)
            seen = MISSING
    except (RetryableError, AuthError) as error:
        journal.append(session.registry, "error", f"the catalog was not told {row.status}: {error}", execution_rid=rid)
        return Synced(row, done=False, problem=error)
    raise ConflictError(f"The status of {rid} keeps changing in the catalog", hint=f"dml exec show {rid}")


def push_detail(session: WorkspaceSession, rid: str, message: str) -> Synced:
    """Record a progress message and tell the catalog; no transition. As ``push`` when it cannot be told."""
    row = set_status_detail(session.registry, rid, message)
    if row.mode != "online":
        return Synced(row, done=True)
    try:
        if session.catalog.schema().capabilities.status_detail:
            changed = update(
                session.catalog,
                EXECUTION,
                [{"RID": rid, "Status_Detail": _fitted(row.status_detail)}],
                columns=["Status_Detail"],
            )
            if not changed:
                raise NotFoundError(f"The catalog has no execution {rid}", hint=f"dml exec resume {rid}")
    except (RetryableError, AuthError) as error:
        return Synced(row, done=False, problem=error)
    if row.extra.get(CATALOG_STATUS, row.status) == row.status:
        set_sync_pending(session.registry, rid, False, if_status=row.status)
    return Synced(executions.get_execution(session.registry, rid), done=True)


def push_all(session: WorkspaceSession, *, but: Sequence[str] = ()) -> list[tuple[str, DmlError]]:
    """Push every status that the catalog has not been told; says which ones could not be, and why.

    Costs nothing when there are none.
    """
    problems: list[tuple[str, DmlError]] = []
    for row in executions.list_executions(session.registry, sync_pending=True):
        if row.rid in but or row.mode != "online" or creation_unfinished(session, row.rid):
            continue
        try:
            result = push(session, row.rid)
        except DmlError as error:
            problems.append((row.rid, error))
            continue
        if result.problem is not None:
            problems.append((row.rid, result.problem))
    return problems


def catalog_status(catalog: Catalog, rid: str) -> StatusOrMissing:
    """The status an execution has in the catalog, verbatim; ``MISSING`` when it has no such row."""
    rows = select(catalog, EXECUTION, where={"RID": rid}, columns=["RID", "Status"])
    return rows[0]["Status"] if rows else MISSING


def creation_unfinished(session: WorkspaceSession, rid: str) -> bool:
    """Whether the catalog has not confirmed the execution's row yet."""
    return bool(intents.find_intents(session.registry, kind=CREATION, execution_rid=rid, unfinished=True))


def adopt(session: WorkspaceSession, row: ExecutionRow, status: str, *, reason: str) -> ExecutionRow:
    """Let the registry take over the catalog's status; staged files and features stay as they are."""
    with session.registry.transaction():
        change = compare_and_set_status(
            session.registry, row.rid, row.status, status, sync_pending=False, extra={CATALOG_STATUS: status}
        )
        if change.won:
            journal.append(session.registry, "note", reason, execution_rid=row.rid)
    return change.row


def confirm(session: WorkspaceSession, row: ExecutionRow) -> None:
    """Record that the catalog holds the registry's status; a newer status keeps its mark."""
    with session.registry.transaction():
        set_sync_pending(session.registry, row.rid, False, if_status=row.status)
        executions.update_execution(session.registry, row.rid, extra={CATALOG_STATUS: row.status})


def catalog_values(catalog: Catalog, row: ExecutionRow) -> dict[str, Any]:
    """What the catalog's row holds besides the status: detail and durations, as far as it has columns for them."""
    able = catalog.schema().capabilities
    values: dict[str, Any] = {}
    if able.status_detail:
        values["Status_Detail"] = _fitted(row.error or row.reason or row.status_detail)
    known = {
        "Duration": row.duration,
        "Execution_Duration": row.duration,
        "Download_Duration": row.download_duration,
        "Upload_Duration": row.upload_duration,
    }
    values |= {name: known[name] for name in able.durations if known[name] is not None}
    return values


def _fitted(detail: str | None) -> str | None:
    """The detail as every server takes it; the registry and the journal have the whole."""
    return None if detail is None else shortened(detail)


def _write(session: WorkspaceSession, row: ExecutionRow, there: StatusOrMissing) -> bool:
    """Write over the status that the catalog holds; False when it held another by then."""
    decision = reconcile(row.status, there, sync_pending=True)
    if decision.outcome not in (Outcome.PUSH, Outcome.NOTHING):
        raise _contradiction(session, row, there, decision)
    assert there is None or isinstance(there, str)  # noqa: S101 - a missing row is never pushed
    values = catalog_values(session.catalog, row)
    try:
        done = compare_and_set(session.catalog, EXECUTION, row.rid, "Status", there, row.status, values)
    except UsageError:  # a server that does not take the detail: the status must not fail for it
        values.pop("Status_Detail", None)
        done = compare_and_set(session.catalog, EXECUTION, row.rid, "Status", there, row.status, values)
    if done:
        confirm(session, row)
    return done


def _contradiction(
    session: WorkspaceSession, row: ExecutionRow, there: StatusOrMissing, decision: Reconciliation
) -> DmlError:
    if there is MISSING:
        return NotFoundError(
            f"The catalog has no execution {row.rid}. {decision.reason}", hint=f"dml exec resume {row.rid}"
        )
    shown = shown_status(there) if there is None or isinstance(there, str) else "?"
    if decision.outcome in (Outcome.ADOPT, Outcome.ADOPT_AND_KEEP) and decision.status is not None:
        adopt(session, row, decision.status, reason=decision.reason)
        return ConflictError(f"{row.rid} is {shown} in the catalog. {decision.reason}", hint=f"dml exec show {row.rid}")
    return ConflictError(
        f"{row.rid} is {shown_status(row.status)} here and {shown} in the catalog. {decision.reason}",
        hint=f"dml exec resume {row.rid}",
    )


def known_catalog_status(row: ExecutionRow) -> StatusOrMissing:
    """What the catalog is known to hold for an execution that is not waiting to be pushed; ``MISSING`` when not
    known."""
    if row.sync_pending:
        confirmed: StatusOrMissing = row.extra.get(CATALOG_STATUS, MISSING)
        return confirmed
    return row.status if effective_status(row.status) is not None else MISSING
