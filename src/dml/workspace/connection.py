"""Opening the registry's SQLite file: for reading without a trace, for writing durably, and its errors in our words.

Reading has three ways, chosen by what lies beside the file:

- no write-ahead log: ``immutable=1``, which touches nothing; whoever reads checks afterwards that the file is the same;
- a log and its shared memory (a writer is at work): ``mode=ro`` with the shared memory opened read-only;
- a log alone (a writer was killed, or the directory was copied): a merged copy in memory.

A plain ``mode=ro`` would create ``-wal`` and ``-shm`` and fail in a read-only directory.

POSIX gives up all of a process's locks on a file when any of its descriptors of that file is closed, and the first
and the third way close one behind SQLite's back. A process that has a writer open therefore reads in the ordinary
way, and opening a writer waits until no such reading is under way (SQLite's "How To Corrupt An SQLite Database File",
2.2).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dml.disk import free_bytes
from dml.errors import DmlError, IntegrityError, LockedError, RetryableError
from dml.safe_text import safe
from dml.workspace import wal

BUSY_SECONDS = 10.0
"""How long a writer waits for another one before it says so."""

_PAUSE = 0.005
"""Seconds between two tries of what SQLite does not wait for itself."""

_PAGE_COUNT = slice(28, 32)
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
_NO_SHARED_MEMORY = {
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
}
_LOG_INDEX = 64 << 10
"""Bytes without which a write-ahead log cannot be begun."""
_SHORT_READ = sqlite3.SQLITE_IOERR | (2 << 8)


_behind_sqlite = threading.RLock()
_writers: Counter[str] = Counter()


@dataclass(frozen=True)
class Fingerprint:
    """What tells whether a registry changed between two looks: identity, size and time of the file and of its log."""

    database: tuple[int, int, int] | None
    log: tuple[int, int, int] | None
    shared_memory: bool


def fingerprint(path: Path) -> Fingerprint:
    """Look at a registry's files; missing ones are None."""
    return Fingerprint(_stat(path), _stat(_beside(path, "-wal")), _beside(path, "-shm").exists())


@contextlib.contextmanager
def reading(path: Path, seen: Fingerprint) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing on disk, closed at the end; other threads of this process wait meanwhile.

    Raises:
        IntegrityError: The file is damaged.
        DmlError: It cannot be read.
    """
    with _behind_sqlite:
        if has_writer(path):
            with translated(path):
                connection = _connect(f"{_uri(path)}?mode=ro")
        else:
            connection = _open_for_reading(path, seen)
        with contextlib.closing(connection):
            yield connection


@contextlib.contextmanager
def transaction_on(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction, committed at the end and rolled back on any exception; inside another it joins it."""
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


@contextlib.contextmanager
def unsynced(connection: sqlite3.Connection, wanted: bool) -> Iterator[None]:
    """Within the block commits do not wait for the disk, if that is wanted and no transaction is open already."""
    if not wanted or connection.in_transaction:
        yield
        return
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


def _roll_back(connection: sqlite3.Connection) -> None:
    """A commit that failed for want of space may have been rolled back by SQLite already."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def has_writer(path: Path) -> bool:
    """Whether this process has the registry open for writing."""
    return _writers[os.path.realpath(path)] > 0


def close_writer(path: Path, connection: sqlite3.Connection) -> None:
    """Close a connection that ``open_for_writing`` opened."""
    with _behind_sqlite:
        connection.close()
        _writers[os.path.realpath(path)] -= 1


def _forget_in_child() -> None:
    """After a fork the lock may be held by a thread that does not exist here, and the writers are the parent's."""
    global _behind_sqlite
    _behind_sqlite = threading.RLock()
    _writers.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def _open_for_reading(path: Path, seen: Fingerprint) -> sqlite3.Connection:
    """Open a registry, that exists, in the way that its fingerprint, taken just before, asks for."""
    with translated(path):
        if not (seen.log and seen.log[1]):
            check_whole(path)
            connection = _connect(f"{_uri(path)}?mode=ro&immutable=1")
        elif seen.shared_memory:
            connection = _connect(f"{_uri(path)}?mode=ro&readonly_shm=1")
        else:
            connection = _private_copy(path)
        try:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if seen.shared_memory and _code(error) in _DENIED:
                # The shared memory belongs to nobody living: SQLite will not rebuild it without writing.
                return _private_copy(path)
            raise
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open or create a registry for one thread: WAL, every commit synced, foreign keys on, explicit transactions.

    Raises:
        IntegrityError: The file is damaged.
        DmlError: The place cannot be written, or cannot hold a write-ahead log.
        LockedError: Another process kept it busy for too long.
    """
    with _behind_sqlite, translated(path):
        if not has_writer(path) and path.exists() and not _stat_size(_beside(path, "-wal")):
            check_whole(path)
        connection = _connect(f"{_uri(path)}?mode=rwc", timeout=BUSY_SECONDS)
        try:
            if _begin_log(connection) != "wal":
                raise _no_log(path)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_CANTOPEN and _has_log_mode(path):
                raise _no_log(path) from error
            raise
        _writers[os.path.realpath(path)] += 1
        return connection


def _begin_log(connection: sqlite3.Connection) -> str:
    """Turn to a write-ahead log, and say what the file has now.

    Where several processes open a new file at the same time, SQLite refuses all but one at once, without the wait that
    it was told: two that wait for each other's read locks would wait for ever.
    """
    limit = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() >= limit:
                raise
            time.sleep(_PAUSE)


def check_whole(path: Path) -> None:
    """Compare the file's size with the one in its header, when no log can explain a difference.

    Raises:
        IntegrityError: The file is shorter than it says, or its header is cut.
    """
    with path.open("rb") as stream:
        header = stream.read(100)
        size = os.fstat(stream.fileno()).st_size
    if not header:
        return
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise corrupt(path, "it is no SQLite database")
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    # The count is valid only while the two change counters agree (SQLite file format, 1.3.8).
    if header[24:28] == header[92:96] and size < int.from_bytes(header[_PAGE_COUNT], "big") * page_size:
        raise corrupt(path, "it is shorter than its header says")


def corrupt(path: Path, reason: str) -> IntegrityError:
    """The error for a registry that cannot be trusted."""
    return IntegrityError(
        f"The registry {safe(path)} is corrupt: {reason}",
        hint=f"Move it aside and put the newest backup ({path.name}.*.backup, beside it) in its place,"
        " or rebuild its executions from the catalog with `dml exec resume RID`; staged files are untouched.",
    )


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about one registry into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_our_words(path, error) from error


@contextlib.contextmanager
def accessible(path: Path) -> Iterator[None]:
    """Turn the system's errors about one registry's files and directories into ours."""
    try:
        yield
    except OSError as error:
        raise DmlError(
            f"The registry {safe(path)} cannot be used: {error.strerror or error}", hint=_ACCESS_HINT
        ) from error


def _full(path: Path) -> RetryableError:
    return RetryableError(
        f"The disk is full: {safe(path)} cannot grow",
        hint="Make room (`dml cache clear`, `dml exec gc`) and run it again.",
    )


def _has_no_room(path: Path) -> bool:
    """Whether the disk cannot even hold the index of a log, 32 KiB; SQLite does not say that it is for want of room."""
    free = free_bytes(path.parent)
    return free is not None and free < _LOG_INDEX


def _no_log(path: Path) -> DmlError:
    if _has_no_room(path):
        return _full(path)
    return DmlError(
        f"The registry {safe(path)} cannot be used: its file system does not carry SQLite's write-ahead log",
        hint="Name a directory on a local disk with --workspace (network and some shared file systems cannot hold it).",
    )


def _has_log_mode(path: Path) -> bool:
    """Whether a file that can be read and written says that it uses a write-ahead log (SQLite file format, 1.3.3)."""
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(20)[18:] == b"\2\2"
    except OSError:
        return False


_ACCESS_HINT = "Check the permissions and the disk, or name another directory with --workspace."


def _in_our_words(path: Path, error: sqlite3.Error) -> DmlError:
    extended = _code(error, extended=True)
    primary = extended & 0xFF
    name = safe(path)
    if primary in _CORRUPT or extended == _SHORT_READ:
        return corrupt(path, str(error))
    if primary in _BUSY:
        return LockedError(
            f"The registry {name} is busy: another process has been writing for more than {BUSY_SECONDS:.0f} s",
            hint="Wait for it and run the command again.",
        )
    if primary == sqlite3.SQLITE_FULL:
        return _full(path)
    if extended in _NO_SHARED_MEMORY:
        return _no_log(path)
    if primary == sqlite3.SQLITE_IOERR:
        return DmlError(f"The disk failed while {name} was used: {error}", hint=_ACCESS_HINT)
    if primary in _DENIED:
        return DmlError(f"The registry {name} cannot be opened or written: {error}", hint=_ACCESS_HINT)
    return IntegrityError(f"The registry {name} refused a change: {error}")


def _code(error: sqlite3.Error, *, extended: bool = False) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the sqlite3 module itself
        code = sqlite3.SQLITE_NOTADB if "not a database" in str(error) else sqlite3.SQLITE_ERROR
    return int(code) if extended else int(code) & 0xFF


def _connect(uri: str, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    # The registry keeps each connection to one thread; closing from another one is all that happens across threads.
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _private_copy(path: Path) -> sqlite3.Connection:
    for _ in range(20):
        before = fingerprint(path)
        log = _beside(path, "-wal")
        image = wal.merge(path.read_bytes(), log.read_bytes() if log.exists() else b"")
        if fingerprint(path) == before:
            break
    else:
        raise LockedError(f"The registry {safe(path)} is being written all the time", hint="Run the command again.")
    connection = _connect("file::memory:")
    connection.deserialize(image)
    return connection


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _stat_size(path: Path) -> int:
    status = _stat(path)
    return status[1] if status else 0


def _uri(path: Path) -> str:
    return "file:" + quote(str(path.absolute()))
