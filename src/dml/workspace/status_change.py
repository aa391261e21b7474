"""Changing the status of an execution in the registry, and marking what the catalog does not have yet.

Statuses are stored as given; ``dml.execution.status`` decides which changes are allowed.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dml.workspace import journal
from dml.workspace.executions import ExecutionRow, get_row, update_execution, write_fields
from dml.workspace.registry import Registry
from dml.workspace.schema import EXECUTIONS
from dml.workspace.times import format_execution_time

__all__ = ["StatusChange", "compare_and_set_status", "set_status_detail", "set_sync_pending"]


@dataclass(frozen=True)
class StatusChange:
    """The outcome of a compare-and-set.

    Attributes:
        won: Whether this call changed the status.
        row: The execution afterwards; if not won, as another process left it.
        by: The process of the last recorded transition (``process 12 on lab-7``); empty when not recorded.
    """

    won: bool
    row: ExecutionRow
    by: str


def compare_and_set_status(
    registry: Registry, rid: str, expected: str, new: str, *, sync_pending: bool = True, **fields: Any
) -> StatusChange:
    """Change a status if it still is the expected one, in one transaction, with a journal entry.

    Args:
        registry: Open for writing.
        rid: The execution.
        expected: The status that the caller read.
        new: The status to set.
        sync_pending: Whether the change still has to be written to the catalog.
        **fields: Fields to store with the change, as ``update_execution`` takes them.

    Raises:
        NotFoundError: The workspace has no such execution.
        TypeError: There is no such field.
    """
    with registry.transaction() as connection:
        done = connection.execute(
            f"UPDATE {EXECUTIONS} SET status = ?, sync_pending = ?, last_activity = ? WHERE rid = ? AND status = ?",
            (new, int(sync_pending), format_execution_time(registry.clock()), rid, expected),
        )
        if done.rowcount == 0:
            last = journal.last_transition(registry, rid)
            return StatusChange(False, get_row(connection, rid), f"process {last.pid} on {last.host}" if last else "")
        write_fields(connection, rid, fields)
        entry = journal.append(
            registry, "transition", f"{expected} → {new}", execution_rid=rid, data={"from": expected, "to": new}
        )
        return StatusChange(True, get_row(connection, rid), f"process {entry.pid} on {entry.host}")


def set_status_detail(registry: Registry, rid: str, message: str | None) -> ExecutionRow:
    """Store a progress message, without secrets, and mark that the catalog does not have it yet."""
    with registry.transaction():
        row = update_execution(registry, rid, status_detail=message)
        set_sync_pending(registry, rid, True)
        return replace(row, sync_pending=True)


def set_sync_pending(registry: Registry, rid: str, pending: bool, *, if_status: str | None = None) -> bool:
    """Mark that the catalog does not have the current status yet, or that it has confirmed it.

    Args:
        registry: Open for writing.
        rid: The execution.
        pending: The new mark.
        if_status: Change the mark only while this is the status, so that the confirmation of an older status does not
            clear the mark of a newer one.

    Returns:
        Whether a row was changed.
    """
    condition, values = (" AND status = ?", [if_status]) if if_status is not None else ("", [])
    with registry.transaction() as connection:
        done = connection.execute(
            f"UPDATE {EXECUTIONS} SET sync_pending = ? WHERE rid = ?{condition}",
            [int(pending), rid, *values],
        )
        return done.rowcount > 0
