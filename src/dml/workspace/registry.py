"""The registry of a workspace: one SQLite file that deriva-ml and dml share.

This module opens it: for reading without changing a byte, or for writing, with one connection per thread and none
across a fork. ``executions``, ``assets``, ``features``, ``intents``, ``journal`` and the other modules of this package
that store something have functions that take a ``Registry`` first.
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

from dml.errors import DmlError
from dml.workspace.connection import (
    close_writer,
    fingerprint,
    open_for_writing,
    read_consistently,
    without_sync,
    write_transaction,
)
from dml.workspace.layout import Workspace
from dml.workspace.schema_state import diagnose, shadow_missing
from dml.workspace.sqlite_errors import Database, corrupt, file_errors, sqlite_errors
from dml.workspace.times import Clock, format_time, utc_now
from dml.workspace.upgrade import refusal_reason, upgrade_registry

T = TypeVar("T")

_inherited: list[sqlite3.Connection] = []
"""Connections that a forked child got from its parent. They are never closed: SQLite would write the parent's log."""

_open_registries: weakref.WeakSet[Registry] = weakref.WeakSet()


class Registry:
    """The registry of one workspace.

    Open it with ``Registry.reading`` where nothing on disk may change (a missing registry is then empty) and with
    ``Registry.writing`` elsewhere. Threads may share it. A context manager that closes it.

    Attributes:
        workspace: The workspace.
        path: The SQLite file.
        clock: Returns the current time; tests set it.
    """

    def __init__(self, workspace: Workspace, *, writable: bool, clock: Clock = utc_now) -> None:
        self.workspace = workspace
        self.path: Path = workspace.registry_path
        self._database = _describe(self.path)
        self.clock = clock
        self._writable = writable
        self._refusal = "it was opened for reading"
        self._connections: dict[int, sqlite3.Connection] = {}
        self._guard = threading.Lock()
        self._pid = os.getpid()
        _open_registries.add(self)

    @classmethod
    def reading(cls, workspace: Workspace, *, clock: Clock = utc_now) -> Registry:
        """Open for reading; the first read raises ``IntegrityError`` if the file is damaged."""
        return cls(workspace, writable=False, clock=clock)

    @classmethod
    def writing(cls, workspace: Workspace, *, clock: Clock = utc_now) -> Registry:
        """Open for writing; directories and tables are created, an older registry is upgraded after a backup.

        A registry of an unknown release is opened for reading, and its writes raise.

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
        """Whether it can be written."""
        return self._writable

    @property
    def exists(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    def now(self) -> str:
        """The current time as dml's tables store it."""
        return format_time(self.clock())

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that only reads, on one consistent state, and return its result.

        The function may be run again when a writer changed the file meanwhile; it must have no other effect.

        Raises:
            IntegrityError: The registry is damaged.
            LockedError: Writers changed the file during every attempt.
        """
        if self._writable:
            connection = self._connection()
            with sqlite_errors(self._database):
                if connection.in_transaction:
                    return function(connection)
                connection.execute("BEGIN")
                try:
                    return function(connection)
                finally:
                    connection.execute("ROLLBACK")
        return self._read_only(function)

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction, committed at the end and rolled back on any exception; joins one of the same thread.

        Args:
            durable: Whether the commit waits for the disk. Values that other processes only display need not wait: a
                power failure may lose them, but nothing that was durable (SQLite, ``synchronous = NORMAL``).

        Raises:
            DmlError: The registry is open for reading only.
            LockedError: Another process kept it busy for too long.
            RetryableError: The disk is full.
        """
        if not self._writable:
            raise DmlError(
                f"cannot write {self._database}: {self._refusal}",
                hint="Update dml, or use another directory with --workspace.",
            )
        connection = self._connection()
        with sqlite_errors(self._database), without_sync(connection, not durable), write_transaction(connection):
            yield connection

    def close(self) -> None:
        """Close every connection of this process; the registry opens again when it is used."""
        with self._guard:
            self._leave_to_parent()
            connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            close_writer(self.path, connection)

    def close_thread(self, *, unless_in_transaction: bool = False) -> None:
        """Close the connection of the calling thread, if it has one; it opens again when needed."""
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
        with file_errors(self._database):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_emptied()
        # One of an unknown release is not even opened for writing, which would leave a log next to it.
        refusal = refusal_reason(self._read_only(diagnose))
        if not refusal:
            connection = self._connection()
            with sqlite_errors(self._database), file_errors(self._database):
                refusal = upgrade_registry(connection, self._database, self.now())
        if refusal:
            self.close()
            self._writable, self._refusal = False, refusal

    def _connection(self) -> sqlite3.Connection:
        """The connection of the calling thread; those of threads that have ended are closed."""
        ident = threading.get_ident()
        with self._guard:
            self._leave_to_parent()
            if ident in self._connections:
                return self._connections[ident]
            running = {thread.ident for thread in threading.enumerate()}
            for finished in [known for known in self._connections if known not in running]:
                close_writer(self.path, self._connections.pop(finished))
        with file_errors(self._database):
            connection = open_for_writing(self._database)
        with self._guard:
            self._connections[ident] = connection
        return connection

    def _leave_to_parent(self) -> None:
        if self._pid != os.getpid():
            _inherited.extend(self._connections.values())
            self._connections, self._pid = {}, os.getpid()

    def _read_only(self, function: Callable[[sqlite3.Connection], T]) -> T:
        def prepare(connection: sqlite3.Connection) -> None:
            with file_errors(self._database):
                self._refuse_emptied()
            shadow_missing(connection, diagnose(connection).columns)

        return read_consistently(self._database, function, prepare=prepare)

    def _refuse_emptied(self) -> None:
        """Refuse an empty file if executions next to it show that it once had content; otherwise it is a new one."""
        if not self.path.exists() or self.path.stat().st_size or fingerprint(self.path).log:
            return
        executions = self.workspace.executions_directory
        if executions.is_dir() and any(executions.iterdir()):
            raise corrupt(self._database, "it is empty, but the workspace holds executions")


def _describe(path: Path) -> Database:
    return Database(
        path,
        "registry",
        "use another directory with --workspace",
        f"Move it away and put its newest backup ({path.name}.*.backup, in the same directory) in its place, or restore"
        " its executions from the catalog with `dml exec resume RID`. Staged files are not affected.",
    )


def _close_before_fork() -> None:
    """Close the forking thread's connections, unless a transaction is open; they open again when needed.

    A fork copies SQLite's record of the locks that the process holds, but not the locks.
    """
    for registry in list(_open_registries):
        registry.close_thread(unless_in_transaction=True)


def _reset_in_child() -> None:
    for registry in list(_open_registries):
        registry._guard = threading.Lock()


os.register_at_fork(before=_close_before_fork, after_in_child=_reset_in_child)
