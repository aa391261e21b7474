"""The registry's staged feature rows: values that an execution gives to catalog rows, kept until they are uploaded."""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dml.workspace.redaction import redact
from dml.workspace.registry import Registry
from dml.workspace.rows import known_fields
from dml.workspace.schema import FEATURES
from dml.workspace.times import parse_time


@dataclass(frozen=True)
class FeatureRow:
    """One staged feature row.

    Attributes:
        stage_id: Ascending in the order of staging.
        feature_table: ``schema.Table``, as deriva-ml writes it.
        record: Column → value; asset columns may hold local paths.
        status: ``pending``, ``uploaded`` or ``failed`` (text as stored).
    """

    stage_id: int
    execution_rid: str
    feature_table: str
    feature_name: str
    target_table: str
    record: Mapping[str, Any]
    created_at: datetime | None
    status: str
    uploaded_at: datetime | None
    error: str | None


def stage_features(
    registry: Registry,
    execution_rid: str,
    *,
    feature_table: str,
    feature_name: str,
    target_table: str,
    records: Sequence[Mapping[str, Any]],
) -> list[int]:
    """Record feature rows as pending, all or none; a row with the same content is not staged twice.

    Returns:
        The stage ids, in the order of ``records``.
    """
    where = (execution_rid, feature_table, feature_name, target_table)
    query = (
        f"SELECT stage_id, record_json FROM {FEATURES} WHERE execution_rid = ? AND feature_table = ?"
        " AND feature_name = ? AND target_table = ?"
    )
    now, ids = registry.now(), []
    with registry.transaction() as connection:
        staged = {_canonical(row["record_json"]): int(row["stage_id"]) for row in connection.execute(query, where)}
        for record in records:
            encoded = json.dumps(dict(record), sort_keys=True, default=str)
            if encoded not in staged:
                done = connection.execute(
                    f"INSERT INTO {FEATURES} (execution_rid, feature_table, feature_name, target_table,"
                    " record_json, created_at, status) VALUES (?, ?, ?, ?, ?, ?, 'pending')",
                    (*where, encoded, now),
                )
                staged[encoded] = int(done.lastrowid or 0)
            ids.append(staged[encoded])
    return ids


def list_features(
    registry: Registry, execution_rid: str | None = None, *, statuses: Iterable[str] | None = None
) -> list[FeatureRow]:
    """Staged feature rows, in the order of staging.

    Args:
        registry: The registry.
        execution_rid: Only of this execution; all when None.
        statuses: Only in these statuses.
    """
    encoded = None if statuses is None else json.dumps(list(statuses))
    query = (
        f"SELECT * FROM {FEATURES} WHERE (? IS NULL OR execution_rid = ?)"
        " AND (? IS NULL OR status IN (SELECT value FROM json_each(?))) ORDER BY stage_id"
    )
    values = (execution_rid, execution_rid, encoded, encoded)
    return registry.read(lambda connection: [_row(row) for row in connection.execute(query, values)])


def mark_features_uploaded(registry: Registry, stage_ids: Iterable[int]) -> None:
    """Record in one transaction that the catalog confirmed feature rows."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {FEATURES} SET status = 'uploaded', uploaded_at = ?, error = NULL WHERE stage_id = ?",
            [(now, stage_id) for stage_id in stage_ids],
        )


def mark_features_failed(registry: Registry, errors: Mapping[int, str]) -> None:
    """Record, without secrets, why feature rows did not reach the catalog, by stage id; they remain pending work."""
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {FEATURES} SET status = 'failed', error = ? WHERE stage_id = ? AND status <> 'uploaded'",
            [(redact(message), stage_id) for stage_id, message in errors.items()],
        )


def unstage_features(registry: Registry, execution_rid: str, *, feature_table: str | None = None) -> int:
    """Remove the feature rows of an execution that are not uploaded, and return their number."""
    with registry.transaction() as connection:
        done = connection.execute(
            f"DELETE FROM {FEATURES} WHERE execution_rid = ? AND status <> 'uploaded'"
            " AND (? IS NULL OR feature_table = ?)",
            (execution_rid, feature_table, feature_table),
        )
        return done.rowcount


def _canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _row(row: sqlite3.Row) -> FeatureRow:
    values = known_fields(FeatureRow, row)
    record = json.loads(row["record_json"])
    for name in ("created_at", "uploaded_at"):
        values[name] = parse_time(values[name])
    return FeatureRow(**values, record=record if isinstance(record, dict) else {})
