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
from dml.errors import DmlError, IntegrityError, LockedError
from dml.safe_text import safe
from dml.workspace.connection import (
    close_writer,
    fingerprint,
    has_writer,
    open_for_writing,
    reading,
    transaction_on,
    translated,
)
from dml.workspace.times import Clock, iso_time, utc_now

__all__ = ["Index", "set_aside_if_damaged"]

T = TypeVar("T")

_READ_ATTEMPTS = 50
"""How often a read is repeated because another process changed the file meanwhile."""


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
        return iso_time(self.clock())

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Call a function that reads one consistent state; it may be called again and must have no side effects.

        Raises:
            IntegrityError: The index is damaged.
        """
        if self._connection is not None:
            with self._guard, self._index_errors():
                return function(self._connection)
        return self._read_without_trace(function)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: durable at its end, rolled back on any exception. A nested one joins the outer one.

        Raises:
            DmlError: The index is open for reading only, or the disk is full or not writable.
        """
        if self._connection is None:
            raise DmlError(f"The cache index {safe(self.cache.index_path)} is open for reading only")
        with self._guard, self._index_errors(), transaction_on(self._connection) as connection:
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
        path = self.cache.index_path
        try:
            self.cache.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DmlError(
                f"Cannot create the cache {safe(self.cache.root)}: {error.strerror or error}",
                hint="Check the permissions and the disk, or use another directory: dml config set cache_dir DIRECTORY",
            ) from error
        newer = self._read_without_trace(schema.newer_version)
        if newer:
            raise DmlError(
                f"The cache index {safe(path)} was created by a newer release: {newer}",
                hint="Upgrade dml, or use another directory: dml config set cache_dir DIRECTORY",
            )
        with self._index_errors():
            self._connection = open_for_writing(path)
        try:
            with self.transaction() as connection:
                is_new = schema.create_missing_tables(connection, self.now())
                restore_pins(connection, self.cache, is_new=is_new)
        except BaseException:
            self.close()
            raise

    def _read_without_trace(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Read without changing anything on disk; repeat when another process changed the file meanwhile.

        A file that a process is writing is read through its write-ahead log, where SQLite isolates readers. Without a
        log it is opened as immutable, without a lock, so the result counts only if the file is unchanged afterwards.
        """
        path = self.cache.index_path
        for _ in range(_READ_ATTEMPTS):
            before = fingerprint(path)
            if before.database is None:
                with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                    connection.row_factory = sqlite3.Row
                    schema.shadow_missing_tables(connection)
                    return function(connection)
            try:
                with self._index_errors(), reading(path, before) as connection, translated(path):
                    connection.execute("BEGIN")
                    schema.shadow_missing_tables(connection)
                    result = function(connection)
            except DmlError:
                # A checkpoint may have rewritten the file during the read; a mixture of two states looks like damage.
                if fingerprint(path) == before:
                    raise
                continue
            consistent = has_writer(path) or (before.log and before.log[1] and before.shared_memory)
            if consistent or fingerprint(path) == before:
                return result
        raise LockedError(
            f"The cache index {safe(path)} keeps changing while it is read", hint="Run the command again."
        )

    @contextlib.contextmanager
    def _index_errors(self) -> Iterator[None]:
        """Reword errors of ``workspace.connection``, which speak of the registry, for the index."""
        path = self.cache.index_path
        try:
            with translated(path):
                yield
        except IntegrityError as error:
            if not error.message.startswith("The registry"):
                raise
            raise IntegrityError(
                error.message.replace("The registry", "The cache index", 1),
                hint="Bags, assets and pins are safe: `dml cache verify --repair` rebuilds the index from the disk.",
            ) from error
        except DmlError as error:
            if error.message.startswith("The registry"):
                error.message = error.message.replace("The registry", "The cache index", 1)
                error.args = (error.message,)
            raise


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
