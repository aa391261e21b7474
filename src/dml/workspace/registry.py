"""The registry of a workspace: one SQLite file that deriva-ml and dml share.

This module owns how it is reached: opened for reading without a trace or for writing (created, brought forward), one
connection a thread and none across a fork, reads that survive a concurrent writer, and transactions. What is kept in
it is the business of ``executions``, ``assets``, ``features``, ``intents``, ``uploads``, ``liveness``, ``locks`` and
``journal``, whose functions take a ``Registry`` first.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from dml.errors import DmlError, LockedError
from dml.safe_text import safe
from dml.workspace import schema
from dml.workspace.connection import (
    Fingerprint,
    accessible,
    close_writer,
    corrupt,
    fingerprint,
    has_writer,
    open_for_writing,
    reading,
    transaction_on,
    translated,
    unsynced,
)
from dml.workspace.layout import Workspace
from dml.workspace.times import Clock, iso_time, utc_now
from dml.workspace.upgrade import bring_forward, unknown_release

T = TypeVar("T")

_ABANDONED: list[sqlite3.Connection] = []
"""Connections inherited through a fork: closing one in the child could fold the log in under the parent's feet."""


_open_registries: weakref.WeakSet[Registry] = weakref.WeakSet()


class Registry:
    """The registry of one workspace.

    Use ``Registry.reading`` for commands that only look (nothing is created, no byte changes; a missing registry is
    empty) and ``Registry.writing`` for all others. Safe to share between threads. A context manager that closes it.

    Attributes:
        workspace: Whose registry it is.
        path: The SQLite file.
        clock: Gives the present instant; tests set it.
    """

    def __init__(self, workspace: Workspace, *, writable: bool, clock: Clock = utc_now) -> None:
        self.workspace = workspace
        self.path: Path = workspace.registry_path
        self.clock = clock
        self._writable = writable
        self._refusal = "it was opened for reading"
        self._connections: dict[int, sqlite3.Connection] = {}
        self._guard = threading.Lock()
        self._pid = os.getpid()
        _open_registries.add(self)

    @classmethod
    def reading(cls, workspace: Workspace, *, clock: Clock = utc_now) -> Registry:
        """Open for looking only; see the class.

        Raises:
            IntegrityError: The file is damaged (raised by the first read).
        """
        return cls(workspace, writable=False, clock=clock)

    @classmethod
    def writing(cls, workspace: Workspace, *, clock: Clock = utc_now) -> Registry:
        """Open for writing: directories and tables are created, an older registry is brought forward after a backup.

        A registry of a release that is not known is opened for reading; its writes then raise.

        Raises:
            IntegrityError: The file is damaged.
            DmlError: The workspace cannot be written.
            LockedError: Another process kept the registry busy for too long.
        """
        registry = cls(workspace, writable=True, clock=clock)
        registry._prepare()
        return registry

    @property
    def is_writable(self) -> bool:
        """Whether writes are possible."""
        return self._writable

    @property
    def exists(self) -> bool:
        """Whether there is a registry on disk."""
        return self.path.exists()

    def now(self) -> str:
        """The present instant as dml's own tables hold it."""
        return iso_time(self.clock())

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that reads, on one consistent state, and return what it returns.

        The function may be run again when a writer changed the file meanwhile; it must have no other effect.

        Raises:
            IntegrityError: The registry is damaged.
            LockedError: A writer left no quiet moment.
        """
        if self._writable:
            connection = self._connection()
            with translated(self.path):
                if connection.in_transaction:
                    return function(connection)
                connection.execute("BEGIN")
                try:
                    return function(connection)
                finally:
                    connection.execute("ROLLBACK")
        return self._read_without_trace(function)

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction, committed at the end and rolled back on any exception.

        Inside another one on the same thread it joins it.

        Args:
            durable: Whether the commit waits for the disk. What is only told to other processes need not: when the
                power fails it may be lost, and nothing that was durable with it (SQLite, ``synchronous = NORMAL``).

        Raises:
            DmlError: The registry is open for reading only.
            LockedError: Another process kept it busy for too long.
            RetryableError: The disk is full.
        """
        if not self._writable:
            raise DmlError(
                f"The registry {safe(self.path)} cannot be written: {self._refusal}",
                hint="Update dml, or work in another directory with --workspace.",
            )
        connection = self._connection()
        with translated(self.path), unsynced(connection, not durable), transaction_on(connection):
            yield connection

    def close(self) -> None:
        """Close every connection of this process; using the registry afterwards opens it again."""
        with self._guard:
            self._leave_to_parent()
            connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            close_writer(self.path, connection)

    def close_thread(self, *, unless_in_transaction: bool = False) -> None:
        """Close the calling thread's connection, if it has one; it is opened again when needed."""
        with self._guard:
            self._leave_to_parent()
            connection = self._connections.get(threading.get_ident())
            if connection is None or (unless_in_transaction and connection.in_transaction):
                return
            del self._connections[threading.get_ident()]
        close_writer(self.path, connection)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        with accessible(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_emptied()
        # One that is not known is not even opened for writing, which would leave a log beside it.
        found = self._read_without_trace(schema.diagnose)
        refusal = unknown_release(found)
        if not refusal:
            connection = self._connection()
            with translated(self.path), accessible(self.path):
                refusal = bring_forward(connection, self.path, self.now())
        if refusal:
            self.close()
            self._writable, self._refusal = False, refusal

    def _connection(self) -> sqlite3.Connection:
        """The calling thread's connection."""
        ident = threading.get_ident()
        with self._guard:
            self._leave_to_parent()
            if ident in self._connections:
                return self._connections[ident]
            living = {thread.ident for thread in threading.enumerate()}
            for finished in [known for known in self._connections if known not in living]:
                close_writer(self.path, self._connections.pop(finished))
        with accessible(self.path):
            connection = open_for_writing(self.path)
        with self._guard:
            self._connections[ident] = connection
        return connection

    def _leave_to_parent(self) -> None:
        if self._pid != os.getpid():
            _ABANDONED.extend(self._connections.values())
            self._connections, self._pid = {}, os.getpid()

    def _read_without_trace(self, function: Callable[[sqlite3.Connection], T]) -> T:
        for _ in range(50):
            before = self._look()
            if before.database is None:
                return self._read_empty(function)
            try:
                result = self._read_once(function, before)
            except DmlError:
                # Read while a checkpoint rewrote the file: what looked like damage may be a mixture of two states.
                if self._look() == before:
                    raise
                continue
            after = self._look()
            if has_writer(self.path) or (before.log and before.log[1] and before.shared_memory):
                return result  # SQLite's own locks kept the state consistent
            if after == before:
                return result
        raise LockedError(
            f"The registry {safe(self.path)} is being written all the time", hint="Run the command again."
        )

    def _look(self) -> Fingerprint:
        with accessible(self.path):
            return fingerprint(self.path)

    def _read_once(self, function: Callable[[sqlite3.Connection], T], seen: Fingerprint) -> T:
        with accessible(self.path):
            self._refuse_emptied()
        with reading(self.path, seen) as connection, translated(self.path):
            connection.execute("BEGIN")
            schema.shadow_missing(connection, schema.diagnose(connection).columns)
            return function(connection)

    def _read_empty(self, function: Callable[[sqlite3.Connection], T]) -> T:
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            schema.shadow_missing(connection, {})
            return function(connection)

    def _refuse_emptied(self) -> None:
        """A file of no bytes was never begun, unless executions beside it say that it once held them."""
        if not self.path.exists() or self.path.stat().st_size or fingerprint(self.path).log:
            return
        executions = self.workspace.executions_directory
        if executions.is_dir() and any(executions.iterdir()):
            raise corrupt(self.path, "it is empty, but the workspace holds executions")


def _close_before_fork() -> None:
    """SQLite's record of the locks a process holds is copied by fork, the locks are not: keep what is copied empty.

    The forking thread's connections are closed unless a transaction is open; they are opened again when needed.
    """
    for registry in list(_open_registries):
        registry.close_thread(unless_in_transaction=True)


def _renew_in_child() -> None:
    for registry in list(_open_registries):
        registry._guard = threading.Lock()


os.register_at_fork(before=_close_before_fork, after_in_child=_renew_in_child)
