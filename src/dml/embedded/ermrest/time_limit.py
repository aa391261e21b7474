"""How long a read of a catalog may take: a query without an end must not keep a thread and a processor for ever."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["READ_SECONDS", "TimeLimit"]

READ_SECONDS = 60.0
"""The longest read. A page of a million rows takes some seconds."""

_INSTRUCTIONS = 100_000
"""Instructions of SQLite's virtual machine between two looks at the clock; some milliseconds."""


class TimeLimit:
    """The end of the statements that run on one connection; without an end until it is started."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._end: float | None = None
        connection.set_progress_handler(self._expired, _INSTRUCTIONS)

    def start(self, seconds: float | None = None) -> None:
        """Let the statements from now on end after some seconds; ``READ_SECONDS`` when None."""
        self._end = time.monotonic() + (READ_SECONDS if seconds is None else seconds)

    def clear(self) -> None:
        """Let statements take as long as they need."""
        self._end = None

    def remaining(self) -> float | None:
        """Seconds that are left, more than 0; None without an end."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.001)

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self._end is not None and time.monotonic() >= self._end

    def _expired(self) -> int:
        return int(self.passed)
