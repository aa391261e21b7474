"""Chunked uploads under way, and digests of files: what makes a resumed command neither send nor hash anything twice.

Hatrac cannot say which chunks of a job it holds, so the cursor is kept here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dml.workspace.assets import FileIdentity
from dml.workspace.registry import Registry
from dml.workspace.rows import values_for
from dml.workspace.times import read_time


@dataclass(frozen=True)
class UploadJob:
    """An object on its way.

    Attributes:
        key: The staged file's key.
        url: The object's path.
        md5: Of the whole file, hexadecimal.
        size: Bytes.
        chunk_size: Bytes of every chunk but the last; a job cannot go on with another.
        job: The server's upload job, once it is created.
        chunks_done: Chunks that the server confirmed, from the first on.
        bytes_done: Bytes that were sent, those of a chunk under way included; told now and then, for whoever watches.
    """

    execution_rid: str
    key: str
    url: str
    md5: str
    size: int
    chunk_size: int
    job: str | None
    chunks_done: int
    updated_at: datetime | None
    bytes_done: int = 0


def begin_upload(
    registry: Registry, execution_rid: str, key: str, *, url: str, md5: str, size: int, chunk_size: int
) -> UploadJob:
    """Record an upload, or return the one under way of the same bytes in the same chunks; another is replaced."""
    wanted = (url, md5, size, chunk_size)
    with registry.transaction() as connection:
        before = _found(connection, execution_rid, key)
        if before is not None and (before.url, before.md5, before.size, before.chunk_size) == wanted:
            if before.bytes_done > (confirmed := min(size, before.chunks_done * chunk_size)):
                _set_bytes(connection, execution_rid, {key: confirmed})  # the rest is sent again
            return before
        now = registry.now()
        connection.execute(
            "INSERT OR REPLACE INTO dml_uploads (execution_rid, key, url, md5, size, chunk_size, job, chunks_done,"
            " updated_at) VALUES (?, ?, ?, ?, ?, ?, NULL, 0, ?)",
            (execution_rid, key, *wanted, now),
        )
        return UploadJob(execution_rid, key, url, md5, size, chunk_size, None, 0, read_time(now))


def remember_chunk(registry: Registry, execution_rid: str, key: str, job: str, chunks_done: int) -> None:
    """Store the server's job and how many chunks it has confirmed; a new job may set the count back."""
    with registry.transaction() as connection:
        connection.execute(
            "UPDATE dml_uploads SET job = ?, chunks_done = ?, bytes_done = min(size, ? * chunk_size), updated_at = ?"
            " WHERE execution_rid = ? AND key = ?",
            (job, chunks_done, chunks_done, registry.now(), execution_rid, key),
        )


def tell_bytes(registry: Registry, execution_rid: str, done: Mapping[str, int]) -> None:
    """Store how many bytes of files, by key, were sent, for other processes to see; nothing is decided by it.

    Does not wait for the disk, which may be busy with the very bytes that are sent.
    """
    with registry.transaction(durable=False) as connection:
        _set_bytes(connection, execution_rid, done)


def end_upload(registry: Registry, execution_rid: str, key: str) -> None:
    """Forget an upload that is complete, or that the server no longer knows."""
    with registry.transaction() as connection:
        connection.execute("DELETE FROM dml_uploads WHERE execution_rid = ? AND key = ?", (execution_rid, key))


def list_uploads(registry: Registry, execution_rid: str | None = None) -> list[UploadJob]:
    """Uploads under way, by execution and key."""
    query = "SELECT * FROM dml_uploads WHERE ? IS NULL OR execution_rid = ? ORDER BY execution_rid, key"
    return registry.read(lambda connection: [_job(row) for row in connection.execute(query, (execution_rid,) * 2)])


def known_digest(registry: Registry, path: Path, identity: FileIdentity) -> str | None:
    """The MD5 (hexadecimal) of a file that was hashed before and is the same since, else None."""
    row = registry.read(
        lambda connection: connection.execute("SELECT * FROM dml_digests WHERE path = ?", (str(path),)).fetchone()
    )
    if row is None or FileIdentity(row["size"], row["mtime_ns"], row["inode"]) != identity:
        return None
    return str(row["md5"])


def remember_digest(registry: Registry, path: Path, identity: FileIdentity, md5: str) -> None:
    """Store the MD5 (hexadecimal) of a file with what it was while it was hashed."""
    with registry.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO dml_digests (path, size, mtime_ns, inode, md5, hashed_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (str(path), identity.size, identity.mtime_ns, identity.inode, md5, registry.now()),
        )


def _set_bytes(connection: sqlite3.Connection, execution_rid: str, done: Mapping[str, int]) -> None:
    connection.executemany(
        "UPDATE dml_uploads SET bytes_done = ? WHERE execution_rid = ? AND key = ?",
        [(count, execution_rid, key) for key, count in done.items()],
    )


def _found(connection: sqlite3.Connection, execution_rid: str, key: str) -> UploadJob | None:
    query = "SELECT * FROM dml_uploads WHERE execution_rid = ? AND key = ?"
    row = connection.execute(query, (execution_rid, key)).fetchone()
    return None if row is None else _job(row)


def _job(row: sqlite3.Row) -> UploadJob:
    values = values_for(UploadJob, row)
    known = {"updated_at": read_time(row["updated_at"]), "bytes_done": row["bytes_done"] or 0}
    return UploadJob(**values | known)
