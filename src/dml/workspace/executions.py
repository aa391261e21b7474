"""The registry's executions: rows, compare-and-set of their status, and what dml keeps about them besides.

Each function that writes is one small durable transaction; called inside ``registry.transaction()`` it joins that one.
Status texts are stored as they are given: which changes are allowed is decided by ``dml.execution.status``.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dml.errors import ConflictError, NotFoundError
from dml.safe_text import safe
from dml.workspace.redaction import redact
from dml.workspace.registry import Registry
from dml.workspace.rows import values_for
from dml.workspace.schema import ASSETS, EXECUTIONS, FEATURES, OWN_TABLES
from dml.workspace.times import execution_time, read_time

CLOSED_STATUSES = ("Uploaded", "Aborted", "Completed")
"""Statuses in which nothing is expected to happen any more."""

SWEEP = "sweep"
"""Key in ``extra`` of an execution that is the parent of a sweep: it ends by its jobs."""


@dataclass(frozen=True)
class ExecutionRow:
    """One execution as this workspace knows it; times are aware and in UTC, durations the catalog's text form.

    Attributes:
        status_detail: The last progress message (dml's own column); ``error`` is kept apart.
        reason: Why it was aborted or failed by hand.
        dirty: Whether its code had uncommitted changes; None when not known.
        extra: What the callers keep besides, JSON.
    """

    rid: str
    workflow_rid: str | None
    description: str | None
    config_json: str
    status: str
    mode: str
    working_dir_rel: str
    start_time: datetime | None
    stop_time: datetime | None
    duration: str | None
    download_duration: str | None
    upload_duration: str | None
    last_activity: datetime | None
    error: str | None
    sync_pending: bool
    created_at: datetime | None
    status_detail: str | None = None
    reason: str | None = None
    dirty: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StatusChange:
    """What came of a compare-and-set.

    Attributes:
        won: Whether this call changed the status.
        row: The execution afterwards; when not won, as the other process left it.
        by: Who made the last recorded transition (``process 12 on lab-7``), empty when not recorded.
    """

    won: bool
    row: ExecutionRow
    by: str


_SHARED_FIELDS = frozenset(
    {
        "workflow_rid",
        "description",
        "config_json",
        "start_time",
        "stop_time",
        "duration",
        "download_duration",
        "upload_duration",
        "error",
    }
)
_OWN_FIELDS = frozenset({"status_detail", "reason", "dirty"})
_TIMES = frozenset({"start_time", "stop_time"})
_SELECT = (
    f"SELECT e.*, x.status_detail, x.reason, x.dirty, x.extra FROM {EXECUTIONS} AS e"
    " LEFT JOIN dml_executions AS x ON x.execution_rid = e.rid"
)


def insert_execution(
    registry: Registry,
    rid: str,
    *,
    config_json: str,
    workflow_rid: str | None = None,
    description: str | None = None,
    status: str = "Created",
    mode: str = "online",
    sync_pending: bool = False,
    **fields: Any,
) -> ExecutionRow:
    """Record a new execution. ``working_dir_rel`` is always ``execution/<RID>``, as deriva-ml expects.

    Args:
        registry: Open for writing.
        rid: The leased RID.
        config_json: The configuration as deriva-ml's JSON; the caller has taken secrets out.
        workflow_rid: Its workflow.
        description: Its description.
        status: The first status.
        mode: ``online`` or ``offline``.
        sync_pending: Whether the catalog has not been told yet.
        **fields: Any of the fields ``update_execution`` takes.

    Raises:
        ConflictError: The workspace has an execution of this RID already.
    """
    now = execution_time(registry.clock())
    with registry.transaction() as connection:
        done = connection.execute(
            f"INSERT OR IGNORE INTO {EXECUTIONS} (rid, workflow_rid, description, config_json, status, mode,"
            " working_dir_rel, last_activity, sync_pending, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                rid,
                workflow_rid,
                description,
                config_json,
                status,
                mode,
                f"execution/{rid}",
                now,
                int(sync_pending),
                now,
            ),
        )
        if done.rowcount == 0:
            raise ConflictError(
                f"The workspace has an execution {safe(rid)} already", hint=f"dml exec show {safe(rid)}"
            )
        _write_fields(connection, rid, fields)
        return _one(connection, rid)


def find_execution(registry: Registry, rid: str) -> ExecutionRow | None:
    """An execution of this workspace, or None."""
    return registry.read(lambda connection: _found(connection, rid))


def get_execution(registry: Registry, rid: str) -> ExecutionRow:
    """An execution of this workspace.

    Raises:
        NotFoundError: There is none; the hint says how to adopt it.
    """
    return registry.read(lambda connection: _one(connection, rid))


def list_executions(
    registry: Registry,
    *,
    statuses: Iterable[str] | None = None,
    since: datetime | None = None,
    pending: bool | None = None,
    sync_pending: bool | None = None,
    rids: Sequence[str] | None = None,
) -> list[ExecutionRow]:
    """Executions of this workspace, the latest first (by time of creation, then RID).

    Args:
        registry: The registry.
        statuses: Only these statuses, compared as text.
        since: Only with activity at or after this instant.
        pending: Only with (or only without) staged files or features that are not uploaded.
        sync_pending: Only with (or without) a status that the catalog has not been told.
        rids: Only these.
    """
    conditions: list[str] = []
    values: list[Any] = []
    for column, wanted in (("e.status", statuses), ("e.rid", rids)):
        if wanted is not None:
            conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(wanted)))
    if since is not None:
        conditions.append("e.last_activity >= ?")
        values.append(execution_time(since))
    if pending is not None:
        staged = " OR ".join(
            f"EXISTS (SELECT 1 FROM {table} AS s WHERE s.execution_rid = e.rid AND s.status <> 'uploaded')"
            for table in (ASSETS, FEATURES)
        )
        conditions.append(f"({staged})" if pending else f"NOT ({staged})")
    if sync_pending is not None:
        conditions.append("e.sync_pending" if sync_pending else "NOT e.sync_pending")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"{_SELECT}{where} ORDER BY e.created_at DESC, e.rid DESC"
    return registry.read(lambda connection: [_row(row) for row in connection.execute(query, values)])


def compare_and_set_status(
    registry: Registry, rid: str, expected: str, new: str, *, sync_pending: bool = True, **fields: Any
) -> StatusChange:
    """Change a status only if it still is the expected one; one transaction, with a journal entry when won.

    Args:
        registry: Open for writing.
        rid: The execution.
        expected: The status the caller saw.
        new: The status to set.
        sync_pending: Left for the catalog to be told; True until a confirmed write clears it.
        **fields: Stored with it when won; any of the fields ``update_execution`` takes.

    Raises:
        NotFoundError: The workspace has no such execution.
        TypeError: An unknown field.
    """
    from dml.workspace.journal import append, last_transition

    with registry.transaction() as connection:
        done = connection.execute(
            f"UPDATE {EXECUTIONS} SET status = ?, sync_pending = ?, last_activity = ? WHERE rid = ? AND status = ?",
            (new, int(sync_pending), execution_time(registry.clock()), rid, expected),
        )
        if done.rowcount == 0:
            last = last_transition(registry, rid)
            return StatusChange(False, _one(connection, rid), f"process {last.pid} on {last.host}" if last else "")
        _write_fields(connection, rid, fields)
        entry = append(
            registry, "transition", f"{expected} → {new}", execution_rid=rid, data={"from": expected, "to": new}
        )
        return StatusChange(True, _one(connection, rid), f"process {entry.pid} on {entry.host}")


def update_execution(registry: Registry, rid: str, **fields: Any) -> ExecutionRow:
    """Store fields of an execution, its status aside.

    Args:
        registry: Open for writing.
        rid: The execution.
        **fields: ``workflow_rid``, ``description``, ``config_json``, ``start_time``, ``stop_time`` (aware datetimes),
            ``duration``, ``download_duration``, ``upload_duration``, ``error``, ``status_detail``, ``reason``,
            ``dirty``, and ``extra`` (a mapping merged into what is kept).

    Raises:
        NotFoundError: The workspace has no such execution.
        TypeError: An unknown field.
    """
    with registry.transaction() as connection:
        touched = connection.execute(
            f"UPDATE {EXECUTIONS} SET last_activity = ? WHERE rid = ?",
            (execution_time(registry.clock()), rid),
        )
        if touched.rowcount == 0:
            return _one(connection, rid)
        _write_fields(connection, rid, fields)
        return _one(connection, rid)


def set_detail(registry: Registry, rid: str, message: str | None) -> ExecutionRow:
    """Store a progress message (secrets taken out) without a transition; the catalog is still to be told."""
    with registry.transaction():
        row = update_execution(registry, rid, status_detail=message)
        set_sync_pending(registry, rid, True)
        return ExecutionRow(**{**row.__dict__, "sync_pending": True})


def set_sync_pending(registry: Registry, rid: str, pending: bool, *, if_status: str | None = None) -> bool:
    """Mark that the catalog has to be told, or that it confirmed.

    Args:
        registry: Open for writing.
        rid: The execution.
        pending: The new mark.
        if_status: Change it only while the status is this one: a confirmation of an older status must not clear the
            mark of a newer one.

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


def delete_execution(registry: Registry, rid: str) -> bool:
    """Forget an execution with its staged files and features, intents, uploads, inputs and liveness; the journal stays.

    The caller has made sure that nothing unsent is lost; files on disk are not touched.
    """
    with registry.transaction() as connection:
        for table in OWN_TABLES:
            if table not in ("dml_meta", "dml_journal", "dml_locks", "dml_digests"):
                connection.execute(f"DELETE FROM {table} WHERE execution_rid = ?", (rid,))
        connection.execute(f"DELETE FROM {ASSETS} WHERE execution_rid = ?", (rid,))
        connection.execute(f"DELETE FROM {FEATURES} WHERE execution_rid = ?", (rid,))
        return connection.execute(f"DELETE FROM {EXECUTIONS} WHERE rid = ?", (rid,)).rowcount > 0


def _write_fields(connection: sqlite3.Connection, rid: str, fields: Mapping[str, Any]) -> None:
    unknown = set(fields) - _SHARED_FIELDS - _OWN_FIELDS - {"extra"}
    if unknown:
        raise TypeError(f"unknown fields of an execution: {', '.join(sorted(unknown))}")
    shared = {name: _stored(name, fields[name]) for name in fields if name in _SHARED_FIELDS}
    if shared:
        assignments = ", ".join(f"{name} = ?" for name in shared)
        connection.execute(f"UPDATE {EXECUTIONS} SET {assignments} WHERE rid = ?", [*shared.values(), rid])
    own = {name: _stored(name, fields[name]) for name in fields if name in _OWN_FIELDS}
    if not own and "extra" not in fields:
        return
    connection.execute("INSERT OR IGNORE INTO dml_executions (execution_rid) VALUES (?)", (rid,))
    if "extra" in fields:
        kept = connection.execute("SELECT extra FROM dml_executions WHERE execution_rid = ?", (rid,)).fetchone()[0]
        own["extra"] = json.dumps(json.loads(kept) | dict(fields["extra"]), sort_keys=True)
    assignments = ", ".join(f"{name} = ?" for name in own)
    connection.execute(f"UPDATE dml_executions SET {assignments} WHERE execution_rid = ?", [*own.values(), rid])


def _stored(name: str, value: Any) -> Any:
    if name in _TIMES and value is not None:
        return execution_time(value)
    if name in ("error", "status_detail", "reason") and value is not None:
        return redact(str(value))
    return int(value) if isinstance(value, bool) else value


def _found(connection: sqlite3.Connection, rid: str) -> ExecutionRow | None:
    row = connection.execute(f"{_SELECT} WHERE e.rid = ?", (rid,)).fetchone()
    return None if row is None else _row(row)


def _one(connection: sqlite3.Connection, rid: str) -> ExecutionRow:
    row = _found(connection, rid)
    if row is None:
        raise NotFoundError(
            f"The workspace knows no execution {safe(rid)}", hint=f"If the catalog has it: dml exec resume {safe(rid)}"
        )
    return row


def _row(row: sqlite3.Row) -> ExecutionRow:
    values = values_for(ExecutionRow, row)
    for name in ("start_time", "stop_time", "last_activity", "created_at"):
        values[name] = read_time(values[name])
    values["sync_pending"] = bool(values["sync_pending"])
    values["dirty"] = None if values["dirty"] is None else bool(values["dirty"])
    values["extra"] = json.loads(values["extra"] or "{}")
    return ExecutionRow(**values)
