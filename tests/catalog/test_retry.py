"""When a request is tried again: waits that grow, what the server asks for, and an end to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from catalog.scripted import Clock, patient
from dml.catalog.retry import retry_after


def test_the_bound_of_the_wait_doubles_up_to_a_cap() -> None:
    clock = Clock()
    attempts = patient(clock, attempts=9, patience=1_000, budget=1_000).begin("host")
    while attempts.again("answered 503"):
        pass
    assert clock.slept == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert attempts.made == 9


def test_the_wait_is_drawn_at_random_below_the_bound() -> None:
    clock = Clock()
    policy = patient(clock)
    policy.draw = lambda low, high: low + (high - low) / 4
    attempts = policy.begin("host")
    assert attempts.again("answered 503")
    assert attempts.again("answered 503")
    assert clock.slept == [0.125, 0.25]


def test_what_the_server_asks_for_is_waited() -> None:
    clock = Clock()
    attempts = patient(clock).begin("host")
    assert attempts.again("answered 429", 33.0)
    assert clock.slept == [33.0]


def test_a_wait_beyond_patience_is_not_begun() -> None:
    clock = Clock()
    attempts = patient(clock, patience=60).begin("host")
    assert not attempts.again("answered 429", 61.0)
    assert clock.slept == []


def test_all_requests_together_wait_no_longer_than_the_budget_until_it_is_renewed() -> None:
    clock = Clock()
    policy = patient(clock, budget=10)
    assert policy.begin("host").again("answered 503", 6.0)
    assert not policy.begin("host").again("answered 503", 6.0)
    policy.renew()
    assert policy.begin("host").again("answered 503", 6.0)


def test_each_wait_is_told() -> None:
    said: list[str] = []
    policy = patient()
    policy.on_wait = said.append
    policy.begin("data.example.org").again("answered 503", 2.0)
    assert said == ["data.example.org answered 503; trying again in 2 s (try 2 of 6)"]


@pytest.mark.parametrize("header", [None, "", "soon", "-3"])
def test_a_retry_after_that_says_nothing(header: str | None) -> None:
    assert retry_after(header) is None


def test_retry_after_as_seconds_or_date() -> None:
    assert retry_after(" 17 ") == 17.0
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True))
    assert later is not None
    assert 500 < later <= 600
    assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0.0
