"""The registry's tables: deriva-ml's, column for column, and dml's own beside them.

Tables ``execution_state__*`` and ``schema_meta`` belong to both programs and keep deriva-ml's names, types, order and
indexes. Tables ``dml_*`` are dml's; deriva-ml never looks at them. An older registry is told by the columns it lacks,
since ``schema_meta`` says 1 in every release.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

SCHEMA_VERSION = 1
"""deriva-ml's ``schema_meta.version``."""

DML_VERSION = 1
"""The version of dml's own tables, ``dml_meta.version``."""

EXECUTIONS, ASSETS, FEATURES = (
    "execution_state__executions",
    "execution_state__assets",
    "execution_state__feature_records",
)

ADDED_COLUMNS = {
    EXECUTIONS: {"duration": "TEXT", "download_duration": "TEXT", "upload_duration": "TEXT"},
    "dml_uploads": {"bytes_done": "INTEGER"},
}
"""Columns that older releases lack; all may be null."""

SHARED_TABLES: dict[str, str] = {
    EXECUTIONS: """
        rid VARCHAR NOT NULL,
        workflow_rid VARCHAR,
        description TEXT,
        config_json TEXT NOT NULL,
        status VARCHAR NOT NULL,
        mode VARCHAR NOT NULL,
        working_dir_rel VARCHAR NOT NULL,
        start_time DATETIME,
        stop_time DATETIME,
        duration TEXT,
        download_duration TEXT,
        upload_duration TEXT,
        last_activity DATETIME NOT NULL,
        error TEXT,
        sync_pending BOOLEAN NOT NULL,
        created_at DATETIME NOT NULL,
        PRIMARY KEY (rid)""",
    ASSETS: """
        execution_rid VARCHAR NOT NULL,
        "key" VARCHAR NOT NULL,
        asset_table VARCHAR NOT NULL,
        schema VARCHAR NOT NULL,
        asset_types JSON,
        metadata JSON,
        description TEXT,
        status VARCHAR NOT NULL,
        rid VARCHAR,
        uploaded_at VARCHAR,
        error TEXT,
        created_at VARCHAR NOT NULL,
        updated_at VARCHAR NOT NULL,
        PRIMARY KEY (execution_rid, "key")""",
    FEATURES: """
        stage_id INTEGER NOT NULL,
        execution_rid VARCHAR NOT NULL,
        feature_table VARCHAR NOT NULL,
        feature_name VARCHAR NOT NULL,
        target_table VARCHAR NOT NULL,
        record_json TEXT NOT NULL,
        created_at VARCHAR NOT NULL,
        status VARCHAR NOT NULL,
        uploaded_at VARCHAR,
        error TEXT,
        PRIMARY KEY (stage_id)""",
    "schema_meta": """
        version INTEGER PRIMARY KEY,
        recorded_at TEXT NOT NULL DEFAULT (datetime('now'))""",
}

SHARED_INDEXES: dict[str, str] = {
    "ix_executions_status": f"{EXECUTIONS} (status)",
    "ix_executions_workflow_rid": f"{EXECUTIONS} (workflow_rid)",
    "ix_executions_last_activity": f"{EXECUTIONS} (last_activity)",
    "ix_executions_sync_pending": f"{EXECUTIONS} (sync_pending) WHERE sync_pending",
    "ix_assets_exec_status": f"{ASSETS} (execution_rid, status)",
    "ix_execution_state__feature_records_exec_status": f"{FEATURES} (execution_rid, status)",
}

OWN_TABLES: dict[str, str] = {
    "dml_meta": "version INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL",
    # What deriva-ml's execution row has no place for.
    "dml_executions": """
        execution_rid TEXT PRIMARY KEY,
        status_detail TEXT,
        reason TEXT,
        dirty INTEGER,
        extra TEXT NOT NULL DEFAULT '{}'""",
    "dml_inputs": """
        execution_rid TEXT NOT NULL,
        kind TEXT NOT NULL,
        rid TEXT NOT NULL,
        position INTEGER NOT NULL,
        version TEXT,
        version_rid TEXT,
        options TEXT NOT NULL DEFAULT '{}',
        state TEXT NOT NULL DEFAULT 'declared',
        path TEXT,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (execution_rid, kind, rid)""",
    # Where a staged file came from and what it was when it was last looked at.
    "dml_assets": """
        execution_rid TEXT NOT NULL,
        key TEXT NOT NULL,
        source TEXT,
        method TEXT,
        size INTEGER,
        mtime_ns INTEGER,
        inode INTEGER,
        md5 TEXT,
        url TEXT,
        PRIMARY KEY (execution_rid, key)""",
    "dml_digests": """
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        md5 TEXT NOT NULL,
        hashed_at TEXT NOT NULL""",
    # A remote write that was decided on: the token is stored before the lease is asked for.
    "dml_intents": """
        token TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        execution_rid TEXT NOT NULL DEFAULT '',
        payload TEXT NOT NULL DEFAULT '{}',
        rid TEXT,
        created_at TEXT NOT NULL,
        leased_at TEXT,
        done_at TEXT,
        UNIQUE (execution_rid, kind, subject)""",
    "dml_uploads": """
        execution_rid TEXT NOT NULL,
        key TEXT NOT NULL,
        url TEXT NOT NULL,
        md5 TEXT NOT NULL,
        size INTEGER NOT NULL,
        chunk_size INTEGER NOT NULL,
        job TEXT,
        chunks_done INTEGER NOT NULL DEFAULT 0,
        updated_at TEXT NOT NULL,
        bytes_done INTEGER,
        PRIMARY KEY (execution_rid, key)""",
    # What a commit waits for; a commit that never had to wait has no row.
    "dml_waits": """
        execution_rid TEXT PRIMARY KEY,
        repeats INTEGER NOT NULL,
        note TEXT NOT NULL,
        updated_at TEXT NOT NULL""",
    "dml_liveness": """
        execution_rid TEXT PRIMARY KEY,
        pid INTEGER NOT NULL,
        started TEXT NOT NULL,
        host TEXT NOT NULL,
        boot TEXT NOT NULL,
        command TEXT NOT NULL,
        since TEXT NOT NULL,
        interval REAL NOT NULL,
        heartbeat_at TEXT NOT NULL,
        ended_at TEXT""",
    "dml_locks": """
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        nonce TEXT NOT NULL,
        interval REAL NOT NULL,
        heartbeat_at TEXT NOT NULL""",
    "dml_journal": """
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        execution_rid TEXT,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        kind TEXT NOT NULL,
        message TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}'""",
}

OWN_INDEXES: dict[str, str] = {
    "dml_ix_intents_open": "dml_intents (execution_rid, kind) WHERE done_at IS NULL",
    "dml_ix_journal_execution": "dml_journal (execution_rid, sequence)",
}

Columns = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Diagnosis:
    """What a registry's tables say about its age.

    Attributes:
        state: ``current``; ``empty`` (no tables at all); ``older`` (something known is missing and can be added);
            ``unknown`` (a release of deriva-ml or dml that this one does not know).
        reason: Why it is older or unknown, for people.
        columns: The columns of every table that is there.
    """

    state: Literal["current", "empty", "older", "unknown"]
    reason: str
    columns: Columns


def diagnose(connection: sqlite3.Connection) -> Diagnosis:
    """Look at the tables of an open registry; changes nothing."""
    columns = _columns(connection)
    if not columns:
        return Diagnosis("empty", "it holds no tables", columns)
    expected = _expected_columns()
    for table, there in columns.items():
        if table not in expected:
            if table.startswith("dml_"):
                return Diagnosis("unknown", f"it has the table {table}, which this release does not know", columns)
            continue
        known = set(expected[table])
        missing = known - set(there) - set(ADDED_COLUMNS.get(table, ()))
        if missing:
            return Diagnosis("unknown", f"{table} lacks {', '.join(sorted(missing))}", columns)
        strange = set(there) - known
        if strange:
            return Diagnosis("unknown", f"{table} has unknown columns {', '.join(sorted(strange))}", columns)
    for table, newest in (("schema_meta", SCHEMA_VERSION), ("dml_meta", DML_VERSION)):
        version = connection.execute(f"SELECT max(version) FROM {table}").fetchone()[0] if table in columns else None
        if version is not None and version > newest:
            return Diagnosis("unknown", f"{table} says version {version}; this release knows {newest}", columns)
    return _older_or_current(columns, expected)


def _older_or_current(columns: Columns, expected: Columns) -> Diagnosis:
    lacking = [
        f"{table}.{name}"
        for table, names in ADDED_COLUMNS.items()
        if table in columns
        for name in names
        if name not in columns[table]
    ]
    absent = [table for table in expected if table not in columns]
    if lacking or absent:
        return Diagnosis("older", "it lacks " + ", ".join([*lacking, *absent]), columns)
    return Diagnosis("current", "", columns)


def create_missing(connection: sqlite3.Connection, columns: Columns, now: str) -> None:
    """Create every table, column and index that is not there. The caller holds the transaction.

    Args:
        connection: An open registry, in a transaction.
        columns: What is there, from ``diagnose``.
        now: The instant to record, ISO 8601.
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
    """Let a reader of an older registry use the newest table definitions, through temporary objects kept in memory.

    A missing table is shadowed by an empty temporary one; a table that lacks columns by a temporary view that
    shows them as null. The file is not touched.
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
        found = _columns(connection)
    connection.close()
    return found
