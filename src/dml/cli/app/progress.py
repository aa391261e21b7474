"""Progress displays on standard error: bars on a terminal, periodic lines, or JSON lines.

Each implements ``dml.progress.Progress`` and may be called from several threads; ``showing`` chooses one.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from dml.cli.app.output import Console
from dml.formatting import format_size
from dml.progress import SILENT, Progress
from dml.safe_text import safe

if TYPE_CHECKING:
    import rich.progress

__all__ = ["INTERVAL", "Bars", "JsonLines", "Lines", "Showing", "showing"]

INTERVAL = 30.0
"""Seconds between two lines where there is no terminal."""


class _Shown(Progress, Protocol):
    def close(self) -> None: ...


class Showing:
    """A context manager around long work that yields its observer and leaves the terminal tidy."""

    def __init__(self, shown: _Shown | None) -> None:
        self._shown = shown

    def __enter__(self) -> Progress:
        return self._shown if self._shown is not None else SILENT

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._shown is not None:
            self._shown.close()


def showing(how: str, console: Console) -> Showing:
    """The observer for ``--progress how``; ``auto``: bars on a terminal, lines off it, nothing with ``--quiet``."""
    if how == "none" or (how == "auto" and console.verbosity < 0):
        return Showing(None)
    if how == "json":
        return Showing(JsonLines())
    if how == "bar" or sys.stderr.isatty():
        return Showing(Bars())
    return Showing(Lines())


class _Totals:
    """What has been done so far, over all items."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.items: dict[str, list[int]] = {}
        self.finished = 0

    def begin(self, item: str, total: int | None) -> None:
        self.items[item] = [0, total or 0]

    def advance(self, item: str, count: int) -> None:
        self.items.setdefault(item, [0, 0])[0] += count

    @property
    def bytes_done(self) -> int:
        return sum(done for done, _ in self.items.values())

    @property
    def bytes_total(self) -> int:
        return sum(max(done, total) for done, total in self.items.values())

    def line(self) -> str:
        """``3 of 12 files, 1.2 GiB of 4.0 GiB``."""
        amount = f"{format_size(self.bytes_done)} of {format_size(self.bytes_total)}"
        return f"{self.finished} of {len(self.items)} items, {amount}"


class Lines:
    """One line every 30 seconds, for logs; messages at once.

    Args:
        clock: Seconds, monotonic.
        interval: Seconds between two lines.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, interval: float = INTERVAL) -> None:
        self._clock, self._interval = clock, interval
        self._totals = _Totals()
        self._last = clock()

    def begin(self, item: str, total: int | None = None) -> None:
        with self._totals.lock:
            self._totals.begin(item, total)
            self._tick()

    def advance(self, item: str, count: int) -> None:
        with self._totals.lock:
            self._totals.advance(item, count)
            self._tick()

    def finish(self, item: str, outcome: str = "done") -> None:  # noqa: ARG002
        with self._totals.lock:
            self._totals.finished += 1
            self._tick()

    def message(self, text: str) -> None:
        with self._totals.lock:
            sys.stderr.write(safe(text) + "\n")

    def close(self) -> None:
        """Do nothing: there is nothing to restore."""

    def _tick(self) -> None:
        now = self._clock()
        if now - self._last >= self._interval:
            self._last = now
            sys.stderr.write(self._totals.line() + "\n")
            sys.stderr.flush()


class JsonLines:
    """One JSON object an event (``dml.progress/1``), for programs; bytes at most ten times a second an item."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._totals = _Totals()
        self._last: dict[str, float] = {}

    def begin(self, item: str, total: int | None = None) -> None:
        with self._totals.lock:
            self._totals.begin(item, total)
            self._write("begin", item=item, total=total)

    def advance(self, item: str, count: int) -> None:
        with self._totals.lock:
            self._totals.advance(item, count)
            now = self._clock()
            if now - self._last.get(item, float("-inf")) >= 0.1:
                self._last[item] = now
                self._write("advance", item=item, done=self._totals.items[item][0])

    def finish(self, item: str, outcome: str = "done") -> None:
        with self._totals.lock:
            self._last.pop(item, None)
            done = self._totals.items.get(item, [0, 0])[0]
            self._write("finish", item=item, done=done, outcome=outcome)

    def message(self, text: str) -> None:
        with self._totals.lock:
            self._write("message", text=text)

    def close(self) -> None:
        """Do nothing: there is nothing to restore."""

    def _write(self, event: str, **fields: object) -> None:
        sys.stderr.write(json.dumps({"schema": "dml.progress/1", "event": event, **fields}) + "\n")
        sys.stderr.flush()


class Bars:
    """A bar for each item under way with bytes, rate and time left; a finished item leaves one line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._progress = _bars()
        self._progress.start()

    def begin(self, item: str, total: int | None = None) -> None:
        with self._lock:
            if item in self._tasks:
                self._progress.reset(self._tasks[item], total=total)
            else:
                self._tasks[item] = self._progress.add_task(safe(item), total=total)

    def advance(self, item: str, count: int) -> None:
        with self._lock:
            if item in self._tasks:
                self._progress.advance(self._tasks[item], count)

    def finish(self, item: str, outcome: str = "done") -> None:
        from rich.text import Text

        with self._lock:
            task = self._tasks.pop(item, None)
            if task is not None:
                self._progress.remove_task(task)
            self._progress.console.print(Text(f"  {safe(item)}  {safe(outcome)}"))

    def message(self, text: str) -> None:
        from rich.text import Text

        self._progress.console.print(Text(safe(text)))

    def close(self) -> None:
        """Stop drawing; what was drawn stays."""
        self._progress.stop()


def _bars() -> rich.progress.Progress:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("  {task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f}%"),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=RichConsole(file=sys.stderr, markup=False, highlight=False, emoji=False),
        transient=True,
    )
