"""The index of a cache: how the SQLite file is reached, for reading without a trace or for writing.

What is kept in it is the business of ``records`` and ``pins``. deriva-ml may have it open at the same time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from dml.cache import schema
from dml.cache.kept_pins import has_kept_pins, keep_pins, restore_pins
from dml.cache.layout import Cache
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

__all__ = ["Index", "put_aside_if_damaged"]

T = TypeVar("T")
_TRIES = 50


class Index:
    """The index of one cache; a context manager that closes it. Threads may share it.

    Use ``Index.reading`` where nothing may change on disk (a missing index is empty) and ``Index.writing`` elsewhere.

    Attributes:
        cache: Whose index it is.
        clock: Gives the present instant; tests set it.
    """

    def __init__(self, cache: Cache, *, writable: bool, clock: Clock = utc_now) -> None:
        self.cache = cache
        self.clock = clock
        self._writable = writable
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.RLock()

    @classmethod
    def reading(cls, cache: Cache, *, clock: Clock = utc_now) -> Index:
        """Open for looking only."""
        return cls(cache, writable=False, clock=clock)

    @classmethod
    def writing(cls, cache: Cache, *, clock: Clock = utc_now) -> Index:
        """Open for writing: the cache's directory, the index and its tables are created where they are missing.

        Raises:
            IntegrityError: The file is damaged.
            DmlError: It cannot be written, or a newer release has made it.
            LockedError: Another process kept it busy for too long.
        """
        index = cls(cache, writable=True, clock=clock)
        index._prepare()
        return index

    def now(self) -> str:
        """The present instant as the index holds it."""
        return iso_time(self.clock())

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that reads on one consistent state; it may be run again and must have no other effect.

        Raises:
            IntegrityError: The index is damaged.
        """
        if self._connection is not None:
            with self._guard, self._said():
                return function(self._connection)
        return self._read_without_trace(function)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, durable at its end and rolled back on any exception; inside another it joins it.

        Raises:
            DmlError: The index is open for reading only, or the disk refuses.
        """
        if self._connection is None:
            raise DmlError(f"The cache index {safe(self.cache.index_path)} is open for reading only")
        with self._guard, self._said(), transaction_on(self._connection) as connection:
            yield connection

    def close(self) -> None:
        """Close it; the last one to do so leaves a single file."""
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
                f"The cache {safe(self.cache.root)} cannot be made: {error.strerror or error}",
                hint="Check the permissions and the disk, or name another place: dml config set cache_dir DIRECTORY",
            ) from error
        refusal = self._read_without_trace(schema.refusal)
        if refusal:
            raise DmlError(
                f"The cache index {safe(path)} is of a newer release: {refusal}",
                hint="Update dml, or name another place: dml config set cache_dir DIRECTORY",
            )
        with self._said():
            self._connection = open_for_writing(path)
        try:
            with self.transaction() as connection:
                if schema.create_missing(connection, self.now()):
                    restore_pins(connection, self.cache)
                elif not has_kept_pins(self.cache) and connection.execute("SELECT 1 FROM dml_pins").fetchone():
                    keep_pins(connection, self.cache)
        except BaseException:
            self.close()
            raise

    def _read_without_trace(self, function: Callable[[sqlite3.Connection], T]) -> T:
        path = self.cache.index_path
        for _ in range(_TRIES):
            before = fingerprint(path)
            if before.database is None:
                with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                    connection.row_factory = sqlite3.Row
                    schema.shadow_missing(connection)
                    return function(connection)
            try:
                with self._said(), reading(path, before) as connection, translated(path):
                    connection.execute("BEGIN")
                    schema.shadow_missing(connection)
                    result = function(connection)
            except DmlError:
                # Read while a checkpoint rewrote the file: what looked like damage may be a mixture of two states.
                if fingerprint(path) == before:
                    raise
                continue
            consistent = has_writer(path) or (before.log and before.log[1] and before.shared_memory)
            if consistent or fingerprint(path) == before:
                return result
        raise LockedError(f"The cache index {safe(path)} is being written all the time", hint="Run the command again.")

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """What went wrong, in words about the index: the functions below speak of a registry."""
        path = self.cache.index_path
        try:
            with translated(path):
                yield
        except IntegrityError as error:
            if not error.message.startswith("The registry"):
                raise
            raise IntegrityError(
                error.message.replace("The registry", "The cache index", 1),
                hint="Bags, assets and pins are kept: `dml cache verify --repair` makes it anew from what is on disk.",
            ) from error
        except DmlError as error:
            if error.message.startswith("The registry"):
                error.message = error.message.replace("The registry", "The cache index", 1)
                error.args = (error.message,)
            raise


def put_aside_if_damaged(index: Index) -> Path | None:
    """Rename an index that cannot be read, so that a new one can be made; returns its new path, None when it is sound.

    The bags and assets beside it stay, and are found as things that the index does not know; the new one takes the pins
    from the file beside it.
    """
    path = index.cache.index_path
    try:
        index.read(_look_whole)
    except IntegrityError:
        aside = path.with_name(f"{path.name}.{index.clock():%Y%m%dT%H%M%S}.damaged")
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return path.rename(aside)
    return None


def _look_whole(connection: sqlite3.Connection) -> None:
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise IntegrityError(f"the index is damaged: {problem}")
