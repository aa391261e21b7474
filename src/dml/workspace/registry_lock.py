"""A lock as a row of the registry, for file systems without flock (some network home directories).

Unlike a file lock it can be left behind by a process that was killed. A row whose holder has ended, or whose holder on
another host has sent no heartbeat for minutes, is therefore replaced.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Callable

from dml.errors import DmlError
from dml.workspace.liveness import HEARTBEAT_SECONDS, is_fresh
from dml.workspace.process import ProcessIdentity, process_state
from dml.workspace.registry import Registry
from dml.workspace.times import parse_time

__all__ = ["row_lock_state", "try_row_lock"]


def try_row_lock(registry: Registry, rid: str, identity: ProcessIdentity) -> Callable[[], None] | None:
    """Try once to take the lock of an execution; a daemon thread renews its heartbeat.

    Returns:
        The function that releases the lock; None when another process holds it.
    """
    nonce = secrets.token_hex(8)
    with registry.transaction() as connection:
        row = _select(connection, rid)
        if row is not None and _is_live(row, registry):
            return None
        connection.execute(
            "INSERT OR REPLACE INTO dml_locks (name, holder, nonce, interval, heartbeat_at) VALUES (?, ?, ?, ?, ?)",
            (rid, identity.to_json(), nonce, HEARTBEAT_SECONDS, registry.now()),
        )
    stopped = threading.Event()
    thread = threading.Thread(target=_renew, args=(registry, rid, nonce, stopped), name=f"lock-{rid}", daemon=True)
    thread.start()

    def release() -> None:
        stopped.set()
        thread.join()
        with registry.transaction() as connection:
            connection.execute("DELETE FROM dml_locks WHERE name = ? AND nonce = ?", (rid, nonce))

    return release


def row_lock_state(registry: Registry, rid: str) -> tuple[bool, ProcessIdentity | None]:
    """Whether a live process holds the row lock of an execution, and which process as far as it can be read."""
    row = registry.read(lambda connection: _select(connection, rid))
    if row is None or not _is_live(row, registry):
        return False, None
    return True, ProcessIdentity.from_json(row["holder"])


def _renew(registry: Registry, rid: str, nonce: str, stopped: threading.Event) -> None:
    while not stopped.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(DmlError), registry.transaction() as connection:
            connection.execute(
                "UPDATE dml_locks SET heartbeat_at = ? WHERE name = ? AND nonce = ?", (registry.now(), rid, nonce)
            )
        registry.close_thread()


def _is_live(row: sqlite3.Row, registry: Registry) -> bool:
    holder = ProcessIdentity.from_json(row["holder"])
    state = process_state(holder) if holder is not None else "elsewhere"
    if state == "elsewhere":
        return is_fresh(parse_time(row["heartbeat_at"]), float(row["interval"]), registry.clock())
    return state == "alive"


def _select(connection: sqlite3.Connection, rid: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM dml_locks WHERE name = ?", (rid,)).fetchone()
    return row
