"""How fast bytes arrive, measured by looking: a window of samples for each thing that is counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

WINDOW = 20.0
"""Seconds over which a rate is taken; a stall shows as a falling rate within this time."""


class Rates:
    """Rates of any number of counters, by name."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._samples: dict[Hashable, deque[tuple[float, int]]] = {}

    def observe(self, name: Hashable, count: int, now: float) -> float | None:
        """Record a count and return the rate a second; None until there are two samples or after it went back.

        Args:
            name: Of the counter.
            count: What it shows.
            now: Seconds of a monotonic clock.
        """
        samples = self._samples.setdefault(name, deque())
        if samples and count < samples[-1][1]:
            samples.clear()  # sent again from an earlier piece
        if not samples or samples[-1] != (now, count):
            samples.append((now, count))
        # The sample before the window is kept: a large piece may take longer than the window.
        while len(samples) > 2 and samples[1][0] < now - self._window:
            samples.popleft()
        elapsed, grown = now - samples[0][0], count - samples[0][1]
        return grown / elapsed if elapsed > 0 and grown > 0 else None

    def forget_all_but(self, names: set[Hashable]) -> None:
        """Drop counters that are over."""
        for gone in self._samples.keys() - names:
            del self._samples[gone]
