"""The service itself is tried as its users have it: writers wait for each other."""

from __future__ import annotations

import pytest

from dml.embedded.ermrest.storage import OVERLAPPING_WRITES


@pytest.fixture(autouse=True)
def waiting_writers(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests here are sent without dml's client, which would repeat those that are aborted."""
    monkeypatch.delenv(OVERLAPPING_WRITES)
