"""The time limit of reads, so that a runaway query does not occupy a thread and a processor indefinitely."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["READ_SECONDS", "TimeLimit"]

READ_SECONDS = 60.0
"""The longest read. A page of a million rows takes some seconds."""

_INSTRUCTIONS = 100_000
"""Instructions of SQLite's virtual machine between two looks at the clock; some milliseconds."""


class TimeLimit:
    """The deadline of the statements of one connection; there is none until ``start`` is called."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._end: float | None = None
        connection.set_progress_handler(self._expired, _INSTRUCTIONS)

    def start(self, seconds: float | None = None) -> None:
        """Set the deadline, in seconds from now; ``READ_SECONDS`` when None."""
        self._end = time.monotonic() + (READ_SECONDS if seconds is None else seconds)

    def clear(self) -> None:
        """Remove the deadline."""
        self._end = None

    def remaining(self) -> float | None:
        """The remaining seconds, more than 0; None without a deadline."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.001)

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self._end is not None and time.monotonic() >= self._end

    def _expired(self) -> int:
        return int(self.passed)
