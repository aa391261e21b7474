"""Upgrading an older registry: a backup next to it, then every missing table and column in one transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from dml.workspace.connection import write_transaction
from dml.workspace.schema_state import SchemaState, create_missing, diagnose
from dml.workspace.sqlite_errors import Database, corrupt

__all__ = ["refusal_reason", "upgrade_registry"]


def upgrade_registry(connection: sqlite3.Connection, database: Database, now: str) -> str:
    """Create the tables and columns of this release in an open registry, unless it is of an unknown release.

    An older registry is first checked and copied to ``main.db.<time>.backup`` with ``Connection.backup``, which
    includes its log. A crash leaves the old or the new state.

    Args:
        connection: Open for writing, in no transaction.
        database: The registry.
        now: The current time, ISO 8601.

    Returns:
        Why the registry must not be written; empty when it may.

    Raises:
        IntegrityError: The registry is damaged; nothing was changed.
    """
    state = diagnose(connection)
    if state.state == "current":
        return ""
    if state.state == "unknown":
        return refusal_reason(state)
    # Another process may be upgrading it: diagnose again with the write lock, so that one of them does the work.
    with write_transaction(connection):
        state = diagnose(connection)
        if state.state == "older":
            _check(connection, database)
            _back_up(database.path, now)
        if state.state in ("older", "empty"):
            create_missing(connection, state.columns, now)
    return refusal_reason(state)


def refusal_reason(state: SchemaState) -> str:
    """Why a registry in this state must not be written; empty when it may."""
    return f"it was written by an unknown release: {state.reason}" if state.state == "unknown" else ""


def _check(connection: sqlite3.Connection, database: Database) -> None:
    result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        raise corrupt(database, result)


def _back_up(path: Path, now: str) -> None:
    """Copy the committed state while the write lock is held; the copy gets its name when it is complete."""
    stamp = now[:19].replace(":", "").replace("-", "")
    target = path.with_name(f"{path.name}.{stamp}.backup")
    temporary = target.with_name(target.name + f".{os.getpid()}.tmp")
    source = sqlite3.connect(path)
    try:
        copy = sqlite3.connect(temporary)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # the copy inherits WAL, but must be one file
        finally:
            copy.close()
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    finally:
        source.close()
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
