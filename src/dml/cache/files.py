"""What the index says about the files of bags that are fetched apart from the metadata: which of them are here.

Each function that writes is one durable transaction, or joins the one that is open. The counts of missing files are
kept in the bag's own row. Of a file that came and was verified the time of its last change is kept: as long as length
and time are the same it is not read again, and a run that wrote to it after all is found out.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dml.cache.index import Index

__all__ = ["BagFile", "bag_files", "enter_files", "mark_gone", "mark_here", "same_content", "verified_at"]


@dataclass(frozen=True)
class BagFile:
    """A file of a bag that is fetched apart from its metadata.

    Attributes:
        path: Its place in the bag.
        length: Bytes.
        checksum: Its MD5 in hexadecimal, or another checksum with its algorithm (``dml.dataset.checksums``).
        present: Whether it is here; whoever marked it so knows how well it was looked at.
        lost: Whether it was here and is gone or broken.
    """

    path: str
    length: int
    checksum: str
    present: bool = False
    lost: bool = False


def enter_files(connection: sqlite3.Connection, key: str, files: Sequence[BagFile]) -> None:
    """Enter the files of a bag, in place of those that were entered before. The caller holds the transaction."""
    connection.execute("DELETE FROM dml_files WHERE checksum = ?", (key,))
    connection.executemany(
        "INSERT INTO dml_files (checksum, path, length, md5, present) VALUES (?, ?, ?, ?, ?)",
        [(key, file.path, file.length, file.checksum, file.present) for file in files],
    )
    _count(connection, key)


def bag_files(index: Index, key: str, *, present: bool | None = None) -> list[BagFile]:
    """The files of a bag by path; only those that are here, or only those that are not."""
    query = (
        "SELECT path, length, md5, present, lost FROM dml_files WHERE checksum = ? AND (? IS NULL OR present = ?)"
        " ORDER BY path"
    )

    def found(connection: sqlite3.Connection) -> list[BagFile]:
        rows = connection.execute(query, (key, present, present))
        return [
            BagFile(row["path"], row["length"], row["md5"], bool(row["present"]), bool(row["lost"])) for row in rows
        ]

    return index.read(found)


def mark_here(index: Index, key: str, bag: Path, paths: Iterable[str]) -> None:
    """Record that files of a bag are in their places, whole; their checksums were right just now."""
    marks = [(_changed(f"{bag}/{path}"), key, path) for path in paths]
    with index.transaction() as connection:
        connection.executemany(
            "UPDATE dml_files SET present = 1, lost = 0, changed = ? WHERE checksum = ? AND path = ?", marks
        )
        _count(connection, key)


def mark_gone(index: Index, key: str, paths: Iterable[str]) -> None:
    """Record that files that were here are gone or broken."""
    with index.transaction() as connection:
        connection.executemany(
            "UPDATE dml_files SET present = 0, lost = 1, changed = NULL WHERE checksum = ? AND path = ?",
            [(key, path) for path in paths],
        )
        _count(connection, key)


def verified_at(index: Index, key: str) -> dict[str, int]:
    """Of the files of a bag that were read and found right: when each was last changed at that time, in nanoseconds.

    For an index that is open for writing, which has brought its tables up to date.
    """
    query = "SELECT path, changed FROM dml_files WHERE checksum = ? AND present AND changed IS NOT NULL"
    return index.read(lambda connection: {row["path"]: row["changed"] for row in connection.execute(query, (key,))})


def same_content(index: Index, key: str) -> dict[tuple[str, int], tuple[str, str, str]]:
    """Files of other bags that hold the bytes of files this bag misses.

    Returns:
        By checksum and length: key and dataset of the other bag, and the path in it.
    """
    query = (
        "SELECT f.md5, f.length, o.checksum, o.path, d.dataset_rid FROM dml_files AS f"
        " JOIN dml_files AS o ON o.md5 = f.md5 AND o.length = f.length AND o.present AND o.checksum <> f.checksum"
        " JOIN dml_bags AS d ON d.checksum = o.checksum WHERE f.checksum = ? AND NOT f.present AND f.md5 <> ''"
    )
    return index.read(
        lambda connection: {
            (row["md5"], row["length"]): (row["checksum"], row["dataset_rid"], row["path"])
            for row in connection.execute(query, (key,))
        }
    )


def _count(connection: sqlite3.Connection, key: str) -> None:
    connection.execute(
        "UPDATE dml_bags SET (missing, missing_bytes) = (SELECT count(*), coalesce(sum(length), 0) FROM dml_files"
        " WHERE checksum = :key AND NOT present) WHERE checksum = :key",
        {"key": key},
    )
    connection.execute(
        "UPDATE bags SET size_bytes = (SELECT metadata_bytes + asset_bytes - missing_bytes FROM dml_bags"
        " WHERE checksum = :key) WHERE checksum = :key",
        {"key": key},
    )


def _changed(place: Path | str) -> int | None:
    try:
        return os.lstat(place).st_mtime_ns
    except OSError:
        return None
