"""The errors of SQLite and of the system about one of dml's databases, as dml's errors with hints."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dml.disk import free_bytes
from dml.errors import DmlError, IntegrityError, LockedError, RetryableError
from dml.safe_text import safe

__all__ = [
    "BUSY",
    "BUSY_SECONDS",
    "DENIED",
    "Database",
    "corrupt",
    "error_code",
    "file_errors",
    "has_log_mode",
    "log_unsupported",
    "sqlite_errors",
]

BUSY_SECONDS = 10.0
"""How long SQLite waits for another process before it fails with ``SQLITE_BUSY``."""

BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NO_SHARED_MEMORY = {
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
}
_SHORT_READ = sqlite3.SQLITE_IOERR | (2 << 8)
_LOG_INDEX_BYTES = 64 << 10
"""Free space without which SQLite cannot begin a write-ahead log: the log's index, and something for the log."""


@dataclass(frozen=True)
class Database:
    """An SQLite file of dml.

    Attributes:
        path: The file.
        noun: What it is called in messages.
        move_hint: How the user chooses another directory for it, as the end of a sentence.
        repair_hint: How a damaged one is repaired or replaced.
    """

    path: Path
    noun: str
    move_hint: str
    repair_hint: str

    def __str__(self) -> str:
        return f"the {self.noun} {safe(self.path)}"

    @property
    def access_hint(self) -> str:
        """What to do when the file cannot be opened or written."""
        return f"Check its permissions and the disk, or {self.move_hint}."


@contextlib.contextmanager
def sqlite_errors(database: Database) -> Iterator[None]:
    """Turn SQLite's errors about one database into dml's."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(database, error) from error


@contextlib.contextmanager
def file_errors(database: Database) -> Iterator[None]:
    """Turn the system's errors about the files and directories of one database into dml's."""
    try:
        yield
    except OSError as error:
        raise DmlError(f"cannot use {database}: {error.strerror or error}", hint=database.access_hint) from error


def corrupt(database: Database, reason: str) -> IntegrityError:
    """The error for a damaged database."""
    return IntegrityError(f"{database} is corrupt: {reason}", hint=database.repair_hint)


def log_unsupported(database: Database) -> DmlError:
    """The error for a file system on which SQLite cannot keep a write-ahead log."""
    free = free_bytes(database.path.parent)
    if free is not None and free < _LOG_INDEX_BYTES:  # SQLite reports a full disk as an error of the shared memory
        return _disk_full(database)
    return DmlError(
        f"cannot use {database}: its file system does not support SQLite's write-ahead log",
        hint=f"Network and some shared file systems do not: {database.move_hint}, on a local disk.",
    )


def error_code(error: sqlite3.Error, *, extended: bool = False) -> int:
    """SQLite's primary or extended result code of an error."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the sqlite3 module itself
        code = sqlite3.SQLITE_NOTADB if "not a database" in str(error) else sqlite3.SQLITE_ERROR
    return int(code) if extended else int(code) & 0xFF


def _translate(database: Database, error: sqlite3.Error) -> DmlError:
    extended = error_code(error, extended=True)
    primary = extended & 0xFF
    if primary in _CORRUPT or extended == _SHORT_READ:
        return corrupt(database, str(error))
    if primary in BUSY:
        return LockedError(
            f"{database} is busy: another process has been writing for more than {BUSY_SECONDS:.0f} s",
            hint="Wait until it has finished, then run the command again.",
        )
    if primary == sqlite3.SQLITE_FULL:
        return _disk_full(database)
    if extended in _NO_SHARED_MEMORY:
        return log_unsupported(database)
    if primary == sqlite3.SQLITE_IOERR:
        return DmlError(f"the disk failed while {database} was used: {error}", hint=database.access_hint)
    if primary in DENIED:
        return DmlError(f"cannot open or write {database}: {error}", hint=database.access_hint)
    return IntegrityError(f"{database} refused a change: {error}")


def _disk_full(database: Database) -> RetryableError:
    return RetryableError(
        f"the disk is full: {database} cannot grow",
        hint="Free space with `dml cache clear` or `dml exec gc`, then run the command again.",
    )


def has_log_mode(path: Path) -> bool:
    """Whether a readable and writable file says that it uses a write-ahead log (SQLite file format, 1.3.3)."""
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(20)[18:] == b"\2\2"
    except OSError:
        return False
