"""Count sequential round trips: requests are held until no more arrive, then released together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dml.catalog.session import Session

QUIET = 0.25
"""Seconds without a new request, after which the waiting ones are released together."""


class RoundTrips:
    """Groups requests into round trips: requests that are sent before any of them is answered belong together.

    Attributes:
        sizes: The number of requests in each round trip.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._condition = threading.Condition()
        self._waiting = 0
        self._current = 0

    def hold(self) -> None:
        """Wait until the round trip of this request is released."""
        with self._condition:
            self._waiting += 1
            mine = self._current
            self._condition.notify_all()
            while self._current == mine:
                before = self._waiting
                if not self._condition.wait(QUIET) and self._waiting == before and self._current == mine:
                    self.sizes.append(self._waiting)
                    self._waiting = 0
                    self._current += 1
                    self._condition.notify_all()


@contextmanager
def count_round_trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[RoundTrips]:
    """Count the round trips of all requests in the block."""
    round_trips = RoundTrips()
    send = Session.exchange

    def held(self: Session, *arguments: Any, **options: Any) -> Any:
        round_trips.hold()
        return send(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "exchange", held)
        yield round_trips
