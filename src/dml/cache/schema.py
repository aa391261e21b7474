"""The tables of the index: deriva-ml's two, column for column, and dml's own beside them.

``bags``, ``bag_anchor_rids`` and ``schema_meta`` belong to both programs. Tables ``dml_*`` are dml's; those that
describe a bag go with its row in ``bags``, whichever program deletes that.
"""

from __future__ import annotations

import sqlite3

__all__ = ["DATASET_ANCHOR", "SCHEMA_VERSION", "create_missing", "refusal", "shadow_missing"]

SCHEMA_VERSION = 1
"""``schema_meta.version`` of the index as deriva-ml makes it."""

DML_VERSION = 1
"""``dml_meta.version`` of dml's own tables."""

DATASET_ANCHOR = "Dataset"
"""What ``bag_anchor_rids."table"`` says of datasets."""

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
    # What a bag is and how much of it is here; counts and sizes are of its assets, in bytes.
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
    # A pin is on what is meant, not on the bytes: it holds when they are fetched anew. Assets have the version ''.
    # The same is in a file beside the index (``kept_pins``), from which a new index takes it.
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


def refusal(connection: sqlite3.Connection) -> str:
    """Why an index must not be written: a release of either program that this one does not know; empty if it may."""
    tables = _tables(connection)
    for table, newest in (("schema_meta", SCHEMA_VERSION), ("dml_meta", DML_VERSION)):
        if table in tables:
            version = connection.execute(f"SELECT max(version) FROM main.{table}").fetchone()[0]  # noqa: S608
            if version is not None and version > newest:
                return f"{table} says version {version}; this release knows {newest}"
    return ""


def create_missing(connection: sqlite3.Connection, now: str) -> bool:
    """Create every table and index that is not there; the caller holds the transaction.

    Returns:
        Whether dml's tables are new, so that what else dml knows of this cache has to be entered.
    """
    there = _tables(connection)
    for table, definition in (SHARED_TABLES | OWN_TABLES).items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({definition})")
    if "changed" not in {row[1] for row in connection.execute("PRAGMA table_info(dml_files)")}:
        connection.execute("ALTER TABLE dml_files ADD COLUMN changed INTEGER")
    for name, definition in INDEXES.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {definition}")
    connection.execute("INSERT OR IGNORE INTO schema_meta (version) VALUES (?)", (SCHEMA_VERSION,))
    connection.execute("INSERT OR IGNORE INTO dml_meta (version, recorded_at) VALUES (?, ?)", (DML_VERSION, now))
    return "dml_pins" not in there


def shadow_missing(connection: sqlite3.Connection) -> None:
    """Let a reader use every table: one that is missing is shadowed by an empty temporary one, kept in memory."""
    there = _tables(connection)
    for table, definition in (SHARED_TABLES | OWN_TABLES).items():
        if table not in there:
            connection.execute(f"CREATE TEMP TABLE {table} ({definition})")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
