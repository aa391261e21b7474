"""The adapter against small applications of its own: what a client sees is what HTTP would show it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from werkzeug import Request, Response

from dml.embedded.transport import WsgiAdapter

URL = "https://local"


def session_on(application: Any) -> requests.Session:
    session = requests.Session()
    session.mount(URL, WsgiAdapter(application))
    return session


def answering(view: Callable[[Request], Response]) -> Any:
    return lambda environ, start: view(Request(environ))(environ, start)


def test_the_raw_request_is_seen() -> None:
    def show(request: Request) -> Response:
        names = ("REQUEST_METHOD", "REQUEST_URI", "PATH_INFO", "QUERY_STRING", "HTTP_HOST", "SERVER_PORT", "HTTP_X_Y")
        return Response(json.dumps({name: request.environ.get(name) for name in names}))

    session = session_on(answering(show))
    assert session.get(f"{URL}/a%2Fb%20c/d?x=%2F&y", headers={"X-Y": "1"}).json() == {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/a%2Fb%20c/d?x=%2F&y",
        "PATH_INFO": "/a/b c/d",
        "QUERY_STRING": "x=%2F&y",
        "HTTP_HOST": "local",
        "SERVER_PORT": "443",
        "HTTP_X_Y": "1",
    }


def parts() -> Iterator[bytes]:
    yield b"ab"
    yield b""
    yield b"c"


class Unsized:
    """A file without a length, as a pipe is."""

    def __init__(self) -> None:
        self._file = io.BytesIO(b"abc")

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(2), b"")


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (lambda: b"abc", "3"),
        (lambda: "abc", "3"),
        (lambda: io.BytesIO(b"abc"), "3"),
        (lambda: bytearray(b"abc"), "3"),
        (parts, None),
        (Unsized, None),
        (lambda: None, "0"),
    ],
    ids=["bytes", "text", "file", "bytearray", "generator", "unsized file", "nothing"],
)
def test_every_kind_of_body_arrives(body: Callable[[], Any], length: str | None) -> None:
    def echo(request: Request) -> Response:
        return Response(request.get_data(), headers={"X-Length": request.headers.get("Content-Length", "none")})

    got = session_on(answering(echo)).put(URL, data=body())
    assert got.content == (b"" if length == "0" else b"abc")
    assert got.headers["X-Length"] == (length or "none")


def test_a_body_is_asked_for_as_it_is_read() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[bytes]:
        for number in range(1000):
            asked.append(number)
            yield b"x" * 100_000

    def peek(request: Request) -> Response:
        return Response(request.stream.read(10))

    assert session_on(answering(peek)).post(URL, data=numbers()).content == b"x" * 10
    assert len(asked) <= 2


class Endless:
    """A response that never ends, and knows whether it was closed."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.given += 1
        return b"y" * 1000

    def close(self) -> None:
        self.closed = True


def test_a_response_is_made_as_it_is_read_and_closed_unread() -> None:
    endless = Endless()

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return endless

    with session_on(application).get(URL, stream=True) as response:
        assert next(response.iter_content(1500))[:3] == b"yyy"
        assert endless.given <= 3
        assert not endless.closed
    assert endless.closed


def test_a_response_read_to_its_end_is_closed() -> None:
    closed: list[bool] = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "3")])
        return Body([b"a", b"", b"bc"])

    assert session_on(application).get(URL).content == b"abc"
    assert closed == [True]


def test_an_application_may_start_late_or_write() -> None:
    def late(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("201 Created", [])
        write(b"a")
        yield b"b"

    got = session_on(late).get(URL)
    assert (got.status_code, got.reason, got.content) == (201, "Created", b"ab")


@pytest.mark.parametrize("announced", ["", "10"])
def test_a_response_that_breaks_is_an_error_of_the_connection(announced: str) -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", announced)] if announced else [])
        yield b"abc"
        if not announced:
            raise RuntimeError("inside")

    with pytest.raises(requests.RequestException):
        session_on(application).get(URL)


def test_cookies_last_for_the_session() -> None:
    def view(request: Request) -> Response:
        response = Response(request.cookies.get("seen", "never"))
        response.set_cookie("seen", "before")
        response.set_cookie("other", "1")
        return response

    session = session_on(answering(view))
    assert [session.get(URL).text, session.get(URL).text] == ["never", "before"]
    assert session.cookies.get_dict() == {"seen": "before", "other": "1"}


def test_redirects_are_followed_and_kept() -> None:
    def view(request: Request) -> Response:
        if request.path == "/old":
            return Response("moved", 307, headers={"Location": "/new"})
        return Response(request.method.encode() + request.get_data())

    got = session_on(answering(view)).put(f"{URL}/old", data=io.BytesIO(b"-body"))
    assert (got.content, [r.status_code for r in got.history], got.url) == (b"PUT-body", [307], f"{URL}/new")


def test_head_and_statuses_without_a_body() -> None:
    def view(request: Request) -> Response:
        return Response(b"abc") if request.method == "HEAD" else Response(status=204)

    session = session_on(answering(view))
    head = session.head(URL)
    assert (head.content, head.headers["Content-Length"]) == (b"", "3")
    assert session.get(URL).content == b""


def test_timeouts_and_certificates_mean_nothing() -> None:
    session = session_on(answering(lambda request: Response("ok")))
    for timeout in (0.0001, (0.0001, None), None):
        assert session.get(URL, timeout=timeout, verify="/nowhere", cert="/nowhere").text == "ok"


def test_many_threads_and_a_fork_share_it() -> None:
    session = session_on(answering(lambda request: Response(request.get_data())))
    bodies = [str(number).encode() * 1000 for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda body: session.post(URL, data=body).content, bodies)) == bodies
    child = os.fork()
    if not child:
        os._exit(0 if session.post(URL, data=b"child").content == b"child" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_url_without_a_host_is_refused() -> None:
    request = requests.Request("GET", f"{URL}/x").prepare()
    request.url = "https:///x"
    with pytest.raises(requests.exceptions.InvalidURL):
        WsgiAdapter(answering(lambda request: Response())).send(request)
