"""Pins: dataset versions and assets that are kept in the cache whatever is cleared."""

from __future__ import annotations

from dml.cache.index import Index

__all__ = ["pin", "pins", "unpin"]


def pin(index: Index, rid: str, version: str = "") -> bool:
    """Pin a dataset version, or an asset (without a version); returns False when it was pinned already."""
    with index.transaction() as connection:
        done = connection.execute(
            "INSERT OR IGNORE INTO dml_pins (target, rid, version, pinned_at) VALUES (?, ?, ?, ?)",
            (str(index.cache.target), rid, version, index.now()),
        )
        return done.rowcount > 0


def unpin(index: Index, rid: str, version: str = "") -> bool:
    """Take a pin away; returns False when there was none."""
    with index.transaction() as connection:
        done = connection.execute(
            "DELETE FROM dml_pins WHERE target = ? AND rid = ? AND version = ?",
            (str(index.cache.target), rid, version),
        )
        return done.rowcount > 0


def pins(index: Index) -> set[tuple[str, str]]:
    """RID and version (``''`` for assets) of everything pinned of this catalog."""
    query = "SELECT rid, version FROM dml_pins WHERE target = ?"
    return index.read(
        lambda connection: {
            (row["rid"], row["version"]) for row in connection.execute(query, (str(index.cache.target),))
        }
    )
