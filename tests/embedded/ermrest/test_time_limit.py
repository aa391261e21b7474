"""A query without an end is stopped, and others are answered while it runs."""

from __future__ import annotations

import threading

import pytest

from dml.embedded.ermrest import time_limit
from embedded.ermrest.conftest import Wire, column, name, table


@pytest.fixture
def labels(wire: Wire) -> Wire:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("v")]))
    wire.post("/entity/s:T", [{"v": "a" * 200 + "!"}, {"v": "plain"}])
    return wire


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|b|ab)*c", "(.*)*x", "(\\w+\\s?)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_nested_repetition_is_answered(labels: Wire, pattern: str) -> None:
    assert isinstance(labels.get(f"/entity/s:T/v::regexp::{name(pattern)}"), list)


def test_a_pattern_without_an_end_is_stopped(labels: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "READ_SECONDS", 0.2)
    refused = labels.send("GET", f"/entity/s:T/v::regexp::{name('(a|aa)+$')}")
    assert refused.status_code == 400
    assert "The query was stopped after" in refused.text
    assert [row["v"] for row in labels.get("/entity/s:T/v::regexp::plain")] == ["plain"]


def test_others_are_answered_while_a_pattern_is_matched(labels: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that matches lets others run: this one would not end before the limit otherwise."""
    monkeypatch.setattr(time_limit, "READ_SECONDS", 2.0)
    ended = threading.Event()

    def endless() -> None:
        labels.send("GET", f"/entity/s:T/v::regexp::{name('(a|aa)+$')}")
        ended.set()

    thread = threading.Thread(target=endless)
    thread.start()
    try:
        assert len(labels.get("/entity/s:T")) == 2
        assert not ended.is_set()
    finally:
        thread.join()


def test_a_join_without_an_end_is_stopped(labels: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    labels.post("/entity/s:T", [{"v": f"row {number}"} for number in range(100)])
    monkeypatch.setattr(time_limit, "READ_SECONDS", 0.2)
    path = "A:=s:T" + "/(RCB)=(s:T:RCB)" * 7
    refused = labels.send("GET", f"/aggregate/{path}/n:=cnt(*)")
    assert refused.status_code == 400
    assert "ask for less at a time" in refused.text
    assert len(labels.get("/entity/s:T/v=plain")) == 1
