"""Opening the registry or the index of the cache: for reading without changing a byte on disk, for writing durably.

There are three ways of reading, chosen by the files next to the database:

- without a write-ahead log: ``immutable=1``, which touches nothing; the reader checks afterwards that the file has not
  changed;
- with a log and its shared memory (a writer is running): ``mode=ro`` with the shared memory opened read-only;
- with a log only (a writer was killed, or the directory was copied): a merged copy in memory.

A plain ``mode=ro`` would create ``-wal`` and ``-shm``, and fail in a read-only directory.

POSIX releases all locks of a process on a file when any of its descriptors of that file is closed, and the first and
third ways close a descriptor that SQLite does not know about. A process with an open writer therefore reads through
SQLite alone, and opening a writer waits until no such read is running ("How To Corrupt An SQLite Database File", 2.2).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from dml.errors import DmlError, LockedError
from dml.workspace import wal
from dml.workspace.sqlite_errors import (
    BUSY,
    BUSY_SECONDS,
    DENIED,
    Database,
    corrupt,
    error_code,
    file_errors,
    has_log_mode,
    log_unsupported,
    sqlite_errors,
)

__all__ = [
    "Fingerprint",
    "close_writer",
    "fingerprint",
    "has_writer",
    "open_for_writing",
    "read_consistently",
    "without_sync",
    "write_transaction",
]

T = TypeVar("T")

_READ_ATTEMPTS = 50

_RETRY_DELAY = 0.005
"""Seconds between two attempts at what SQLite does not wait for itself."""

_PAGE_COUNT = slice(28, 32)

_file_access = threading.RLock()
"""Held while a descriptor of the database that SQLite does not know about is open."""

_writers: Counter[str] = Counter()
"""The number of open writers of this process, by path."""


@dataclass(frozen=True)
class Fingerprint:
    """Inode, size and modification time of a database and of its log; two are equal while it has not changed."""

    database: tuple[int, int, int] | None
    log: tuple[int, int, int] | None
    shared_memory: bool


def fingerprint(path: Path) -> Fingerprint:
    """The fingerprint of a database; missing files are None."""
    return Fingerprint(_stat(path), _stat(_sibling(path, "-wal")), _sibling(path, "-shm").exists())


def read_consistently(
    database: Database,
    function: Callable[[sqlite3.Connection], T],
    *,
    prepare: Callable[[sqlite3.Connection], object],
) -> T:
    """Run a function that only reads, on one consistent state, and change nothing on disk.

    The function is run again when a writer changed the file meanwhile; it must have no other effect.

    Args:
        database: The database; one that does not exist is empty.
        function: Reads and returns the result.
        prepare: Run on each connection first; creates temporary tables and views for what the file lacks.

    Raises:
        IntegrityError: The database is damaged.
        LockedError: Writers changed the file during each of 50 attempts.
    """
    for _ in range(_READ_ATTEMPTS):
        before = _fingerprint(database)
        if before.database is None:
            with contextlib.closing(_connect(":memory:")) as connection:
                prepare(connection)
                return function(connection)
        try:
            with _reading(database, before) as connection, sqlite_errors(database):
                connection.execute("BEGIN")
                prepare(connection)
                result = function(connection)
        except DmlError:
            # A checkpoint may have rewritten the file during the read: a mixture of two states looks like damage.
            if _fingerprint(database) == before:
                raise
            continue
        is_locked_by_sqlite = has_writer(database.path) or (before.log and before.log[1] and before.shared_memory)
        if is_locked_by_sqlite or _fingerprint(database) == before:
            return result
    raise LockedError(f"{database} is being written continuously", hint="Run the command again.")


@contextlib.contextmanager
def _reading(database: Database, seen: Fingerprint) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing on disk, closed at the end; other threads of this process wait meanwhile.

    Args:
        database: A database that exists.
        seen: Its fingerprint, taken just before.

    Raises:
        IntegrityError: The file is damaged.
        DmlError: The file cannot be read.
    """
    with _file_access:
        if has_writer(database.path):
            with sqlite_errors(database):
                connection = _connect(f"{_uri(database.path)}?mode=ro")
        else:
            connection = _open_for_reading(database, seen)
        with contextlib.closing(connection):
            yield connection


@contextlib.contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction, committed at the end and rolled back on any exception; joins an open one."""
    if connection.in_transaction:
        yield connection
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # SQLite has rolled back by itself when a commit failed on a full disk
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def without_sync(connection: sqlite3.Connection, wanted: bool) -> Iterator[None]:
    """Do not wait for the disk at commits in this block, if that is wanted and no transaction is open."""
    if not wanted or connection.in_transaction:
        yield
        return
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


def has_writer(path: Path) -> bool:
    """Whether this process has the database open for writing."""
    return _writers[os.path.realpath(path)] > 0


def close_writer(path: Path, connection: sqlite3.Connection) -> None:
    """Close a connection that ``open_for_writing`` opened."""
    with _file_access:
        connection.close()
        _writers[os.path.realpath(path)] -= 1


def _reset_in_child() -> None:
    """Reset this state in a forked child, which has neither the thread that holds the lock nor the parent's writers."""
    global _file_access
    _file_access = threading.RLock()
    _writers.clear()


os.register_at_fork(after_in_child=_reset_in_child)


def _open_for_reading(database: Database, seen: Fingerprint) -> sqlite3.Connection:
    path = database.path
    with sqlite_errors(database):
        if not (seen.log and seen.log[1]):
            _check_size(database)
            connection = _connect(f"{_uri(path)}?mode=ro&immutable=1")
        elif seen.shared_memory:
            connection = _connect(f"{_uri(path)}?mode=ro&readonly_shm=1")
        else:
            connection = _private_copy(database)
        try:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if seen.shared_memory and error_code(error) in DENIED:
                # The shared memory was left by a process that has ended; SQLite rebuilds it only by writing.
                return _private_copy(database)
            raise
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_writing(database: Database) -> sqlite3.Connection:
    """Open or create a database for one thread: WAL, every commit synced, foreign keys on, explicit transactions.

    Raises:
        IntegrityError: The file is damaged.
        DmlError: The file cannot be written, or its file system does not support a write-ahead log.
        LockedError: Another process kept it busy for too long.
    """
    path = database.path
    with _file_access, sqlite_errors(database):
        if not has_writer(path) and path.exists() and not _size(_sibling(path, "-wal")):
            _check_size(database)
        connection = _connect(f"{_uri(path)}?mode=rwc", timeout=BUSY_SECONDS)
        try:
            if _set_log_mode(connection) != "wal":
                raise log_unsupported(database)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
        except BaseException as error:
            connection.close()
            is_log_missing = isinstance(error, sqlite3.Error) and error_code(error) == sqlite3.SQLITE_CANTOPEN
            if is_log_missing and has_log_mode(path):
                raise log_unsupported(database) from error
            raise
        _writers[os.path.realpath(path)] += 1
        return connection


def _set_log_mode(connection: sqlite3.Connection) -> str:
    """Switch to a write-ahead log and return the mode that the file then has.

    When several processes open a new file at the same time, SQLite fails in all but one of them without waiting for its
    busy timeout, because two processes that wait for each other's read locks would wait for ever.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error_code(error) not in BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_DELAY)


def _check_size(database: Database) -> None:
    """Compare the file's size with the size in its header, when there is no log that can explain a difference.

    Raises:
        IntegrityError: The file is shorter than its header says, or the header is incomplete.
    """
    with database.path.open("rb") as stream:
        header = stream.read(100)
        size = os.fstat(stream.fileno()).st_size
    if not header:
        return
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise corrupt(database, "it is not an SQLite database")
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    # The page count is valid only while the two change counters are equal (SQLite file format, 1.3.8).
    if header[24:28] == header[92:96] and size < int.from_bytes(header[_PAGE_COUNT], "big") * page_size:
        raise corrupt(database, "it is shorter than its header says")


def _connect(uri: str, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    # Each connection is used by one thread only, but may be closed by another.
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _private_copy(database: Database) -> sqlite3.Connection:
    path = database.path
    for _ in range(20):
        before = fingerprint(path)
        log = _sibling(path, "-wal")
        image = wal.merge(path.read_bytes(), log.read_bytes() if log.exists() else b"")
        if fingerprint(path) == before:
            break
    else:
        raise LockedError(f"{database} is being written continuously", hint="Run the command again.")
    connection = _connect("file::memory:")
    connection.deserialize(image)
    return connection


def _fingerprint(database: Database) -> Fingerprint:
    with file_errors(database):
        return fingerprint(database.path)


def _sibling(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _size(path: Path) -> int:
    status = _stat(path)
    return status[1] if status else 0


def _uri(path: Path) -> str:
    return "file:" + quote(str(path.absolute()))
