"""Pins: dataset versions and assets that no clearing removes, kept in the index and repeated in a JSON file.

Queries use the table of the index. The file is written before each change is committed and restores the pins of an
index that was damaged or deleted. A crash between the two writes leaves one pin too many in the file, never too few.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from dml.workspace.files import disk_errors, write_atomically

if TYPE_CHECKING:
    from dml.cache.index import Index
    from dml.cache.layout import Cache

__all__ = ["add_pin", "list_pins", "read_pins_file", "remove_pin", "restore_pins", "write_pins_file"]

_SCHEMA = "dml.cache.pins/1"
_COLUMNS = ("target", "rid", "version", "pinned_at")


def add_pin(index: Index, rid: str, version: str = "") -> bool:
    """Pin a dataset version, or an asset (which has no version); returns False when it was already pinned."""
    return _change(
        index,
        "INSERT OR IGNORE INTO dml_pins (target, rid, version, pinned_at) VALUES (?, ?, ?, ?)",
        (str(index.cache.target), rid, version, index.now()),
    )


def remove_pin(index: Index, rid: str, version: str = "") -> bool:
    """Unpin a dataset version or an asset; returns False when it was not pinned."""
    return _change(
        index,
        "DELETE FROM dml_pins WHERE target = ? AND rid = ? AND version = ?",
        (str(index.cache.target), rid, version),
    )


def _change(index: Index, statement: str, values: tuple[str, ...]) -> bool:
    with index.transaction() as connection:
        changed = connection.execute(statement, values).rowcount > 0
        if changed:
            write_pins_file(connection, index.cache)
        return changed


def list_pins(index: Index) -> set[tuple[str, str]]:
    """RID and version (``''`` for assets) of each pin of the catalog; read from the file when there is no index."""
    target = str(index.cache.target)
    if not index.cache.index_path.exists():
        return {(rid, version) for host, rid, version, _ in read_pins_file(index.cache) if host == target}
    query = "SELECT rid, version FROM dml_pins WHERE target = ?"
    return index.read(lambda connection: {(row["rid"], row["version"]) for row in connection.execute(query, (target,))})


def write_pins_file(connection: sqlite3.Connection, cache: Cache) -> None:
    """Write the pins of the index to the file; to be called inside the transaction that changes them.

    Raises:
        DmlError: The file cannot be written; the transaction must be rolled back.
    """
    rows = connection.execute("SELECT target, rid, version, pinned_at FROM dml_pins ORDER BY target, rid, version")
    document = {"schema": _SCHEMA, "pins": [dict(zip(_COLUMNS, row, strict=True)) for row in rows]}
    with disk_errors(cache.pins_path):
        write_atomically(cache.root, cache.pins_path, (json.dumps(document, indent=1) + "\n").encode())


def read_pins_file(cache: Cache) -> list[tuple[str, str, str, str]]:
    """Target, RID, version and time of each pin in the file; empty when the file is missing or damaged."""
    try:
        rows = json.loads(cache.pins_path.read_text(encoding="utf-8"))["pins"]
        return [(str(row["target"]), str(row["rid"]), str(row["version"]), str(row["pinned_at"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def restore_pins(connection: sqlite3.Connection, cache: Cache, *, is_new: bool) -> None:
    """Bring index and file together when an index is opened for writing; the caller holds the transaction.

    Args:
        connection: The index.
        cache: The cache.
        is_new: Whether the index has just been created and takes its pins from the file. Otherwise the file is
            written when it is missing.
    """
    if is_new:
        connection.executemany(
            "INSERT OR IGNORE INTO dml_pins (target, rid, version, pinned_at) VALUES (?, ?, ?, ?)",
            read_pins_file(cache),
        )
    elif not cache.pins_path.is_file() and connection.execute("SELECT 1 FROM dml_pins").fetchone():
        write_pins_file(connection, cache)
