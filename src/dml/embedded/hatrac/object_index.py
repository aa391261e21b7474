"""The index of the object store: names, object versions and upload jobs in one SQLite database.

The contents of objects are in ``storage``. Any number of threads and processes may open the database:
each thread has its own connection, connections are not shared across a fork, and every change is one
``BEGIN IMMEDIATE`` transaction, so the state it was checked against cannot change before it commits.
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
    """The name of a namespace or an object that exists and is not deleted."""

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
        """The path of this version, as opposed to the object's latest one."""
        return url_of(self.path, self.version)

    @property
    def etag(self) -> str:
        """The ETag of the content, without quotes."""
        return self.version


@dataclass(frozen=True)
class Job:
    """An upload job; lengths in bytes. ``is_rewritten``: some chunk was sent more than once."""

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
        """The position of the last chunk; -1 for an empty object."""
        return -(-self.content_length // self.chunk_length) - 1


_inherited_connections: list[sqlite3.Connection] = []


class ObjectIndex:
    """The SQLite database that indexes one object store.

    Args:
        path: The database file; created if it does not exist.
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
            # Inherited from the parent process: using or closing it here could drop the parent's locks.
            _inherited_connections.append(opened[1])
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._local.opened = (os.getpid(), connection)
        return connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in an immediate transaction; roll back if it raises."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def is_referenced(self, file_id: str) -> bool:
        """Whether a version or an upload job refers to this file."""
        statement = "SELECT 1 FROM version WHERE file_id = :file UNION ALL SELECT 1 FROM job WHERE file_id = :file"
        return self.connection().execute(statement, {"file": file_id}).fetchone() is not None


def find_name(connection: sqlite3.Connection, path: str) -> Name | None:
    """The name at a path; None if it was never created.

    Raises:
        Conflict: The name was deleted; as in Hatrac, it cannot be used again.
    """
    row = connection.execute("SELECT * FROM name WHERE path = ?", (path,)).fetchone()
    if row is None:
        return None
    if row["is_deleted"]:
        raise Conflict(f"{url_of(path)} was deleted; a deleted name cannot be used again")
    return Name(row["id"], row["path"], bool(row["is_object"]), json.loads(row["acls"]))


def resolve_name(connection: sqlite3.Connection, path: str) -> Name:
    """The name at a path.

    Raises:
        NotFound: The name does not exist or was deleted.
    """
    try:
        name = find_name(connection, path)
    except Conflict as error:
        raise NotFound(f"{url_of(path)} was deleted") from error
    if name is None:
        raise NotFound(f"{url_of(path)} does not exist")
    return name


def create_name(connection: sqlite3.Connection, path: str, *, is_object: bool, parents: bool, owner: str) -> Name:
    """Create a name that does not exist, and with ``parents`` its missing parent namespaces.

    Raises:
        NotFound: The parent namespace does not exist and ``parents`` is false.
        Conflict: A parent is an object or was deleted.
    """
    missing = [path]
    while (parent := find_name(connection, parent_of(missing[-1]))) is None:
        if not parents:
            raise NotFound(f"namespace {url_of(parent_of(path))} does not exist; ?parents=true creates it")
        missing.append(parent_of(missing[-1]))
    if parent.is_object:
        raise Conflict(f"{url_of(parent.path)} is an object and cannot contain names")
    acls = {"owner": [owner]}
    for new_path in reversed(missing):
        inserted = connection.execute(
            "INSERT INTO name (parent_id, path, is_object, acls) VALUES (?, ?, ?, ?)",
            (parent.id, new_path, is_object and new_path == path, json.dumps(acls)),
        )
        parent = Name(inserted.lastrowid or 0, new_path, is_object and new_path == path, acls)
    return parent


def refuse_too_long(index: ObjectIndex, path: str, request: Request, owner: str) -> None:
    """Refuse a name that a Hatrac server cannot store as a file; as there, the name itself is created without content.

    Raises:
        InternalServerError: The name is too long (500).
        NotFound, Conflict: As in ``create_name``.
    """
    if not is_too_long(path):
        return
    with index.transaction() as connection:
        if find_name(connection, path) is None:
            parents = request.args.get("parents", "").lower() == "true"
            create_name(connection, path, is_object=True, parents=parents, owner=owner)
    raise InternalServerError(f"the name of an object can have at most {LONGEST_NAME} bytes, percent-encoded")


def check_parent(connection: sqlite3.Connection, path: str, *, parents: bool) -> None:
    """Raise what ``create_name`` would raise, without creating anything."""
    parent_path = parent_of(path)
    while (parent := find_name(connection, parent_path)) is None:
        if not parents:
            raise NotFound(f"namespace {url_of(parent_path)} does not exist; ?parents=true creates it")
        parent_path = parent_of(parent_path)
    if parent.is_object:
        raise Conflict(f"{url_of(parent.path)} is an object and cannot contain names")


def children(connection: sqlite3.Connection, name: Name) -> list[str]:
    """The names in a namespace, sorted."""
    rows = connection.execute("SELECT path FROM name WHERE parent_id = ? AND NOT is_deleted ORDER BY path", (name.id,))
    return [row["path"] for row in rows]


_BELOW = (
    "WITH RECURSIVE below(id) AS (SELECT ? UNION SELECT name.id FROM name JOIN below ON name.parent_id = below.id) "
)


def files_below(connection: sqlite3.Connection, name: Name) -> list[str]:
    """The file ids of a name and of all names below it."""
    rows = connection.execute(
        _BELOW + "SELECT file_id FROM version WHERE name_id IN (SELECT id FROM below) "  # noqa: S608
        "UNION ALL SELECT file_id FROM job WHERE name_id IN (SELECT id FROM below)",
        (name.id,),
    )
    return [row["file_id"] for row in rows]


def delete_name(connection: sqlite3.Connection, name: Name) -> None:
    """Delete a name and all names below it permanently.

    Raises:
        Conflict: The name is the root namespace.
    """
    if name.path == ROOT:
        raise Conflict("the root namespace cannot be deleted")
    for statement in (
        "DELETE FROM version WHERE name_id IN (SELECT id FROM below)",
        "DELETE FROM job WHERE name_id IN (SELECT id FROM below)",
        "UPDATE name SET is_deleted = 1 WHERE id IN (SELECT id FROM below)",
    ):
        connection.execute(_BELOW + statement, (name.id,))


_VERSIONS = "SELECT version.*, name.path FROM version JOIN name ON name.id = version.name_id "


def current_version(connection: sqlite3.Connection, name: Name) -> Version | None:
    """The latest version of an object; None when it has none."""
    row = connection.execute(_VERSIONS + "WHERE name.id = ? ORDER BY serial DESC LIMIT 1", (name.id,)).fetchone()
    return None if row is None else _version(row)


def resolve_version(connection: sqlite3.Connection, name: Name, version: str | None) -> Version:
    """A version of an object; the latest if ``version`` is None.

    Raises:
        NotFound: The version does not exist.
        Conflict: The object has no version yet, only upload jobs.
    """
    if version is None:
        latest = current_version(connection, name)
        if latest is None:
            raise Conflict(f"{url_of(name.path)} has no content")
        return latest
    row = connection.execute(_VERSIONS + "WHERE name.id = ? AND version = ?", (name.id, version)).fetchone()
    if row is None:
        raise NotFound(f"{url_of(name.path, version)} does not exist")
    return _version(row)


def versions(connection: sqlite3.Connection, name: Name) -> list[Version]:
    """All versions of an object, oldest first."""
    return [_version(row) for row in connection.execute(_VERSIONS + "WHERE name.id = ? ORDER BY serial", (name.id,))]


def add_version(
    connection: sqlite3.Connection, name: Name, file_id: str, length: int, metadata: dict[str, str], owner: str
) -> str:
    """Make a file the latest version of an object; return the version's id, which is the file id."""
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
        NotFound: No such job is open: it never existed, or was cancelled or finished.
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
