"""Whether what runs an execution is still alive, so that a dead ``Running`` is told from a live one.

The runner leaves its process identity and a heartbeat. On the same boot and in the same pid namespace the process
itself is looked up, and the answer is exact. From anywhere else only the heartbeat counts: a fresh one means running
elsewhere, an old one means dead. Clocks of two machines may differ; heartbeats are taken as fresh generously.
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
from dml.workspace.times import iso_time, read_time

LiveState = Literal["running", "elsewhere", "dead"]

HEARTBEAT_SECONDS = 10.0
"""Between two heartbeats."""

MISSED_BEATS = 6
"""So many may be missed before a process elsewhere counts as dead."""

SKEW_SECONDS = 300.0
"""By how much two machines' clocks may differ without anyone being declared dead."""


@dataclass(frozen=True)
class Liveness:
    """The state of a runner.

    Attributes:
        state: ``running`` (here), ``elsewhere`` (running on another host, boot or container) or ``dead``.
        process: Who it is.
        heartbeat_at: Its last heartbeat by its own clock.
        reason: Why the state is what it is, for people.
    """

    state: LiveState
    process: ProcessIdentity
    heartbeat_at: datetime | None
    reason: str


def begin_running(
    registry: Registry, execution_rid: str, process: ProcessIdentity, interval: float = HEARTBEAT_SECONDS
) -> None:
    """Record that a process runs an execution from now on; whoever was recorded before is replaced."""
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
    """Renew the heartbeat; False when the execution is another process's, or ended."""
    with registry.transaction() as connection:
        done = connection.execute(
            "UPDATE dml_liveness SET heartbeat_at = ? WHERE execution_rid = ? AND pid = ? AND started = ? AND boot = ?"
            " AND since = ? AND ended_at IS NULL",
            (registry.now(), execution_rid, process.pid, process.started, process.boot, process.since),
        )
        return done.rowcount > 0


def end_running(registry: Registry, execution_rid: str, process: ProcessIdentity) -> None:
    """Record that this process runs the execution no more; another one's record stays."""
    with registry.transaction() as connection:
        connection.execute(
            "UPDATE dml_liveness SET ended_at = ? WHERE execution_rid = ? AND pid = ? AND started = ? AND boot = ?"
            " AND since = ? AND ended_at IS NULL",
            (registry.now(), execution_rid, process.pid, process.started, process.boot, process.since),
        )


def liveness_of(registry: Registry, execution_rid: str) -> Liveness | None:
    """Whether an execution's runner lives; None when no runner was recorded (deriva-ml keeps none) or it ended."""
    return list_liveness(registry, [execution_rid]).get(execution_rid)


def list_liveness(registry: Registry, rids: Iterable[str] | None = None) -> dict[str, Liveness]:
    """The liveness of every execution that has a recorded runner which did not end.

    Args:
        registry: The registry.
        rids: Only these executions.
    """
    query = "SELECT * FROM dml_liveness WHERE ended_at IS NULL ORDER BY execution_rid"
    rows = registry.read(lambda connection: connection.execute(query).fetchall())
    wanted = None if rids is None else set(rids)
    now = registry.clock()
    return {row["execution_rid"]: _judge(row, now) for row in rows if wanted is None or row["execution_rid"] in wanted}


def is_fresh(heartbeat: datetime | None, interval: float, now: datetime) -> bool:
    """Whether a heartbeat of another machine says that its process lives.

    One from the future says so too: its clock is ahead, and nobody may be declared dead by mistake.
    """
    if heartbeat is None:
        return False
    return now - heartbeat <= timedelta(seconds=interval * MISSED_BEATS + SKEW_SECONDS)


class Heartbeat:
    """Runs while an execution runs: records the process on entry, beats in a daemon thread, ends the record on exit.

    After exit nothing is written any more, not even by a beat that was under way. A beat that fails (disk full,
    registry busy) is left out; the next one tries again.
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
        """Record the process and begin to beat."""
        begin_running(self._registry, self._rid, self.process, self._interval)
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{self._rid}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Beat no more and end the record; harmless when called again."""
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
            # Nothing stays open between two beats: a fork would copy it.
            self._registry.close_thread()
        self._registry.close_thread()


def _judge(row: sqlite3.Row, now: datetime) -> Liveness:
    names = ("pid", "started", "host", "boot", "command", "since")
    process = ProcessIdentity(**{name: row[name] for name in names})
    heartbeat = read_time(row["heartbeat_at"])
    match process_state(process):
        case "alive":
            return Liveness("running", process, heartbeat, process.describe())
        case "gone":
            return Liveness("dead", process, heartbeat, f"{process.describe()} no longer exists")
        case "elsewhere":
            seen = iso_time(heartbeat) if heartbeat else "an unknown time"
            if is_fresh(heartbeat, float(row["interval"]), now):
                ahead = heartbeat is not None and heartbeat - now > timedelta(seconds=SKEW_SECONDS)
                note = ", by a clock that is ahead of this one" if ahead else ""
                return Liveness("elsewhere", process, heartbeat, f"{process.describe()}, last heartbeat {seen}{note}")
            return Liveness("dead", process, heartbeat, f"{process.describe()} has not been heard of since {seen}")
