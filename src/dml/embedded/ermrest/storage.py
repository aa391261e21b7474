"""The SQLite file of one catalog: its bookkeeping tables, connections and transactions.

A connection belongs to one request at a time and is kept for the next one; none crosses a fork.
Writers of one process queue on a lock, writers of several processes on SQLite's; readers never wait.
A write transaction has a time of its own, later than any before it, which names the state it leaves.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from werkzeug.exceptions import ServiceUnavailable

from dml.embedded.ermrest import patterns
from dml.embedded.ermrest.time_limit import TimeLimit
from dml.embedded.ermrest.times import encode_rid, instant_text, now

__all__ = ["BUSY_SECONDS", "FIRST_RID", "Connection", "State", "Storage", "Transaction"]

BUSY_SECONDS = 60.0
_KEPT = 4
"""Readers' connections kept open: each holds a page cache and a copy of the file's own schema in memory."""

ABORTED = "Transaction aborted."
"""ERMrest's message when two writes overlap, even on different tables: nothing was changed, so a retry is safe."""

OVERLAPPING_WRITES = "DML_EMBEDDED_OVERLAPPING_WRITES"
"""The environment variable that makes overlapping writes fail (``abort``) as on a real server instead of wait."""

FIRST_RID = 32**4 // 2
"""RIDs start at ``1-0000``, so that the first 16 million sort in the order of assignment."""

_BOOKKEEPING = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
BEGIN IMMEDIATE;
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER NOT NULL, time_text TEXT NOT NULL,
    client TEXT, model INTEGER NOT NULL, next_rid INTEGER NOT NULL, next_element INTEGER NOT NULL,
    created INTEGER NOT NULL);
CREATE TABLE element (kind TEXT, id INTEGER, began INTEGER, ended INTEGER, document TEXT NOT NULL,
    PRIMARY KEY (kind, id, began)) WITHOUT ROWID;
CREATE TABLE model_change (time INTEGER PRIMARY KEY);
CREATE TABLE location (rid TEXT, began INTEGER, ended INTEGER, tid INTEGER,
    PRIMARY KEY (rid, began, tid)) WITHOUT ROWID;
CREATE TABLE change (tid INTEGER PRIMARY KEY, time INTEGER NOT NULL);
"""


class Connection(sqlite3.Connection):
    """A connection to the file of a catalog.

    Attributes:
        limit: When the statements that run on it must end.
    """

    limit: TimeLimit


@dataclass(frozen=True, slots=True)
class State:
    """The times of a catalog's latest change, of its latest model change and of its creation."""

    time: int
    model: int
    created: int


@dataclass
class Transaction:
    """A write in progress.

    Attributes:
        connection: In a transaction; constraints that may be deferred are checked when it ends.
        time: The transaction's time in microseconds, its name in history.
        stamp: The same as a ``timestamptz`` value.
        client: Id of the client who writes.
    """

    connection: sqlite3.Connection
    state: State
    time: int
    stamp: str
    client: str

    def next_rids(self, count: int) -> list[str]:
        """Reserve RIDs that were never assigned and that no row uses."""
        rids: list[str] = []
        while len(rids) < count:
            wanted = count - len(rids)
            (first,) = self.connection.execute("SELECT next_rid FROM state").fetchone()
            self.connection.execute("UPDATE state SET next_rid = ?", (first + wanted,))
            fresh = [encode_rid(number) for number in range(first, first + wanted)]
            lowest, highest = fresh[0], fresh[-1]
            if len(lowest) == len(highest):
                used = self.connection.execute("SELECT rid FROM location WHERE rid BETWEEN ? AND ?", (lowest, highest))
                taken = {rid for (rid,) in used}
            else:
                probe = "SELECT 1 FROM location WHERE rid = ?"
                taken = {rid for rid in fresh if self.connection.execute(probe, (rid,)).fetchone()}
            rids += [rid for rid in fresh if rid not in taken]
        return rids

    def next_element(self) -> int:
        """A number for a new schema or table."""
        (number,) = self.connection.execute(
            "UPDATE state SET next_element = next_element + 1 RETURNING next_element"
        ).fetchone()
        return int(number)


class Storage:
    """One catalog's file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._idle: list[Connection] = []
        self._writer: Connection | None = None
        self._writing = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> Storage:
        """Create the file with empty bookkeeping tables."""
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.executescript(_BOOKKEEPING)
            time = now()
            connection.execute(
                "INSERT INTO state VALUES (1, ?, ?, NULL, 0, ?, 0, ?)", (time, instant_text(time), FIRST_RID, time)
            )
            connection.execute("COMMIT")
        finally:
            connection.close()
        return cls(path)

    def exists(self) -> bool:
        """Whether the file still exists; another process may have deleted the catalog."""
        return self.path.exists()

    def close(self) -> None:
        """Close the connections that no request is using."""
        self.after_fork()
        while self._idle:
            self._idle.pop().close()
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def after_fork(self) -> None:
        """In a child process, start without the connections of the parent."""
        if self._process != os.getpid():
            _INHERITED.append((self._idle, self._writer))  # closing them here could drop the parent's locks
            self._forget()

    def _open(self) -> Connection:
        connection = sqlite3.connect(
            f"file:{_quoted(self.path)}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=400,
            factory=Connection,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -4000")
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.create_function("exact", 1, repr, deterministic=True)  # a real as text, all its digits
        connection.limit = TimeLimit(connection)
        patterns.register(connection, connection.limit)
        return connection

    def take(self) -> Connection:
        """Open a read transaction with a time limit on a pooled connection; return it with ``give_back``."""
        self.after_fork()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()
        connection.limit.start()
        connection.execute("BEGIN")
        return connection

    def give_back(self, connection: Connection) -> None:
        """End the read and keep the connection for another."""
        connection.limit.clear()
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent state of the catalog to read."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

    @contextmanager
    def writing(self, client: str, *, rebuilds: bool = False) -> Iterator[Transaction]:
        """A write transaction: committed when the block ends, undone when it raises or changed nothing.

        Args:
            client: Id of the client, who is recorded with each row written.
            rebuilds: Whether tables may be rebuilt, for which SQLite's own check of foreign keys must be off;
                the caller then checks what it touched.

        Raises:
            sqlite3.Error: From the block or from the final check of foreign keys.
        """
        self.after_fork()
        with self._turn():
            if self._writer is None:
                self._writer = self._open()
            connection = self._writer
            if rebuilds:
                connection.execute("PRAGMA foreign_keys = OFF")
            try:
                self._begin(connection)
                transaction = self._begun(connection, client)
                before = connection.total_changes
                yield transaction
                connection.execute("COMMIT" if connection.total_changes > before else "ROLLBACK")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if rebuilds:
                    connection.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold this process's write lock; other writers wait, or are refused as by ERMrest."""
        if not self._writing.acquire(blocking=not aborts_overlapping_writes()):
            raise ServiceUnavailable(ABORTED)
        try:
            yield
        finally:
            self._writing.release()

    def _begin(self, connection: Connection) -> None:
        """Begin a write transaction; wait for writers of other processes, or refuse the write if there are any."""
        if not aborts_overlapping_writes():
            connection.execute("BEGIN IMMEDIATE")
            return
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise ServiceUnavailable(ABORTED) from None
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def _begun(self, connection: sqlite3.Connection, client: str) -> Transaction:
        state = read_state(connection)
        time = max(now(), state.time + 1)
        stamp = instant_text(time)
        connection.execute("UPDATE state SET time = ?, time_text = ?, client = ?", (time, stamp, client))
        return Transaction(connection, state, time, stamp, client)


_INHERITED: list[object] = []


def aborts_overlapping_writes() -> bool:
    """Whether overlapping writes fail with 503, to test how clients handle it."""
    return os.environ.get(OVERLAPPING_WRITES) == "abort"


def read_state(connection: sqlite3.Connection) -> State:
    """The catalog's state in the current transaction."""
    time, model, created = connection.execute("SELECT time, model, created FROM state").fetchone()
    return State(time, model, created)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
