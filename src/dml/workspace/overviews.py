"""Overviews of all executions, for a view that is refreshed again and again while other processes write.

Takes two reads, whatever the number of executions. Overviews that have not changed are reused, and no stored
configuration is parsed twice.
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
from dml.workspace.times import parse_time

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
# Another program may have written the configuration; if it is not JSON, it has no name and no inputs.
_CONFIGURATIONS = (
    "SELECT rid, json_extract(config, '$.workflow.name'),"
    " coalesce(json_array_length(config, '$.datasets'), 0) + coalesce(json_array_length(config, '$.assets'), 0)"
    f" FROM (SELECT rid, CASE WHEN json_valid(config_json) THEN config_json ELSE '{{}}' END AS config FROM {EXECUTIONS}"
    "  WHERE rid IN (SELECT value FROM json_each(?)))"
)
_UPLOADED = f"SELECT execution_rid, count(*) FROM {ASSETS} WHERE status = 'uploaded' GROUP BY execution_rid"


@dataclass(frozen=True)
class ExecutionOverview:
    """The overview of one execution.

    Attributes:
        row: Its row, with empty ``config_json`` and ``extra``.
        workflow_name: The name in its configuration; empty when there is none.
        inputs: The number of inputs in its configuration.
        pending: What is still to be uploaded.
        uploaded: The number of its files that the catalog has.
        stored: The values read from the registry, by which a change is detected.
    """

    row: ExecutionRow
    workflow_name: str
    inputs: int
    pending: Pending
    uploaded: int
    stored: tuple[Any, ...] = field(repr=False, compare=False, default=())


def list_overviews(registry: Registry, known: Mapping[str, ExecutionOverview] | None = None) -> list[ExecutionOverview]:
    """The executions of the workspace, newest first.

    Args:
        registry: The registry; one that does not exist is empty.
        known: The result of an earlier call, by RID; the same object is returned for an execution without changes.
    """
    before = known or {}
    pending_by_rid = pending_work(registry)
    rows, uploaded_by_rid, configurations = registry.read(lambda connection: _read(connection, before))
    overviews = []
    for stored in rows:
        rid = stored[0]
        old = before.get(rid)
        pending, uploaded = pending_by_rid.get(rid, Pending()), uploaded_by_rid.get(rid, 0)
        if old is not None and (old.stored, old.pending, old.uploaded) == (stored, pending, uploaded):
            overviews.append(old)
            continue
        name, inputs = (old.workflow_name, old.inputs) if old is not None else configurations.get(rid, ("", 0))
        workflow_name = name or str(stored[-1] or "")
        overviews.append(ExecutionOverview(_row(stored), workflow_name, inputs, pending, uploaded, stored))
    return overviews


def _read(
    connection: sqlite3.Connection, before: Mapping[str, ExecutionOverview]
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
        values[name] = parse_time(values[name])
    values["sync_pending"] = bool(values["sync_pending"])
    values["dirty"] = None if values["dirty"] is None else bool(values["dirty"])
    return ExecutionRow(config_json="", **values)
