"""Bringing an older registry forward: a backup beside it, then every missing table and column in one transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from dml.workspace import schema
from dml.workspace.connection import corrupt, transaction_on


def bring_forward(connection: sqlite3.Connection, path: Path, now: str) -> str:
    """Make an open registry current, or say why it must not be written.

    An empty registry gets its tables. An older one is first copied to ``main.db.<time>.backup``
    (``Connection.backup``, so that the log is included), checked, and then changed in one transaction; a crash leaves
    the old state or the new one.

    Args:
        connection: Open for writing, in no transaction.
        path: The registry.
        now: The present instant, ISO 8601.

    Returns:
        An empty text, or the reason why this registry is not known.

    Raises:
        IntegrityError: The registry is damaged; nothing was changed.
    """
    found = schema.diagnose(connection)
    if found.state == "current":
        return ""
    if found.state == "unknown":
        return unknown_release(found)
    # Another process may be doing the same: look again under the write lock and let the first one do the work.
    with transaction_on(connection):
        found = schema.diagnose(connection)
        if found.state == "older":
            _check(connection, path)
            _back_up(path, now)
        if found.state in ("older", "empty"):
            schema.create_missing(connection, found.columns, now)
    return unknown_release(found)


def unknown_release(found: schema.Diagnosis) -> str:
    """Why a registry must not be written; an empty text when it may."""
    return f"its release is not known: {found.reason}" if found.state == "unknown" else ""


def _check(connection: sqlite3.Connection, path: Path) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise corrupt(path, verdict)


def _back_up(path: Path, now: str) -> None:
    """Copy the committed state while the write lock is held; the copy appears under its name only when it is whole."""
    stamp = now[:19].replace(":", "").replace("-", "")
    target = path.with_name(f"{path.name}.{stamp}.backup")
    temporary = target.with_name(target.name + f".{os.getpid()}.tmp")
    source = sqlite3.connect(path)
    try:
        copy = sqlite3.connect(temporary)
        try:
            source.backup(copy)
            # The copy inherits WAL mode; it must be one whole file.
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()
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
