"""The tables of the index: the two that deriva-ml defines, column for column, and dml's own.

``bags``, ``bag_anchor_rids`` and ``schema_meta`` belong to both programs. Tables named ``dml_*`` belong to dml; rows
that describe a bag are deleted with its row in ``bags``, whichever program deletes that.
"""

from __future__ import annotations

import sqlite3

__all__ = ["DATASET_ANCHOR", "SCHEMA_VERSION", "create_missing_tables", "newer_version", "shadow_missing_tables"]

SCHEMA_VERSION = 1
"""``schema_meta.version`` of an index as deriva-ml creates it."""

DML_VERSION = 1
"""``dml_meta.version`` of dml's own tables."""

DATASET_ANCHOR = "Dataset"
"""The value of ``bag_anchor_rids."table"`` for datasets."""

SHARED_TABLES = {
    "schema_meta": """
        version INTEGER PRIMARY KEY,
        recorded_at TEXT NOT NULL DEFAULT (datetime('now'))""",
    "bags": """
        checksum TEXT PRIMARY KEY,
        profile_id TEXT,
        built_at TEXT NOT NULL,
        anchor_summary_json TEXT,
        size_bytes INTEGER""",
    "bag_anchor_rids": """
        checksum TEXT NOT NULL,
        "table" TEXT NOT NULL,
        rid TEXT NOT NULL,
        PRIMARY KEY (checksum, "table", rid),
        FOREIGN KEY (checksum) REFERENCES bags (checksum) ON DELETE CASCADE""",
}

OWN_TABLES = {
    "dml_meta": "version INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL",
    # What a bag holds and how much of it is cached; assets and missing count files, the other sizes are bytes.
    "dml_bags": """
        checksum TEXT PRIMARY KEY REFERENCES bags (checksum) ON DELETE CASCADE,
        target TEXT NOT NULL,
        dataset_rid TEXT NOT NULL,
        version TEXT NOT NULL,
        snapshot TEXT,
        excluded TEXT NOT NULL DEFAULT '[]',
        origin TEXT NOT NULL,
        tag_md5 TEXT NOT NULL,
        metadata_bytes INTEGER NOT NULL,
        assets INTEGER NOT NULL,
        asset_bytes INTEGER NOT NULL,
        missing INTEGER NOT NULL,
        missing_bytes INTEGER NOT NULL,
        last_used TEXT NOT NULL,
        verified_at TEXT""",
    "dml_files": """
        checksum TEXT NOT NULL REFERENCES bags (checksum) ON DELETE CASCADE,
        path TEXT NOT NULL,
        length INTEGER NOT NULL,
        md5 TEXT NOT NULL,
        present INTEGER NOT NULL,
        lost INTEGER NOT NULL DEFAULT 0,
        changed INTEGER,
        PRIMARY KEY (checksum, path)""",
    "dml_assets": """
        name TEXT PRIMARY KEY,
        target TEXT NOT NULL,
        rid TEXT NOT NULL,
        md5 TEXT NOT NULL,
        filename TEXT NOT NULL,
        length INTEGER NOT NULL,
        stamp TEXT NOT NULL,
        stored_at TEXT NOT NULL,
        last_used TEXT NOT NULL,
        verified_at TEXT""",
    # A pin names a version, not its bytes: it still holds after they were cleared and fetched again. Assets have the
    # version ''. A file beside the index repeats the pins (module pins), so that a new index can restore them.
    "dml_pins": """
        target TEXT NOT NULL,
        rid TEXT NOT NULL,
        version TEXT NOT NULL,
        pinned_at TEXT NOT NULL,
        PRIMARY KEY (target, rid, version)""",
}

INDEXES = {
    "bag_anchor_rids_table_rid_idx": 'bag_anchor_rids ("table", rid)',
    "dml_ix_bags_dataset": "dml_bags (target, dataset_rid, version)",
    "dml_ix_files_md5": "dml_files (md5, length) WHERE present",
}


def newer_version(connection: sqlite3.Connection) -> str:
    """Which table has a version that this release does not know, as a sentence; empty when the index may be written."""
    tables = _tables(connection)
    for table, newest in (("schema_meta", SCHEMA_VERSION), ("dml_meta", DML_VERSION)):
        if table in tables:
            version = connection.execute(f"SELECT max(version) FROM main.{table}").fetchone()[0]  # noqa: S608
            if version is not None and version > newest:
                return f"{table} has version {version}, this release supports {newest}"
    return ""


def create_missing_tables(connection: sqlite3.Connection, now: str) -> bool:
    """Create the tables and indexes that are missing; the caller holds the transaction.

    Returns:
        Whether dml's tables are new, so that the caller must restore the pins.
    """
    tables = _tables(connection)
    for table, definition in (SHARED_TABLES | OWN_TABLES).items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({definition})")
    if "changed" not in {row[1] for row in connection.execute("PRAGMA table_info(dml_files)")}:
        connection.execute("ALTER TABLE dml_files ADD COLUMN changed INTEGER")
    for name, definition in INDEXES.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {definition}")
    connection.execute("INSERT OR IGNORE INTO schema_meta (version) VALUES (?)", (SCHEMA_VERSION,))
    connection.execute("INSERT OR IGNORE INTO dml_meta (version, recorded_at) VALUES (?, ?)", (DML_VERSION, now))
    return "dml_pins" not in tables


def shadow_missing_tables(connection: sqlite3.Connection) -> None:
    """Create an empty temporary table, in memory, for each missing one, so that a reader can query all of them."""
    tables = _tables(connection)
    for table, definition in (SHARED_TABLES | OWN_TABLES).items():
        if table not in tables:
            connection.execute(f"CREATE TEMP TABLE {table} ({definition})")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
