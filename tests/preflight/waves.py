"""Counting round trips in sequence: requests are held back until no more of them come, then let go together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dml.catalog.session import Session

QUIET = 0.25
"""Seconds without a new request, after which those that wait are let go together."""


class Waves:
    """Requests in waves: what was begun before anything of its wave was answered belongs together.

    Attributes:
        sizes: How many requests each wave had.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._condition = threading.Condition()
        self._waiting = 0
        self._wave = 0

    def hold(self) -> None:
        """Wait until the wave of this request is let go."""
        with self._condition:
            self._waiting += 1
            mine = self._wave
            self._condition.notify_all()
            while self._wave == mine:
                before = self._waiting
                if not self._condition.wait(QUIET) and self._waiting == before and self._wave == mine:
                    self.sizes.append(self._waiting)
                    self._waiting = 0
                    self._wave += 1
                    self._condition.notify_all()


@contextmanager
def counted_waves(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waves]:
    """Counts the waves of everything that is sent in the block."""
    waves = Waves()
    send = Session.exchange

    def held(self: Session, *arguments: Any, **options: Any) -> Any:
        waves.hold()
        return send(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "exchange", held)
        yield waves
