"""The pins once more, in a small file beside the index: an index that was damaged or removed gets them back.

The table in the index answers questions; the file follows each change before that is committed. A crash between the
two leaves a pin too many in the file, never one too few.
"""

from __future__ import annotations

import json
import sqlite3

from dml.cache.layout import Cache
from dml.workspace.files import disk_errors, write_atomically

__all__ = ["has_kept_pins", "keep_pins", "kept_pins", "restore_pins"]

_SCHEMA = "dml.cache.pins/1"
_COLUMNS = ("target", "rid", "version", "pinned_at")


def keep_pins(connection: sqlite3.Connection, cache: Cache) -> None:
    """Write the pins that the index holds into the file; called before the transaction that changed them commits.

    Raises:
        DmlError: The disk refuses; the change is to be rolled back.
    """
    rows = connection.execute("SELECT target, rid, version, pinned_at FROM dml_pins ORDER BY target, rid, version")
    document = {"schema": _SCHEMA, "pins": [dict(zip(_COLUMNS, row, strict=True)) for row in rows]}
    with disk_errors(cache.pins_path):
        write_atomically(cache.root, cache.pins_path, (json.dumps(document, indent=1) + "\n").encode())


def restore_pins(connection: sqlite3.Connection, cache: Cache) -> None:
    """Enter the pins of the file into an index that is new. The caller holds the transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO dml_pins (target, rid, version, pinned_at) VALUES (?, ?, ?, ?)", kept_pins(cache)
    )


def has_kept_pins(cache: Cache) -> bool:
    """Whether the file is there."""
    return cache.pins_path.is_file()


def kept_pins(cache: Cache) -> list[tuple[str, str, str, str]]:
    """Target, RID, version and time of each pin in the file; none when it cannot be read."""
    try:
        rows = json.loads(cache.pins_path.read_text(encoding="utf-8"))["pins"]
        return [(str(row["target"]), str(row["rid"]), str(row["version"]), str(row["pinned_at"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []
