"""The registry's executions: deriva-ml's rows, with the columns that dml adds.

Each function that writes is one small durable transaction; called inside ``registry.transaction()`` it joins that one.
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
from dml.workspace.rows import known_fields
from dml.workspace.schema import ASSETS, EXECUTIONS, FEATURES
from dml.workspace.times import format_execution_time, parse_time

CLOSED_STATUSES = ("Uploaded", "Aborted", "Completed")
"""Statuses that an execution does not leave; ``Completed`` is from older releases of deriva-ml."""

SWEEP = "sweep"
"""Key in ``extra`` of an execution that is the parent of a sweep, which ends when its jobs have ended."""


@dataclass(frozen=True)
class ExecutionRow:
    """One execution in the registry; times are aware and in UTC, durations in the catalog's text form.

    Attributes:
        sync_pending: Whether the catalog does not have the current status yet.
        status_detail: The last progress message (dml's column; deriva-ml's ``error`` is separate).
        reason: Why it was aborted or failed by hand.
        dirty: Whether its code had uncommitted changes; None when unknown.
        extra: Other values of the callers, as JSON.
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
        config_json: The configuration as deriva-ml's JSON, without secrets.
        workflow_rid: The RID of its workflow.
        description: Markdown.
        status: The first status.
        mode: ``online`` or ``offline``.
        sync_pending: Whether the catalog does not have the status yet.
        **fields: Other fields, as ``update_execution`` takes them.

    Raises:
        ConflictError: The workspace already has an execution with this RID.
    """
    now = format_execution_time(registry.clock())
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
                f"execution {safe(rid)} is already in the workspace", hint=f"`dml exec show {safe(rid)}` shows it."
            )
        write_fields(connection, rid, fields)
        return get_row(connection, rid)


def find_execution(registry: Registry, rid: str) -> ExecutionRow | None:
    """An execution of this workspace, or None."""
    return registry.read(lambda connection: _select_row(connection, rid))


def get_execution(registry: Registry, rid: str) -> ExecutionRow:
    """An execution of this workspace.

    Raises:
        NotFoundError: There is no such execution; the hint names the command that restores it from the catalog.
    """
    return registry.read(lambda connection: get_row(connection, rid))


def list_executions(
    registry: Registry,
    *,
    statuses: Iterable[str] | None = None,
    since: datetime | None = None,
    pending: bool | None = None,
    sync_pending: bool | None = None,
    rids: Sequence[str] | None = None,
) -> list[ExecutionRow]:
    """Executions of this workspace, newest first (by creation time, then RID).

    Args:
        registry: The registry.
        statuses: Only in these statuses, compared as text.
        since: Only with activity at or after this instant.
        pending: Only with (True) or without (False) staged files or features that are not uploaded.
        sync_pending: Only with (True) or without (False) a status that the catalog does not have yet.
        rids: Only these executions.
    """
    conditions: list[str] = []
    values: list[Any] = []
    for column, selected in (("e.status", statuses), ("e.rid", rids)):
        if selected is not None:
            conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(selected)))
    if since is not None:
        conditions.append("e.last_activity >= ?")
        values.append(format_execution_time(since))
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


def update_execution(registry: Registry, rid: str, **fields: Any) -> ExecutionRow:
    """Store fields of an execution other than its status.

    Args:
        registry: Open for writing.
        rid: The execution.
        **fields: ``workflow_rid``, ``description``, ``config_json``, ``start_time``, ``stop_time`` (aware datetimes),
            ``duration``, ``download_duration``, ``upload_duration``, ``error``, ``status_detail``, ``reason``,
            ``dirty``, and ``extra`` (a mapping that is merged into the stored one).

    Raises:
        NotFoundError: The workspace has no such execution.
        TypeError: There is no such field.
    """
    with registry.transaction() as connection:
        touched = connection.execute(
            f"UPDATE {EXECUTIONS} SET last_activity = ? WHERE rid = ?",
            (format_execution_time(registry.clock()), rid),
        )
        if touched.rowcount == 0:
            return get_row(connection, rid)
        write_fields(connection, rid, fields)
        return get_row(connection, rid)


def write_fields(connection: sqlite3.Connection, rid: str, fields: Mapping[str, Any]) -> None:
    """Store fields as ``update_execution`` takes them, inside a transaction of the caller."""
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
        stored = connection.execute("SELECT extra FROM dml_executions WHERE execution_rid = ?", (rid,)).fetchone()[0]
        own["extra"] = json.dumps(json.loads(stored) | dict(fields["extra"]), sort_keys=True)
    assignments = ", ".join(f"{name} = ?" for name in own)
    connection.execute(f"UPDATE dml_executions SET {assignments} WHERE execution_rid = ?", [*own.values(), rid])


def _stored(name: str, value: Any) -> Any:
    if name in _TIMES and value is not None:
        return format_execution_time(value)
    if name in ("error", "status_detail", "reason") and value is not None:
        return redact(str(value))
    return int(value) if isinstance(value, bool) else value


def _select_row(connection: sqlite3.Connection, rid: str) -> ExecutionRow | None:
    row = connection.execute(f"{_SELECT} WHERE e.rid = ?", (rid,)).fetchone()
    return None if row is None else _row(row)


def get_row(connection: sqlite3.Connection, rid: str) -> ExecutionRow:
    """An execution, inside a transaction of the caller.

    Raises:
        NotFoundError: There is no such execution.
    """
    row = _select_row(connection, rid)
    if row is None:
        raise NotFoundError(
            f"no execution {safe(rid)} in the workspace",
            hint=f"If it is in the catalog, `dml exec resume {safe(rid)}` restores it here.",
        )
    return row


def _row(row: sqlite3.Row) -> ExecutionRow:
    values = known_fields(ExecutionRow, row)
    for name in ("start_time", "stop_time", "last_activity", "created_at"):
        values[name] = parse_time(values[name])
    values["sync_pending"] = bool(values["sync_pending"])
    values["dirty"] = None if values["dirty"] is None else bool(values["dirty"])
    values["extra"] = json.loads(values["extra"] or "{}")
    return ExecutionRow(**values)
