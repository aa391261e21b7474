"""The tables of the registry: deriva-ml's, column for column, and dml's own.

Tables ``execution_state__*`` and ``schema_meta`` belong to both programs and keep deriva-ml's names, types, order and
indexes. Tables ``dml_*`` are dml's, and deriva-ml does not use them.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants

from __future__ import annotations

SCHEMA_VERSION = 1
"""deriva-ml's ``schema_meta.version``."""

DML_VERSION = 1
"""The version of dml's own tables, ``dml_meta.version``."""

EXECUTIONS, ASSETS, FEATURES = (
    "execution_state__executions",
    "execution_state__assets",
    "execution_state__feature_records",
)

STAGED_FILES = (
    f"SELECT a.*, x.source, x.method, x.size, x.mtime_ns, x.inode, x.md5, x.url FROM {ASSETS} AS a"
    ' LEFT JOIN dml_assets AS x ON x.execution_rid = a.execution_rid AND x.key = a."key"'
)
"""The query of deriva-ml's rows of staged files with dml's columns beside them."""

ADDED_COLUMNS = {
    EXECUTIONS: {"duration": "TEXT", "download_duration": "TEXT", "upload_duration": "TEXT"},
    "dml_uploads": {"bytes_done": "INTEGER"},
}
"""Columns that older releases do not have; all may be null."""

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
    # Columns that deriva-ml's execution row does not have.
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
    # Where a staged file came from, and its identity when it was last read.
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
    # Remote writes, recorded before they begin: the token is stored before the RID is leased.
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
    # What a commit is waiting for; a commit that never waited has no row.
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
