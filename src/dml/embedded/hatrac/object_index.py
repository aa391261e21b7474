"""What the object store knows: names, their versions and upload jobs, in one SQLite file.

Rows only; the bytes are ``storage``'s. Any number of threads and processes may have the file open:
each thread has its own connection, none crosses a fork, and every change is one immediate
transaction, so what a change was decided on still holds when it is made.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug import Request
from werkzeug.exceptions import Conflict, InternalServerError, NotFound

from dml.embedded.hatrac.names import LONGEST_NAME, ROOT, is_too_long, parent_of, url_of

_SCHEMA = """
CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES name(id),
    path TEXT NOT NULL UNIQUE,
    is_object INTEGER NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    acls TEXT NOT NULL
);
CREATE INDEX name_parent ON name(parent_id);
CREATE TABLE version (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    name_id INTEGER NOT NULL REFERENCES name(id),
    version TEXT NOT NULL UNIQUE,
    file_id TEXT NOT NULL UNIQUE,
    length INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    acls TEXT NOT NULL
);
CREATE INDEX version_name ON version(name_id, serial);
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    name_id INTEGER NOT NULL REFERENCES name(id),
    job TEXT NOT NULL UNIQUE,
    file_id TEXT NOT NULL UNIQUE,
    chunk_length INTEGER NOT NULL,
    content_length INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    owner TEXT NOT NULL,
    is_rewritten INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX job_name ON job(name_id);
CREATE TABLE chunk (
    job_id INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (job_id, position)
) WITHOUT ROWID;
INSERT INTO name (id, parent_id, path, is_object, acls) VALUES (1, NULL, '/', 0, '{}');
PRAGMA user_version = 2;
"""

_FROM_1 = """
ALTER TABLE job ADD COLUMN is_rewritten INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 2;
"""


@dataclass(frozen=True)
class Name:
    """A bound name, namespace or object, that is not deleted."""

    id: int
    path: str
    is_object: bool
    acls: dict[str, list[str]]


@dataclass(frozen=True)
class Version:
    """One version of an object; ``length`` in bytes, ``metadata`` by lower-case header name."""

    serial: int
    path: str
    version: str
    file_id: str
    length: int
    metadata: dict[str, str]
    acls: dict[str, list[str]]

    @property
    def url(self) -> str:
        """The path of this very version."""
        return url_of(self.path, self.version)

    @property
    def etag(self) -> str:
        """What identifies its content, unquoted."""
        return self.version


@dataclass(frozen=True)
class Job:
    """An upload job; lengths in bytes. Of one that ``is_rewritten`` a chunk was sent more than once."""

    id: int
    name_id: int
    path: str
    job: str
    file_id: str
    chunk_length: int
    content_length: int
    metadata: dict[str, str]
    owner: str
    is_rewritten: bool

    @property
    def url(self) -> str:
        """The path of this job."""
        return f"{url_of(self.path)};upload/{self.job}"

    @property
    def last_position(self) -> int:
        """The number of the last chunk; -1 when there is nothing to send."""
        return -(-self.content_length // self.chunk_length) - 1


_left_by_a_fork: list[sqlite3.Connection] = []


class Directory:
    """The SQLite file of one object store.

    Args:
        path: The file; made here when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = self.connection()
            release = connection.execute("PRAGMA user_version").fetchone()[0]
            if release == 0:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            elif release == 1:
                connection.executescript(f"BEGIN IMMEDIATE; {_FROM_1} COMMIT;")

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        opened: tuple[int, sqlite3.Connection] | None = getattr(self._local, "opened", None)
        if opened is not None and opened[0] == os.getpid():
            return opened[1]
        if opened is not None:
            # The parent's: to use it, or even to close it, here would harm the parent's.
            _left_by_a_fork.append(opened[1])
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._local.opened = (os.getpid(), connection)
        return connection

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One immediate transaction; rolled back when the block raises."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def wants(self, file_id: str) -> bool:
        """Whether a version or a job has this file."""
        statement = "SELECT 1 FROM version WHERE file_id = :file UNION ALL SELECT 1 FROM job WHERE file_id = :file"
        return self.connection().execute(statement, {"file": file_id}).fetchone() is not None


def find_name(connection: sqlite3.Connection, path: str) -> Name | None:
    """The name bound at a path; None when it never was.

    Raises:
        Conflict: It was deleted and cannot be used again.
    """
    row = connection.execute("SELECT * FROM name WHERE path = ?", (path,)).fetchone()
    if row is None:
        return None
    if row["is_deleted"]:
        raise Conflict(f"{url_of(path)} was deleted; a deleted name cannot be used again")
    return Name(row["id"], row["path"], bool(row["is_object"]), json.loads(row["acls"]))


def resolve_name(connection: sqlite3.Connection, path: str) -> Name:
    """The name bound at a path.

    Raises:
        NotFound: There is none, or it was deleted.
    """
    try:
        name = find_name(connection, path)
    except Conflict as error:
        raise NotFound(f"{url_of(path)} was deleted") from error
    if name is None:
        raise NotFound(f"there is no {url_of(path)}")
    return name


def create_name(connection: sqlite3.Connection, path: str, *, is_object: bool, parents: bool, owner: str) -> Name:
    """Bind a name that is free, and its parents when asked to.

    Raises:
        NotFound: Its parent namespace is not there.
        Conflict: A parent is an object, or was deleted.
    """
    missing = [path]
    while (holder := find_name(connection, parent_of(missing[-1]))) is None:
        if not parents:
            raise NotFound(f"there is no namespace {url_of(parent_of(path))}; ?parents=true would make it")
        missing.append(parent_of(missing[-1]))
    if holder.is_object:
        raise Conflict(f"{url_of(holder.path)} is an object, it cannot hold names")
    acls = {"owner": [owner]}
    for made in reversed(missing):
        inserted = connection.execute(
            "INSERT INTO name (parent_id, path, is_object, acls) VALUES (?, ?, ?, ?)",
            (holder.id, made, is_object and made == path, json.dumps(acls)),
        )
        holder = Name(inserted.lastrowid or 0, made, is_object and made == path, acls)
    return holder


def refuse_too_long(directory: Directory, path: str, request: Request, owner: str) -> None:
    """Fail as a server whose file system cannot keep an object of this name, which stays bound without content.

    Raises:
        InternalServerError: The name is too long (500).
        NotFound, Conflict: As ``create_name``.
    """
    if not is_too_long(path):
        return
    with directory.change() as connection:
        if find_name(connection, path) is None:
            parents = request.args.get("parents", "").lower() == "true"
            create_name(connection, path, is_object=True, parents=parents, owner=owner)
    raise InternalServerError(f"an object's name takes at most {LONGEST_NAME} bytes, percent-encoded")


def check_place(connection: sqlite3.Connection, path: str, *, parents: bool) -> None:
    """Refuse what ``create_name`` would refuse, and make nothing."""
    above = parent_of(path)
    while (holder := find_name(connection, above)) is None:
        if not parents:
            raise NotFound(f"there is no namespace {url_of(above)}; ?parents=true would make it")
        above = parent_of(above)
    if holder.is_object:
        raise Conflict(f"{url_of(holder.path)} is an object, it cannot hold names")


def children(connection: sqlite3.Connection, name: Name) -> list[str]:
    """The names that a namespace holds, sorted."""
    rows = connection.execute("SELECT path FROM name WHERE parent_id = ? AND NOT is_deleted ORDER BY path", (name.id,))
    return [row["path"] for row in rows]


_BELOW = (
    "WITH RECURSIVE below(id) AS (SELECT ? UNION SELECT name.id FROM name JOIN below ON name.parent_id = below.id) "
)


def files_below(connection: sqlite3.Connection, name: Name) -> list[str]:
    """The ids of the files of a name and of everything below it."""
    rows = connection.execute(
        _BELOW + "SELECT file_id FROM version WHERE name_id IN (SELECT id FROM below) "  # noqa: S608
        "UNION ALL SELECT file_id FROM job WHERE name_id IN (SELECT id FROM below)",
        (name.id,),
    )
    return [row["file_id"] for row in rows]


def delete_name(connection: sqlite3.Connection, name: Name) -> None:
    """Delete a name with everything below it, for ever.

    Raises:
        Conflict: It is the root.
    """
    if name.path == ROOT:
        raise Conflict("the root namespace cannot be deleted")
    for change in (
        "DELETE FROM version WHERE name_id IN (SELECT id FROM below)",
        "DELETE FROM job WHERE name_id IN (SELECT id FROM below)",
        "UPDATE name SET is_deleted = 1 WHERE id IN (SELECT id FROM below)",
    ):
        connection.execute(_BELOW + change, (name.id,))


_VERSIONS = "SELECT version.*, name.path FROM version JOIN name ON name.id = version.name_id "


def current_version(connection: sqlite3.Connection, name: Name) -> Version | None:
    """The latest version of an object; None when it has none."""
    row = connection.execute(_VERSIONS + "WHERE name.id = ? ORDER BY serial DESC LIMIT 1", (name.id,)).fetchone()
    return None if row is None else _version(row)


def resolve_version(connection: sqlite3.Connection, name: Name, version: str | None) -> Version:
    """A version of an object, the latest one when none is named.

    Raises:
        NotFound: There is no such version.
        Conflict: The object has no version at all: only upload jobs have touched it.
    """
    if version is None:
        latest = current_version(connection, name)
        if latest is None:
            raise Conflict(f"{url_of(name.path)} has no content")
        return latest
    row = connection.execute(_VERSIONS + "WHERE name.id = ? AND version = ?", (name.id, version)).fetchone()
    if row is None:
        raise NotFound(f"there is no {url_of(name.path, version)}")
    return _version(row)


def versions(connection: sqlite3.Connection, name: Name) -> list[Version]:
    """All versions of an object, oldest first."""
    return [_version(row) for row in connection.execute(_VERSIONS + "WHERE name.id = ? ORDER BY serial", (name.id,))]


def add_version(
    connection: sqlite3.Connection, name: Name, file_id: str, length: int, metadata: dict[str, str], owner: str
) -> str:
    """Make the bytes of a file the latest version of an object; the version's id, which is the file's."""
    connection.execute(
        "INSERT INTO version (name_id, version, file_id, length, metadata, acls) VALUES (?, ?, ?, ?, ?, ?)",
        (name.id, file_id, file_id, length, json.dumps(metadata), json.dumps({"owner": [owner]})),
    )
    return file_id


def jobs(connection: sqlite3.Connection, name: Name) -> list[Job]:
    """The open upload jobs of an object."""
    return [_job(row) for row in connection.execute(_JOBS + "WHERE name.id = ? ORDER BY job.id", (name.id,))]


_JOBS = "SELECT job.*, name.path FROM job JOIN name ON name.id = job.name_id "


def resolve_job(connection: sqlite3.Connection, name: Name, job: str) -> Job:
    """An open upload job of an object.

    Raises:
        NotFound: There is none: never opened, cancelled or finished.
    """
    row = connection.execute(_JOBS + "WHERE name.id = ? AND job.job = ?", (name.id, job)).fetchone()
    if row is None:
        raise NotFound(f"{url_of(name.path)} has no upload job {job!r}")
    return _job(row)


def _version(row: sqlite3.Row) -> Version:
    fields: dict[str, Any] = {key: row[key] for key in ("serial", "path", "version", "file_id", "length")}
    return Version(**fields, metadata=json.loads(row["metadata"]), acls=json.loads(row["acls"]))


def _job(row: sqlite3.Row) -> Job:
    fields: dict[str, Any] = {key: row[key] for key in row.keys() if key not in ("metadata", "is_rewritten")}  # noqa: SIM118
    return Job(**fields, metadata=json.loads(row["metadata"]), is_rewritten=bool(row["is_rewritten"]))
