"""Pins: dataset versions and assets that are kept in the cache whatever is cleared."""

from __future__ import annotations

from dml.cache.index import Index
from dml.cache.kept_pins import keep_pins, kept_pins

__all__ = ["pin", "pins", "unpin"]


def pin(index: Index, rid: str, version: str = "") -> bool:
    """Pin a dataset version, or an asset (without a version); returns False when it was pinned already."""
    return _change(
        index,
        "INSERT OR IGNORE INTO dml_pins (target, rid, version, pinned_at) VALUES (?, ?, ?, ?)",
        (str(index.cache.target), rid, version, index.now()),
    )


def unpin(index: Index, rid: str, version: str = "") -> bool:
    """Take a pin away; returns False when there was none."""
    return _change(
        index,
        "DELETE FROM dml_pins WHERE target = ? AND rid = ? AND version = ?",
        (str(index.cache.target), rid, version),
    )


def _change(index: Index, statement: str, values: tuple[str, ...]) -> bool:
    with index.transaction() as connection:
        changed = connection.execute(statement, values).rowcount > 0
        if changed:
            keep_pins(connection, index.cache)
        return changed


def pins(index: Index) -> set[tuple[str, str]]:
    """RID and version (``''`` for assets) of everything pinned of this catalog; without an index, by the file."""
    target = str(index.cache.target)
    if not index.cache.index_path.exists():
        return {(rid, version) for of, rid, version, _ in kept_pins(index.cache) if of == target}
    query = "SELECT rid, version FROM dml_pins WHERE target = ?"
    return index.read(lambda connection: {(row["rid"], row["version"]) for row in connection.execute(query, (target,))})
