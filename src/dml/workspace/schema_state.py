"""The state of a registry's tables compared with those of this release, and creating or shadowing what is missing.

deriva-ml writes the version 1 in every release, so an older registry is recognised by the columns it does not have.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from dml.workspace.schema import (
    ADDED_COLUMNS,
    DML_VERSION,
    OWN_INDEXES,
    OWN_TABLES,
    SCHEMA_VERSION,
    SHARED_INDEXES,
    SHARED_TABLES,
)

__all__ = ["Columns", "SchemaState", "create_missing", "diagnose", "shadow_missing"]

Columns = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class SchemaState:
    """How a registry's tables compare with those of this release.

    Attributes:
        state: ``current``; ``empty`` (no tables); ``older`` (tables or columns are missing that can be added);
            ``unknown`` (written by a release of deriva-ml or dml that this one does not know).
        reason: Why it is older or unknown, for people.
        columns: The columns of every existing table.
    """

    state: Literal["current", "empty", "older", "unknown"]
    reason: str
    columns: Columns


def diagnose(connection: sqlite3.Connection) -> SchemaState:
    """The state of an open registry. Changes nothing."""
    columns = _columns(connection)
    if not columns:
        return SchemaState("empty", "it has no tables", columns)
    expected = _expected_columns()
    for table, names in columns.items():
        if table not in expected:
            if table.startswith("dml_"):
                return SchemaState("unknown", f"it has the table {table}, which this release does not know", columns)
            continue
        known = set(expected[table])
        missing = known - set(names) - set(ADDED_COLUMNS.get(table, ()))
        if missing:
            return SchemaState("unknown", f"{table} lacks {', '.join(sorted(missing))}", columns)
        unknown = set(names) - known
        if unknown:
            return SchemaState("unknown", f"{table} has unknown columns {', '.join(sorted(unknown))}", columns)
    for table, newest in (("schema_meta", SCHEMA_VERSION), ("dml_meta", DML_VERSION)):
        version = connection.execute(f"SELECT max(version) FROM {table}").fetchone()[0] if table in columns else None
        if version is not None and version > newest:
            return SchemaState("unknown", f"{table} has version {version}, and this release knows {newest}", columns)
    return _compare(columns, expected)


def _compare(columns: Columns, expected: Columns) -> SchemaState:
    missing_columns = [
        f"{table}.{name}"
        for table, names in ADDED_COLUMNS.items()
        if table in columns
        for name in names
        if name not in columns[table]
    ]
    missing_tables = [table for table in expected if table not in columns]
    if missing_columns or missing_tables:
        return SchemaState("older", "it lacks " + ", ".join([*missing_columns, *missing_tables]), columns)
    return SchemaState("current", "", columns)


def create_missing(connection: sqlite3.Connection, columns: Columns, now: str) -> None:
    """Create every missing table, column and index.

    Args:
        connection: An open registry, in a transaction of the caller.
        columns: The existing columns, from ``diagnose``.
        now: The current time, ISO 8601.
    """
    for table, definition in (SHARED_TABLES | OWN_TABLES).items():
        if table not in columns:
            connection.execute(f"CREATE TABLE {table} ({definition})")
            continue
        for name, kind in ADDED_COLUMNS.get(table, {}).items():
            if name not in columns[table]:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    for name, definition in (SHARED_INDEXES | OWN_INDEXES).items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {definition}")
    connection.execute("INSERT OR IGNORE INTO schema_meta (version) VALUES (?)", (SCHEMA_VERSION,))
    connection.execute("INSERT OR IGNORE INTO dml_meta (version, recorded_at) VALUES (?, ?)", (DML_VERSION, now))


def shadow_missing(connection: sqlite3.Connection, columns: Columns) -> None:
    """Let a reader of an older registry query the tables of this release, through temporary objects in memory.

    A missing table is shadowed by an empty temporary table, a table without some columns by a temporary view in which
    they are null. The file is not changed.
    """
    expected = _expected_columns()
    for table, definition in (SHARED_TABLES | OWN_TABLES).items():
        if table not in columns:
            connection.execute(f"CREATE TEMP TABLE {table} ({definition})")
            continue
        missing = [name for name in expected[table] if name not in columns[table]]
        if missing:
            nulls = ", ".join(f'NULL AS "{name}"' for name in missing)
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {nulls} FROM main.{table}")


def _columns(connection: sqlite3.Connection) -> Columns:
    rows = connection.execute(
        "SELECT m.name, c.name FROM main.sqlite_master AS m, pragma_table_info(m.name, 'main') AS c"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY m.name, c.cid"
    )
    columns: dict[str, list[str]] = {}
    for table, column in rows:
        columns.setdefault(table, []).append(column)
    return {table: tuple(names) for table, names in columns.items()}


@lru_cache(maxsize=1)
def _expected_columns() -> Columns:
    with sqlite3.connect(":memory:") as connection:
        for table, definition in (SHARED_TABLES | OWN_TABLES).items():
            connection.execute(f"CREATE TABLE {table} ({definition})")
        columns = _columns(connection)
    connection.close()
    return columns
