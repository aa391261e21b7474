"""The head of a request and the beginning of its body go out together; what arrives is the same."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest, Request
from urllib3 import PoolManager

from dml.catalog.http_connection import JOINED, JOINING_POOLS
from dml.catalog.retry import RetryPolicy
from dml.catalog.session import NetworkAdapter

Received = list[tuple[str, bytes, int]]
"""Method, body and the client's port of each request."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.received.append((self.command, body, self.client_address[1]))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = _answer  # noqa: N815 - the names that the library looks for

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[tuple[str, Received]]:
    """A server on a socket, and what it received."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        received: Received = []
        running.received = received  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}", received
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def pool() -> Iterator[PoolManager]:
    """Connections that join."""
    with PoolManager() as made:
        made.pool_classes_by_scheme = JOINING_POOLS
        yield made


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was written to the socket, a write each."""
    written: list[Any] = []
    original = http.client.HTTPConnection.send

    def send(self: http.client.HTTPConnection, data: Any) -> None:
        written.append(data)
        original(self, data)

    monkeypatch.setattr(http.client.HTTPConnection, "send", send)
    return written


def pieces(*sizes: int) -> Iterable[bytes]:
    """A body in pieces, without a length."""
    yield from (b"x" * size for size in sizes)


@pytest.mark.parametrize(
    ("body", "sent", "count"),
    [
        (None, b"", 1),
        (b"", b"", 1),
        (b"few bytes", b"few bytes", 1),
        (b"x" * JOINED, b"x" * JOINED, 1),
        (b"x" * (JOINED + 1), b"x" * (JOINED + 1), 2),
    ],
)
def test_a_small_body_goes_out_with_its_head(
    server: tuple[str, Received], pool: PoolManager, writes: list[Any], body: bytes | None, sent: bytes, count: int
) -> None:
    url, received = server
    for number in (1, 2):
        assert pool.request("PUT" if body is not None else "GET", f"{url}/a", body=body).status == 200
        assert len(writes) == count * number
    assert [one[1] for one in received] == [sent, sent]
    assert received[0][2] == received[1][2]  # one connection


def test_a_large_body_is_not_copied(server: tuple[str, Received], pool: PoolManager, writes: list[Any]) -> None:
    body = bytes(JOINED + 1)
    pool.request("PUT", f"{server[0]}/a", body=body)
    assert writes[1] is body


@pytest.mark.parametrize("sizes", [(), (5,), (5, 7, 9), (JOINED, 3), (JOINED + 1, 3)])
def test_a_body_in_pieces_arrives(
    server: tuple[str, Received], pool: PoolManager, writes: list[Any], sizes: tuple[int, ...]
) -> None:
    url, received = server
    assert pool.request("PUT", f"{url}/a", body=pieces(*sizes)).status == 200
    assert received[0][1] == b"x" * sum(sizes)
    assert writes[-1].endswith(b"0\r\n\r\n")


def test_a_body_that_cannot_be_read_sends_nothing_and_disturbs_no_other(
    server: tuple[str, Received], pool: PoolManager, writes: list[Any]
) -> None:
    def broken() -> Iterable[bytes]:
        raise KeyError("the disk")
        yield b""

    url, received = server
    with pytest.raises(KeyError):
        pool.request("PUT", f"{url}/a", body=broken(), retries=False)
    assert writes == []
    assert pool.request("PUT", f"{url}/b", body=b"other").status == 200
    assert received == [("PUT", b"other", received[0][2])]


def prepared(url: str) -> PreparedRequest:
    return Request("GET", url).prepare()


def test_the_file_of_certificates_is_looked_for_once_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, looks = tmp_path / "bundle.pem", []
    bundle.write_text("")
    adapter = NetworkAdapter(RetryPolicy())
    monkeypatch.setattr("requests.adapters.os.path.exists", lambda path: looks.append(path) or True)
    for number in range(3):
        request = prepared(f"https://data.example.org/{number}")
        pool = adapter.get_connection_with_tls_context(request, str(bundle))
        adapter.cert_verify(pool, str(request.url), str(bundle), None)
        assert pool.ca_certs == str(bundle)
    assert looks == [str(bundle)]


def test_other_hosts_other_certificates_and_closed_adapters_are_told_apart(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    adapter = NetworkAdapter(RetryPolicy())

    def pool(url: str, verify: bool | str = True) -> Any:
        return adapter.get_connection_with_tls_context(prepared(url), verify)

    first = pool("https://a.example.org/x")
    assert pool("https://a.example.org/y?z") is first
    others = [
        pool("https://a.example.org/x", str(bundle)),
        pool("https://a.example.org/x", verify=False),
        pool("https://a.example.org:444/x"),
        pool("https://b.example.org/x"),
        pool("http://a.example.org/x"),
    ]
    assert len({id(one) for one in [first, *others]}) == 6
    assert (first.cert_reqs, others[1].cert_reqs) == ("CERT_REQUIRED", "CERT_NONE")
    adapter.close()
    again = pool("https://a.example.org/x")
    assert again is not first
    adapter.poolmanager.pools.clear()  # as when many other hosts take its place
    assert pool("https://a.example.org/x").pool is not None


def test_a_bundle_that_is_not_there_is_an_error_each_time(tmp_path: Path) -> None:
    adapter = NetworkAdapter(RetryPolicy())
    for _ in range(2):
        with pytest.raises(OSError, match="TLS CA certificate bundle"):
            adapter.get_connection_with_tls_context(prepared("https://a.example.org/"), str(tmp_path / "gone.pem"))


def test_a_proxy_is_asked_as_requests_asks_it() -> None:
    adapter = NetworkAdapter(RetryPolicy())
    proxies = {"https": "http://proxy.example.org:3128"}
    request = prepared("https://a.example.org/")
    assert adapter.get_connection_with_tls_context(request, verify=True, proxies=proxies).proxy.host == (
        "proxy.example.org"
    )
    assert adapter.get_connection_with_tls_context(request, verify=True).proxy is None
