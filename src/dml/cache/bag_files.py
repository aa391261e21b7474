"""Rows of the index about the files of bags: which of them are cached and verified.

Each function that writes runs in one durable transaction, or joins the one that is open, and updates the counts of
missing files in the bag's own row. For each verified file the index keeps its modification time: while length and time
are unchanged the file is not read again, and a program that wrote to it after all is noticed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dml.cache.file_checks import modified_ns
from dml.cache.index import Index

__all__ = ["BagFile", "bag_files", "copies_in_bags", "mark_lost", "mark_present", "record_files", "verified_times"]


@dataclass(frozen=True)
class BagFile:
    """A file of a bag that is fetched apart from its metadata.

    Attributes:
        path: Relative to the bag.
        length: Bytes.
        checksum: MD5 in hexadecimal, or another checksum with its algorithm (``dml.dataset.checksums``).
        present: Whether it is cached: read and found correct, or only measured when the bag was recorded.
        lost: Whether it was cached and is missing or damaged now.
    """

    path: str
    length: int
    checksum: str
    present: bool = False
    lost: bool = False


def record_files(connection: sqlite3.Connection, key: str, files: Sequence[BagFile]) -> None:
    """Record the files of a bag in place of those recorded before; the caller holds the transaction."""
    connection.execute("DELETE FROM dml_files WHERE checksum = ?", (key,))
    connection.executemany(
        "INSERT INTO dml_files (checksum, path, length, md5, present) VALUES (?, ?, ?, ?, ?)",
        [(key, file.path, file.length, file.checksum, file.present) for file in files],
    )
    _update_counts(connection, key)


def bag_files(index: Index, key: str, *, present: bool | None = None) -> list[BagFile]:
    """The files of a bag by path; only those that are cached, or only those that are not."""
    query = (
        "SELECT path, length, md5, present, lost FROM dml_files WHERE checksum = ? AND (? IS NULL OR present = ?)"
        " ORDER BY path"
    )
    rows = index.read(lambda connection: connection.execute(query, (key, present, present)).fetchall())
    return [BagFile(row["path"], row["length"], row["md5"], bool(row["present"]), bool(row["lost"])) for row in rows]


def mark_present(index: Index, key: str, bag: Path, paths: Iterable[str]) -> None:
    """Record that files of a bag are cached and that their checksums were found correct now."""
    rows = [(modified_ns(f"{bag}/{path}"), key, path) for path in paths]
    with index.transaction() as connection:
        connection.executemany(
            "UPDATE dml_files SET present = 1, lost = 0, changed = ? WHERE checksum = ? AND path = ?", rows
        )
        _update_counts(connection, key)


def mark_lost(index: Index, key: str, paths: Iterable[str]) -> None:
    """Record that files that were cached are missing or damaged."""
    with index.transaction() as connection:
        connection.executemany(
            "UPDATE dml_files SET present = 0, lost = 1, changed = NULL WHERE checksum = ? AND path = ?",
            [(key, path) for path in paths],
        )
        _update_counts(connection, key)


def verified_times(index: Index, key: str) -> dict[str, int]:
    """For each verified file of a bag the modification time, in nanoseconds, that it had then.

    The index must be open for writing, since an older one may lack the column until it was brought up to date.
    """
    query = "SELECT path, changed FROM dml_files WHERE checksum = ? AND present AND changed IS NOT NULL"
    return index.read(lambda connection: {row["path"]: row["changed"] for row in connection.execute(query, (key,))})


def copies_in_bags(index: Index, key: str) -> dict[tuple[str, int], tuple[str, str, str]]:
    """Files of other bags with the content of files that this bag lacks.

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


def _update_counts(connection: sqlite3.Connection, key: str) -> None:
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
