"""The catalogs below a root directory, and transactions that read or change a catalog.

``ermrest/registry.sqlite`` below the root assigns catalog ids and never reuses one; ``ermrest/N.sqlite`` is catalog
N. A catalog exists if its file exists: the registry may be lost, or older than a file restored from a backup, so a
new catalog never takes the id of an existing file.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict, Forbidden, NotFound

from dml.embedded.authn import Client
from dml.embedded.ermrest.model import Model
from dml.embedded.ermrest.model_history import ModelLedger
from dml.embedded.ermrest.public_schema import initialize_catalog, register_client
from dml.embedded.ermrest.rows import integrity_conflict
from dml.embedded.ermrest.storage import BUSY_SECONDS, State, Storage, Transaction, read_state
from dml.embedded.ermrest.times import decode_snaptime, encode_snaptime

__all__ = ["Catalog", "Catalogs", "View"]

_CATALOG_FILE = re.compile(r"0*([1-9][0-9]{0,9})\.sqlite(-wal|-shm|-journal)?")


@dataclass(frozen=True)
class View:
    """A catalog as seen by one read transaction.

    Attributes:
        time: The time of the state that is read: the snapshot's time or that of the latest change.
        snapshot: The snapshot's time; None for the current state.
    """

    connection: sqlite3.Connection
    state: State
    model: Model
    time: int
    snapshot: int | None

    def data_etag(self, tables: set[int], kind: str) -> str:
        """The ETag of data read from some tables; it changes with their rows and with the model."""
        if self.snapshot is not None:
            return f"{encode_snaptime(self.snapshot)}-{kind}"
        listed = ", ".join(f"{table:d}" for table in tables)
        (time,) = self.connection.execute(f"SELECT max(time) FROM change WHERE tid IN ({listed})").fetchone()  # noqa: S608
        return f"{self.model.version:x}.{time or 0:x}-{kind}"

    def model_etag(self) -> str:
        """The ETag of model documents."""
        return f"{self.snapshot or 0:x}.{self.model.version:x}-model"


@dataclass(frozen=True)
class Catalog:
    """An open catalog."""

    id: str
    storage: Storage
    ledger: ModelLedger
    clients: set[str]

    def view(self, connection: sqlite3.Connection, snapshot: str | None) -> View:
        """The state that a transaction of a connection reads; 409 for a snapshot older than the catalog.

        As in ERMrest, a snapshot id between two changes selects the state after the earlier one, and an id after
        the latest change selects the latest state.
        """
        state = read_state(connection)
        if snapshot is None:
            return View(connection, state, self.ledger.at(connection, state.model), state.time, None)
        time = decode_snaptime(snapshot)
        if time is None or time < state.created:
            raise Conflict(f'"{snapshot[:40]}" is not a snapshot of this catalog.')
        time = min(time, state.time)
        return View(connection, state, self.model_at(connection, time), time, time)

    def model_at(self, connection: sqlite3.Connection, time: int) -> Model:
        """The model at a point in time."""
        (version,) = connection.execute("SELECT max(time) FROM model_change WHERE time <= ?", (time,)).fetchone()
        return self.ledger.at(connection, version or 0)

    @contextmanager
    def reading(self, snapshot: str | None) -> Iterator[View]:
        """Open a read transaction for the block."""
        with self.storage.reading() as connection:
            yield self.view(connection, snapshot)

    @contextmanager
    def writing(self, client: Client, *, rebuilds: bool = False) -> Iterator[tuple[Transaction, View]]:
        """Open a write transaction, committed when the block ends; 409 if it violates a constraint."""
        model: Model | None = None
        try:
            with self.storage.writing(client.id, rebuilds=rebuilds) as transaction:
                model = self.ledger.at(transaction.connection, transaction.state.model)
                if client.id not in self.clients:
                    register_client(transaction, model, client)
                yield transaction, View(transaction.connection, transaction.state, model, transaction.time, None)
            self.clients.add(client.id)
        except sqlite3.IntegrityError as error:
            if model is None:
                raise
            raise integrity_conflict(error, model) from None


class Catalogs:
    """The catalogs below one root directory."""

    def __init__(self, root: Path, *, read_only: bool) -> None:
        self._directory = root / "ermrest"
        self._read_only = read_only
        self._guard = threading.Lock()
        self._opened: dict[str, Catalog] = {}
        _ALIVE.add(self)

    def after_fork(self) -> None:
        """Replace the lock in a child process, where a thread of the parent may have held it."""
        self._guard = threading.Lock()
        for catalog in self._opened.values():
            catalog.ledger.after_fork()
            catalog.storage.after_fork()

    def _path(self, number: str) -> Path:
        return self._directory / f"{number}.sqlite"

    def open(self, number: str) -> Catalog:
        """The catalog with an id; 404 if it does not exist."""
        known = self._opened.get(number)
        if known is not None and known.storage.exists():
            return known
        with self._guard:
            self._opened.pop(number, None)
            if not number.isascii() or not number.isdigit() or not self._path(number).exists():
                raise NotFound(f"Catalog {number[:40]} does not exist.")
            catalog = Catalog(number, Storage(self._path(number)), ModelLedger(), set())
            self._opened[number] = catalog
            return catalog

    def create(
        self, client: Client, annotations: dict[str, Any], owners: list[str], requested_id: object = None
    ) -> str:
        """Create a catalog and return its id.

        Args:
            client: The client that creates it.
            annotations: The catalog's annotations.
            owners: Its owners; stored, not enforced.
            requested_id: The id, a number; None for the next free id.

        Raises:
            BadRequest: The requested id is not a number (400).
            Conflict: The requested id is or was in use (409).
        """
        if self._read_only:
            raise Forbidden("This service is read-only.")
        self._directory.mkdir(parents=True, exist_ok=True)
        number = self._claim_id(requested_id)
        unfinished = self._directory / f".{number}.{os.getpid()}.sqlite"
        try:
            storage = Storage.create(unfinished)
            initialize_catalog(storage, client, annotations, owners)
            storage.close()
            _publish(unfinished, self._path(number))
        except FileExistsError:
            raise Conflict(f"Catalog {number} exists already.") from None
        finally:
            _remove(unfinished)
        return number

    def _claim_id(self, requested_id: object) -> str:
        """Reserve an id that is in neither the registry nor a file name; return it."""
        if requested_id is not None and not (
            str(requested_id).isascii() and str(requested_id).isdigit() and 0 < int(str(requested_id)) < 2**31
        ):
            raise BadRequest("The id of a catalog must be a number.")
        registry = sqlite3.connect(self._directory / "registry.sqlite", timeout=BUSY_SECONDS, isolation_level=None)
        try:
            registry.execute("CREATE TABLE IF NOT EXISTS catalog (id INTEGER PRIMARY KEY AUTOINCREMENT)")
            for taken in self._ids_of_files():
                registry.execute("INSERT OR IGNORE INTO catalog VALUES (?)", (taken,))
            number = None if requested_id is None else int(str(requested_id))
            return str(registry.execute("INSERT INTO catalog VALUES (?)", (number,)).lastrowid)
        except sqlite3.IntegrityError:
            raise Conflict(f"Catalog {requested_id} exists already or was deleted.") from None
        finally:
            registry.close()

    def _ids_of_files(self) -> set[int]:
        """The ids in the file names of this directory, including write-ahead logs left without their catalog."""
        return {int(match[1]) for path in self._directory.iterdir() if (match := _CATALOG_FILE.fullmatch(path.name))}

    def delete(self, catalog: Catalog) -> None:
        """Delete a catalog and its file."""
        if self._read_only:
            raise Forbidden("This service is read-only.")
        with self._guard:
            self._opened.pop(catalog.id, None)
            catalog.storage.close()
            _remove(self._path(catalog.id))


_ALIVE: weakref.WeakSet[Catalogs] = weakref.WeakSet()


def _after_fork() -> None:
    for catalogs in list(_ALIVE):
        catalogs.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _publish(unfinished: Path, path: Path) -> None:
    """Move a finished file to its final path.

    Raises:
        FileExistsError: The path exists; it is not changed.
    """
    try:
        os.link(unfinished, path)  # unlike a rename, a link never replaces a file
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system: reserve the path with an empty file
        path.touch(exist_ok=False)
        unfinished.rename(path)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
