"""Status of a run, shown while the project's process prints its own output.

On a terminal the bottom row is kept for one line and the rest of the screen scrolls above it, so that neither the
model's prints nor its progress bars run into it. Elsewhere a line is written when the phase changes, and now and then.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from dml.cli.app.progress import INTERVAL
from dml.formatting import format_duration, format_size
from dml.progress import Progress
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.cli.app.invocation import Invocation
    from dml.experiment.run_monitor import RunDisplay, RunProgress

__all__ = ["BottomLine", "StatusLines", "run_display", "sentence"]


def run_display(invocation: Invocation) -> RunDisplay | None:
    """The status display for ``--progress``; None with ``--progress none``, ``--quiet`` and ``--json``."""
    how = str(invocation.settings.get("progress"))
    if how == "none" or (how == "auto" and (invocation.json or invocation.console.verbosity < 0)):
        return None
    if how in ("auto", "bar") and BottomLine.is_possible():
        return BottomLine()
    from dml.cli.app.progress import JsonLines, Lines

    return StatusLines(JsonLines() if how == "json" else Lines())


def sentence(view: RunProgress) -> str:
    """``4VP running · 12 s · epoch 3/50``; of a sweep, ``6A0 · 1 of 4 jobs uploaded · 6A4 running · 12 s``."""
    jobs = f"{view.jobs_done} of {view.jobs} jobs uploaded" if view.parent is not None and view.jobs else ""
    amount = ""
    if view.phase == "committing" and view.files:
        sent, total = format_size(view.bytes_sent), format_size(view.bytes)
        amount = f"{view.files_sent} of {view.files} files, {sent} of {total}"
    now = f"{view.rid} {view.phase}" if view.rid is not None else view.phase
    detail = view.detail if view.phase == "running" else ""
    elapsed = f"{int(view.seconds)} s" if view.seconds < 60 else format_duration(view.seconds)
    parts = [view.parent or "", jobs, now, elapsed, amount, detail]
    return safe(" · ".join(part for part in parts if part), limit=400)


class StatusLines:
    """A line when the phase, the execution or the number of finished jobs changes, and one every 30 seconds."""

    def __init__(
        self, progress: Progress, clock: Callable[[], float] = time.monotonic, interval: float = INTERVAL
    ) -> None:
        self._progress, self._clock, self._interval = progress, clock, interval
        self._last = clock()
        self._told: tuple[object, ...] = ()

    def show(self, view: RunProgress) -> None:
        """Write a line if there is news."""
        news = (view.rid, view.phase, view.jobs_done)
        now = self._clock()
        if news != self._told or now - self._last >= self._interval:
            self._told, self._last = news, now
            self._progress.message(sentence(view))

    def close(self) -> None:
        """Do nothing: there is nothing to restore."""


class BottomLine:
    """The bottom row of the terminal, drawn on standard error."""

    def __init__(self) -> None:
        self._size = (0, 0)

    @staticmethod
    def is_possible() -> bool:
        """Whether standard error is a terminal that can keep a row."""
        if os.environ.get("TERM", "dumb") == "dumb":
            return False
        with suppress(OSError, ValueError):
            return sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).lines >= 4
        return False

    def show(self, view: RunProgress) -> None:
        """Draw the line; the cursor of whoever prints above stays where it is."""
        size = self._now()
        if size is None:
            return
        columns, rows = size
        begin = ""
        if size != self._size:
            # A new line makes room, then the rows above the last one scroll among themselves; the cursor is put back.
            begin = "\n\0337" + f"\033[1;{rows - 1}r" + "\0338\033[1A"
            self._size = size
        text = sentence(view)
        text = text if len(text) < columns else f"{text[: columns - 2]}…"
        self._write(f"{begin}\0337\033[{rows};1H\033[2K{text}\0338")

    def close(self) -> None:
        """Release the row."""
        if self._size != (0, 0):
            rows = self._size[1]
            self._write(f"\0337\033[r\033[{rows};1H\033[2K\0338")
            self._size = (0, 0)

    def _now(self) -> tuple[int, int] | None:
        with suppress(OSError, ValueError):
            size = os.get_terminal_size(sys.stderr.fileno())
            return (size.columns, size.lines) if size.lines >= 4 else None
        return None

    def _write(self, text: str) -> None:
        # In one piece, past Python's buffer: the project's process writes to the same terminal.
        with suppress(OSError, ValueError):
            sys.stderr.flush()
            os.write(sys.stderr.fileno(), text.encode())
