"""All executions in short, for a view that is read again and again while others write.

Two reads whatever the number of executions; what did not change since the last time is not built anew, and no recorded
configuration is parsed twice. Only looks.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dml.workspace.executions import ExecutionRow
from dml.workspace.pending import Pending, pending_work
from dml.workspace.registry import Registry
from dml.workspace.schema import ASSETS, EXECUTIONS
from dml.workspace.times import read_time

_COLUMNS = (
    "rid",
    "workflow_rid",
    "description",
    "status",
    "mode",
    "working_dir_rel",
    "start_time",
    "stop_time",
    "duration",
    "download_duration",
    "upload_duration",
    "last_activity",
    "error",
    "sync_pending",
    "created_at",
)
_OWN_COLUMNS = ("status_detail", "reason", "dirty")
_QUERY = (
    f"SELECT {', '.join(f'e.{name}' for name in _COLUMNS)}, {', '.join(f'x.{name}' for name in _OWN_COLUMNS)},"
    " json_extract(x.extra, '$.workflow_name')"
    f" FROM {EXECUTIONS} AS e LEFT JOIN dml_executions AS x ON x.execution_rid = e.rid"
    " ORDER BY e.created_at DESC, e.rid DESC"
)
# A configuration that another program wrote may be anything; what is no JSON has no name and no inputs.
_CONFIGURATIONS = (
    "SELECT rid, json_extract(config, '$.workflow.name'),"
    " coalesce(json_array_length(config, '$.datasets'), 0) + coalesce(json_array_length(config, '$.assets'), 0)"
    f" FROM (SELECT rid, CASE WHEN json_valid(config_json) THEN config_json ELSE '{{}}' END AS config FROM {EXECUTIONS}"
    "  WHERE rid IN (SELECT value FROM json_each(?)))"
)
_UPLOADED = f"SELECT execution_rid, count(*) FROM {ASSETS} WHERE status = 'uploaded' GROUP BY execution_rid"


@dataclass(frozen=True)
class Brief:
    """One execution in short.

    Attributes:
        row: Its row, whose ``config_json`` and ``extra`` are left empty.
        workflow_name: As its configuration says; empty when it does not.
        inputs: How many inputs its configuration names.
        pending: What waits to be uploaded.
        uploaded: How many of its files the catalog has.
    """

    row: ExecutionRow
    workflow_name: str
    inputs: int
    pending: Pending
    uploaded: int
    stored: tuple[Any, ...] = field(repr=False, compare=False, default=())


def list_briefs(registry: Registry, known: Mapping[str, Brief] | None = None) -> list[Brief]:
    """The executions of the workspace, the latest first.

    Args:
        registry: The registry; one that does not exist is empty.
        known: What an earlier call gave, by RID: the very same object comes back where nothing changed.
    """
    before = known or {}
    waiting = pending_work(registry)
    rows, uploaded, configured = registry.read(lambda connection: _read(connection, before))
    found = []
    for stored in rows:
        rid = stored[0]
        old = before.get(rid)
        pending, done = waiting.get(rid, Pending()), uploaded.get(rid, 0)
        if old is not None and old.stored == stored and old.pending == pending and old.uploaded == done:
            found.append(old)
            continue
        name, inputs = (old.workflow_name, old.inputs) if old is not None else configured.get(rid, ("", 0))
        found.append(Brief(_row(stored), name or str(stored[-1] or ""), inputs, pending, done, stored))
    return found


def _read(
    connection: sqlite3.Connection, before: Mapping[str, Brief]
) -> tuple[list[tuple[Any, ...]], dict[str, int], dict[str, tuple[str, int]]]:
    rows = [tuple(row) for row in connection.execute(_QUERY)]
    uploaded = {row[0]: row[1] for row in connection.execute(_UPLOADED)}
    new = json.dumps([row[0] for row in rows if row[0] not in before])
    return rows, uploaded, dict(_configurations(connection.execute(_CONFIGURATIONS, (new,))))


def _configurations(rows: Iterable[sqlite3.Row]) -> Iterable[tuple[str, tuple[str, int]]]:
    for rid, name, inputs in rows:
        yield rid, (str(name or ""), int(inputs))


def _row(stored: tuple[Any, ...]) -> ExecutionRow:
    values = dict(zip((*_COLUMNS, *_OWN_COLUMNS), stored, strict=False))
    for name in ("start_time", "stop_time", "last_activity", "created_at"):
        values[name] = read_time(values[name])
    values["sync_pending"] = bool(values["sync_pending"])
    values["dirty"] = None if values["dirty"] is None else bool(values["dirty"])
    return ExecutionRow(config_json="", **values)
