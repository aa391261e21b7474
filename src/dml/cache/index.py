"""The SQLite index of a cache, opened for reading without leaving a trace on disk, or for writing.

What its tables hold is the subject of ``bag_records``, ``bag_files``, ``asset_records`` and ``pins``. deriva-ml may
have the same file open at the same time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from dml.cache import schema
from dml.cache.layout import Cache
from dml.cache.pins import restore_pins
from dml.errors import DmlError, IntegrityError
from dml.workspace.connection import close_writer, open_for_writing, read_consistently, write_transaction
from dml.workspace.sqlite_errors import Database, file_errors, sqlite_errors
from dml.workspace.times import Clock, format_time, utc_now

__all__ = ["Index", "set_aside_if_damaged"]

T = TypeVar("T")


class Index:
    """The index of one cache; a context manager that closes it. Threads may share it.

    Use ``Index.reading`` where nothing on disk may change (a missing index reads as empty), else ``Index.writing``.

    Attributes:
        cache: The cache that it describes.
        clock: Returns the current time; tests set it.
    """

    def __init__(self, cache: Cache, *, writable: bool, clock: Clock = utc_now) -> None:
        self.cache = cache
        self.clock = clock
        self._database = Database(
            cache.index_path,
            "cache index",
            "move the cache with `dml config set cache_dir DIRECTORY`",
            "Rebuild it from the disk with `dml cache verify --repair`; bags, assets and pins are safe.",
        )
        self._writable = writable
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.RLock()

    @classmethod
    def reading(cls, cache: Cache, *, clock: Clock = utc_now) -> Index:
        """Open for reading only."""
        return cls(cache, writable=False, clock=clock)

    @classmethod
    def writing(cls, cache: Cache, *, clock: Clock = utc_now) -> Index:
        """Open for writing; create the cache's directory, the index and its tables where they are missing.

        Raises:
            IntegrityError: The file is damaged.
            DmlError: It cannot be written, or a newer release created it.
            LockedError: Another process kept it locked for too long.
        """
        index = cls(cache, writable=True, clock=clock)
        index._prepare()
        return index

    def now(self) -> str:
        """The current time as the index stores it."""
        return format_time(self.clock())

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Call a function that reads one consistent state; it may be called again and must have no side effects.

        Raises:
            IntegrityError: The index is damaged.
        """
        if self._connection is not None:
            with self._guard, sqlite_errors(self._database):
                return function(self._connection)
        return self._read_only(function)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: durable at its end, rolled back on any exception. A nested one joins the outer one.

        Raises:
            DmlError: The index is open for reading only, or the disk is full or not writable.
        """
        if self._connection is None:
            raise DmlError(f"{self._database} is open for reading only")
        with self._guard, sqlite_errors(self._database), write_transaction(self._connection) as connection:
            yield connection

    def close(self) -> None:
        """Close the index; the last writer leaves a single file, without write-ahead log."""
        with self._guard:
            connection, self._connection = self._connection, None
        if connection is not None:
            close_writer(self.cache.index_path, connection)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        with file_errors(self._database):
            self.cache.root.mkdir(parents=True, exist_ok=True)
        newer = self._read_only(schema.newer_version)
        if newer:
            raise DmlError(
                f"{self._database} was created by a newer release: {newer}",
                hint=f"Upgrade dml, or {self._database.move_hint}.",
            )
        with sqlite_errors(self._database):
            self._connection = open_for_writing(self._database)
        try:
            with self.transaction() as connection:
                is_new = schema.create_missing_tables(connection, self.now())
                restore_pins(connection, self.cache, is_new=is_new)
        except BaseException:
            self.close()
            raise

    def _read_only(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return read_consistently(self._database, function, prepare=schema.shadow_missing_tables)


def set_aside_if_damaged(index: Index) -> Path | None:
    """Rename a damaged index so that a new one can be created; returns its new path, or None when it is intact.

    Bags and assets stay where they are and show up as entries without an index row; the new index restores the pins.
    """
    path = index.cache.index_path
    try:
        index.read(_check)
    except IntegrityError:
        aside = path.with_name(f"{path.name}.{index.clock():%Y%m%dT%H%M%S}.damaged")
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return path.rename(aside)
    return None


def _check(connection: sqlite3.Connection) -> None:
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise IntegrityError(f"the index is damaged: {problem}")
