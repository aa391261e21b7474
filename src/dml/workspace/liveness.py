"""Whether the process that runs an execution is alive, which its status ``Running`` alone does not say.

The process records its identity and a heartbeat. On the same boot and in the same pid namespace the process itself is
looked up, and the answer is exact. Elsewhere the heartbeat decides: a recent one means that the process runs elsewhere,
an old one that it is dead. The limit is generous, because the clocks of two machines may differ.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dml.errors import DmlError
from dml.workspace.process import ProcessIdentity, current_process, process_state
from dml.workspace.registry import Registry
from dml.workspace.times import format_time, parse_time

LiveState = Literal["running", "elsewhere", "dead"]

HEARTBEAT_SECONDS = 10.0
"""Seconds between two heartbeats."""

MISSED_BEATS = 6
"""The number of missed heartbeats after which a process elsewhere counts as dead."""

SKEW_SECONDS = 300.0
"""The difference between the clocks of two machines that is tolerated."""


@dataclass(frozen=True)
class Liveness:
    """The state of the process that runs an execution.

    Attributes:
        state: ``running`` (here), ``elsewhere`` (running on another host, boot or container) or ``dead``.
        process: The process.
        heartbeat_at: Its last heartbeat, by its own clock.
        reason: The process and what the state is derived from, for people.
    """

    state: LiveState
    process: ProcessIdentity
    heartbeat_at: datetime | None
    reason: str


def begin_running(
    registry: Registry, execution_rid: str, process: ProcessIdentity, interval: float = HEARTBEAT_SECONDS
) -> None:
    """Record that a process runs an execution, replacing any process recorded before."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO dml_liveness (execution_rid, pid, started, host, boot, command, since, interval,"
            " heartbeat_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                execution_rid,
                process.pid,
                process.started,
                process.host,
                process.boot,
                process.command,
                process.since,
                interval,
                now,
            ),
        )


def beat(registry: Registry, execution_rid: str, process: ProcessIdentity) -> bool:
    """Renew the heartbeat.

    Returns:
        False when another process runs the execution, or it has ended.
    """
    with registry.transaction() as connection:
        done = connection.execute(
            "UPDATE dml_liveness SET heartbeat_at = ? WHERE execution_rid = ? AND pid = ? AND started = ? AND boot = ?"
            " AND since = ? AND ended_at IS NULL",
            (registry.now(), execution_rid, process.pid, process.started, process.boot, process.since),
        )
        return done.rowcount > 0


def end_running(registry: Registry, execution_rid: str, process: ProcessIdentity) -> None:
    """Record that a process no longer runs an execution; the record of another process is kept."""
    with registry.transaction() as connection:
        connection.execute(
            "UPDATE dml_liveness SET ended_at = ? WHERE execution_rid = ? AND pid = ? AND started = ? AND boot = ?"
            " AND since = ? AND ended_at IS NULL",
            (registry.now(), execution_rid, process.pid, process.started, process.boot, process.since),
        )


def liveness_of(registry: Registry, execution_rid: str) -> Liveness | None:
    """The liveness of an execution; None when no process is recorded (deriva-ml records none) or it has ended."""
    return list_liveness(registry, [execution_rid]).get(execution_rid)


def list_liveness(registry: Registry, rids: Iterable[str] | None = None) -> dict[str, Liveness]:
    """The liveness of every execution with a recorded process that has not ended.

    Args:
        registry: The registry.
        rids: Only these executions.
    """
    query = "SELECT * FROM dml_liveness WHERE ended_at IS NULL ORDER BY execution_rid"
    rows = registry.read(lambda connection: connection.execute(query).fetchall())
    by_rid = {row["execution_rid"]: row for row in rows}
    selected = by_rid if rids is None else by_rid.keys() & set(rids)
    now = registry.clock()
    return {rid: _liveness(row, now) for rid, row in by_rid.items() if rid in selected}


def is_fresh(heartbeat: datetime | None, interval: float, now: datetime) -> bool:
    """Whether the heartbeat of another machine is recent enough for its process to be alive.

    One from the future is: the other clock is ahead, and a live process must not be taken for dead.
    """
    if heartbeat is None:
        return False
    return now - heartbeat <= timedelta(seconds=interval * MISSED_BEATS + SKEW_SECONDS)


class Heartbeat:
    """The heartbeat of a running execution, as a context manager.

    Records the process on entry, renews the heartbeat in a daemon thread, and ends the record on exit, after which
    nothing more is written. A failed renewal (disk full, registry busy) is skipped.
    """

    def __init__(
        self, registry: Registry, execution_rid: str, *, command: str | None = None, interval: float = HEARTBEAT_SECONDS
    ) -> None:
        self.process = current_process(command)
        self._registry = registry
        self._rid = execution_rid
        self._interval = interval
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Heartbeat:
        """Record the process and start the thread."""
        begin_running(self._registry, self._rid, self.process, self._interval)
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{self._rid}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop the thread and end the record; has no effect when called again."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        end_running(self._registry, self._rid, self.process)

    def __enter__(self) -> Heartbeat:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _beat(self) -> None:
        while not self._stopped.wait(self._interval):
            with contextlib.suppress(DmlError):
                if not beat(self._registry, self._rid, self.process):
                    break
            # Keep nothing open between two heartbeats, because a fork would copy it.
            self._registry.close_thread()
        self._registry.close_thread()


def _liveness(row: sqlite3.Row, now: datetime) -> Liveness:
    names = ("pid", "started", "host", "boot", "command", "since")
    process = ProcessIdentity(**{name: row[name] for name in names})
    heartbeat = parse_time(row["heartbeat_at"])
    match process_state(process):
        case "alive":
            return Liveness("running", process, heartbeat, process.describe())
        case "gone":
            return Liveness("dead", process, heartbeat, f"{process.describe()} no longer exists")
        case "elsewhere":
            seen = format_time(heartbeat) if heartbeat else "an unknown time"
            if is_fresh(heartbeat, float(row["interval"]), now):
                ahead = heartbeat is not None and heartbeat - now > timedelta(seconds=SKEW_SECONDS)
                note = ", by a clock ahead of this one" if ahead else ""
                return Liveness("elsewhere", process, heartbeat, f"{process.describe()}, last heartbeat {seen}{note}")
            return Liveness("dead", process, heartbeat, f"{process.describe()}, no heartbeat since {seen}")
