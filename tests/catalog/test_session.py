"""What a session leaves out where no request leaves the process, and what it keeps when one is redirected."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from dml.catalog.responses import ErrorMapper
from dml.catalog.retry import RetryPolicy
from dml.catalog.session import Session, Transport
from dml.catalog.traffic import Traffic

ORIGIN = "https://data.example.org"


class Redirecting(BaseAdapter):
    """Sends ``/old`` to ``/new``, and records how each answer was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.streamed: list[bool] = []

    def send(self, request: PreparedRequest, stream: bool = False, *_: Any, **__: Any) -> Response:  # type: ignore[override]
        self.streamed.append(stream)
        response = Response()
        response.url, response.request = request.url or "", request
        moved = response.url.endswith("/old")
        response.status_code = 302 if moved else 200
        response.headers = CaseInsensitiveDict({"Location": "/new"} if moved else {})
        response.raw = BytesIO(b"body")
        return response

    def close(self) -> None:
        """Nothing is open."""


def session(adapter: BaseAdapter) -> Session:
    border = ErrorMapper("data.example.org")
    return Session(Transport(ORIGIN, border, Traffic(), RetryPolicy(), transport=lambda: adapter))


@pytest.mark.parametrize("stream", [True, False])
def test_a_redirected_request_is_read_as_it_was_asked_for(stream: bool) -> None:
    adapter = Redirecting()
    answer = session(adapter).exchange("GET", f"{ORIGIN}/old", stream=stream).response
    assert adapter.streamed == [stream, stream]
    assert answer.content == b"body"
    assert session(adapter).get(f"{ORIGIN}/old", stream=stream).url == f"{ORIGIN}/new"
    assert adapter.streamed == [stream] * 4


def test_the_environment_is_not_searched_for_proxies_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr("requests.sessions.get_environ_proxies", lambda url, **_: searched.append(url) or {})
    session(Redirecting()).exchange("GET", f"{ORIGIN}/new")
    assert searched == []
    network = Session(Transport(ORIGIN, ErrorMapper("data.example.org"), Traffic(), RetryPolicy()))
    network.merge_environment_settings(f"{ORIGIN}/new", {}, None, None, None)
    assert searched == [f"{ORIGIN}/new"]
