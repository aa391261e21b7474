"""Chunked uploads in progress, so that a resumed command sends no chunk twice.

Hatrac does not report which chunks of an upload job it has, so the position is recorded here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dml.workspace.file_identity import FileIdentity
from dml.workspace.registry import Registry
from dml.workspace.rows import known_fields
from dml.workspace.times import parse_time


@dataclass(frozen=True)
class UploadJob:
    """The upload of one object.

    Attributes:
        key: The staged file's key.
        url: The object's path.
        md5: The MD5 of the whole file, in hexadecimal.
        size: Bytes.
        chunk_size: Bytes of every chunk but the last; fixed for the job.
        job: The id of Hatrac's upload job; None before it is created.
        chunks_done: The number of confirmed chunks, from the first one.
        bytes_done: Bytes sent, including those of the current chunk; recorded now and then, for display.
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
    """Record an upload, or return the recorded one of the same bytes in the same chunks; another one is replaced."""
    content = (url, md5, size, chunk_size)
    with registry.transaction() as connection:
        before = _select(connection, execution_rid, key)
        if before is not None and (before.url, before.md5, before.size, before.chunk_size) == content:
            if before.bytes_done > (confirmed := min(size, before.chunks_done * chunk_size)):
                _set_bytes(connection, execution_rid, {key: confirmed})  # unconfirmed bytes are sent again
            return before
        now = registry.now()
        connection.execute(
            "INSERT OR REPLACE INTO dml_uploads (execution_rid, key, url, md5, size, chunk_size, job, chunks_done,"
            " updated_at) VALUES (?, ?, ?, ?, ?, ?, NULL, 0, ?)",
            (execution_rid, key, *content, now),
        )
        return UploadJob(execution_rid, key, url, md5, size, chunk_size, None, 0, parse_time(now))


def record_chunk(registry: Registry, execution_rid: str, key: str, job: str, chunks_done: int) -> None:
    """Record the upload job and the number of confirmed chunks, which a new job may reduce."""
    with registry.transaction() as connection:
        connection.execute(
            "UPDATE dml_uploads SET job = ?, chunks_done = ?, bytes_done = min(size, ? * chunk_size), updated_at = ?"
            " WHERE execution_rid = ? AND key = ?",
            (job, chunks_done, chunks_done, registry.now(), execution_rid, key),
        )


def record_bytes_sent(registry: Registry, execution_rid: str, done: Mapping[str, int]) -> None:
    """Record the number of bytes sent of files, by key, for other processes to display.

    Does not wait for the disk, which may be busy reading the files.
    """
    with registry.transaction(durable=False) as connection:
        _set_bytes(connection, execution_rid, done)


def list_uploads(registry: Registry, execution_rid: str | None = None) -> list[UploadJob]:
    """Uploads in progress, by execution and key."""
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


def _select(connection: sqlite3.Connection, execution_rid: str, key: str) -> UploadJob | None:
    query = "SELECT * FROM dml_uploads WHERE execution_rid = ? AND key = ?"
    row = connection.execute(query, (execution_rid, key)).fetchone()
    return None if row is None else _job(row)


def _job(row: sqlite3.Row) -> UploadJob:
    values = known_fields(UploadJob, row)
    known = {"updated_at": parse_time(row["updated_at"]), "bytes_done": row["bytes_done"] or 0}
    return UploadJob(**values | known)
