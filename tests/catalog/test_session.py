"""Requests are prepared as ``requests`` itself prepares them, whether they take the short way or not."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from dml.catalog.responses import ErrorMapper
from dml.catalog.retry import RetryPolicy
from dml.catalog.session import Session, Transport
from dml.catalog.traffic import Traffic

ORIGIN = "https://data.example.org"


def session() -> Session:
    return Session(
        Transport(ORIGIN, ErrorMapper("data.example.org"), Traffic(), RetryPolicy(), {"Cookie": "webauthn=secret"})
    )


def assert_same(one: Session, request: requests.Request) -> None:
    ours, theirs = one.prepare_request(request), requests.Session.prepare_request(one, request)
    assert (ours.method, ours.url, ours.body) == (theirs.method, theirs.url, theirs.body)
    assert dict(ours.headers) == dict(theirs.headers)
    assert ours.hooks == theirs.hooks


header_names = st.sampled_from(["Accept", "accept", "Content-Type", "If-None-Match", "X-One", "Cookie"])


@given(
    method=st.sampled_from(["GET", "put", "POST", "DELETE", "HEAD"]),
    path=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30),
    headers=st.dictionaries(header_names, st.text(st.characters(min_codepoint=48, max_codepoint=122), max_size=9)),
    data=st.one_of(st.none(), st.binary(max_size=9), st.dictionaries(st.just("a"), st.just("b"))),
    origin=st.sampled_from([ORIGIN, "https://elsewhere.example.org"]),
)
def test_a_plain_request(method: str, path: str, headers: dict[str, str], data: Any, origin: str) -> None:
    assert_same(session(), requests.Request(method, f"{origin}/a/{path}?q=1", headers=headers, data=data))


@pytest.mark.parametrize(
    "special",
    [
        {"params": {"limit": 3}},
        {"cookies": {"one": "1"}},
        {"auth": ("user", "word")},
        {"headers": {"Accept": None}},
        {"json": {"a": 1}},
        {"files": {"file": ("name", b"x")}},
        {"hooks": {"response": [print]}},
    ],
)
def test_a_request_with_more(special: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests.models.encode_multipart_formdata", lambda _: (b"body", "multipart"))
    assert_same(session(), requests.Request("POST", f"{ORIGIN}/a", **special))


def test_a_session_that_was_given_more() -> None:
    one = session()
    one.cookies.set("one", "1")
    one.params = {"limit": "3"}
    one.hooks["response"] = [print]
    assert_same(one, requests.Request("GET", f"{ORIGIN}/a"))
