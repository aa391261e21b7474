"""The same faults on real sockets, where the network's library has its own words for them."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from catalog.scripted import Clock, patient
from dml.catalog.connection import Catalog, connect
from dml.catalog.objects import download, upload
from dml.errors import AuthError, IntegrityError, NotFoundError, RetryableError, UsageError
from dml.target import Target

Behaviour = Callable[[socket.socket, bytes], None]
CONTENT = b"0123456789" * 30_000


def answers(body: bytes, *, status: str = "200 OK", length: int | None = None, headers: str = "") -> Behaviour:
    """Send an answer whose declared length may be more than what comes."""

    def act(connection: socket.socket, _request: bytes) -> None:
        declared = len(body) if length is None else length
        head = f"HTTP/1.1 {status}\r\nContent-Length: {declared}\r\n{headers}Connection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    return act


def resets(connection: socket.socket, _request: bytes) -> None:
    """Abort the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs_up(_connection: socket.socket, _request: bytes) -> None:
    """Close the connection without a word."""


def babbles(connection: socket.socket, _request: bytes) -> None:
    """Send what is no HTTP."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def asks_for_ranges(connection: socket.socket, request: bytes) -> None:
    """Answer a range request for the content properly, anything else with a part of it."""
    for line in request.split(b"\r\n"):
        if line.lower().startswith(b"range: bytes="):
            start = int(line.partition(b"=")[2].rstrip(b"-"))
            answers(CONTENT[start:], status="206 Partial Content")(connection, request)
            return
    answers(CONTENT[:200_000], length=len(CONTENT))(connection, request)


@contextmanager
def server(*behaviours: Behaviour) -> Iterator[tuple[Catalog, list[bytes]]]:
    """A server that behaves once each way, in turn, then refuses; and what it was asked."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def run() -> None:
        for behave in behaviours:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    part = connection.recv(65_536)
                    if not part:
                        break
                    request += part
                seen.append(request)
                with suppress(OSError):  # the client may have heard enough
                    behave(connection, request)
        listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        catalog = connect(Target(f"127.0.0.1:{port}", "1"), scheme="http", policy=patient(Clock()))
        yield catalog, seen
    finally:
        # Closing alone does not wake a thread that waits in accept.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    "fault", [resets, hangs_up, babbles, answers(b'{"a"', length=50), answers(b"", status="503 x")]
)
def test_a_reading_request_gets_through_in_the_end(fault: Behaviour) -> None:
    with server(fault, fault, answers(b'{"a": 1}')) as (catalog, seen):
        assert catalog.get_json("/schema") == {"a": 1}
    assert len(seen) == 3


@pytest.mark.parametrize("fault", [resets, hangs_up])
def test_a_writing_request_is_not_repeated(fault: Behaviour) -> None:
    with server(fault, answers(b"[]")) as (catalog, seen):
        with pytest.raises(RetryableError):
            catalog.post_json("/entity/a:b", [{}])
        assert len(seen) == 1


def test_nobody_listens() -> None:
    with server() as (catalog, _), pytest.raises(RetryableError, match="connection was refused"):
        catalog.get_json("/schema")


def test_an_answer_that_is_no_http_is_worth_another_try_and_then_named() -> None:
    with server(*[babbles] * 6) as (catalog, _), pytest.raises(RetryableError):
        catalog.get_json("/schema")


def test_a_silent_server_is_given_up_at_the_time_limit_of_the_policy() -> None:
    ended = threading.Event()
    with server(lambda *_: ended.wait(30) and None) as (catalog, seen):
        catalog.policy.attempts, catalog.policy.time_limit = 1, 0.05
        try:
            with pytest.raises(RetryableError):
                catalog.get_json("/schema")
        finally:
            ended.set()
        assert len(seen) == 1


def test_a_broken_download_goes_on_by_range(tmp_path: Path) -> None:
    with server(asks_for_ranges, resets, asks_for_ranges) as (catalog, seen):
        md5 = hashlib.md5(CONTENT).hexdigest()
        download(catalog, "/hatrac/M/x", tmp_path / "x", length=len(CONTENT), md5_hex=md5)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert len(seen) == 3
    assert b"Range: bytes=196608-" in seen[2]


def test_an_endless_download_is_cut(tmp_path: Path) -> None:
    with server(answers(CONTENT * 50, length=10**9)) as (catalog, _), pytest.raises(IntegrityError, match="more than"):
        download(catalog, "/hatrac/M/x", tmp_path / "x", length=len(CONTENT), md5_hex=None)


def test_a_missing_object_over_a_socket(tmp_path: Path) -> None:
    with server(answers(b"none\n", status="404 Not Found")) as (catalog, _), pytest.raises(NotFoundError):
        download(catalog, "/hatrac/M/x", tmp_path / "x", length=1, md5_hex=None)


def test_an_upload_carries_its_length_and_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(CONTENT[:1_000])
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    with server(answers(b"/hatrac/M/x:1\n", status="201 Created")) as (catalog, seen):
        upload(catalog, path, "/hatrac/M/x", md5_hex=md5)
    assert b"Content-Length: 1000" in seen[0]
    assert b"If-None-Match: *" in seen[0]
    assert b"Content-MD5: " in seen[0]
    assert b"chunked" not in seen[0].lower()


@pytest.mark.parametrize("size", [0, 10, 300_000, 2_500_000])
def test_up_and_down_over_http(
    loopback_catalog: Catalog, tmp_path: Path, unique: Callable[[str], str], size: int
) -> None:
    path = tmp_path / "up"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    url = f"/hatrac/{unique('Model')}/{md5}.bin"
    told: list[int] = []
    upload(loopback_catalog, path, url, md5_hex=md5, chunk_size=1_000_000, progress=told.append)
    download(loopback_catalog, url, tmp_path / "down", length=size, md5_hex=md5)
    assert (tmp_path / "down").read_bytes() == path.read_bytes()
    assert sum(told) == size


def test_a_file_of_certificates_that_is_not_there_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "authority.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(missing))
    catalog = connect(Target("localhost:1", "1"), credential={}, policy=patient())
    with pytest.raises(UsageError, match="is not there") as caught:
        catalog.get_json("/schema")
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_a_host_that_has_no_name_is_told_from_one_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    catalog = connect(Target("nowhere.invalid", "1"), credential={}, policy=patient())
    with pytest.raises(RetryableError, match="name of the host was not found") as caught:
        catalog.get_json("/schema")
    assert "name of the host" in caught.value.hint


def test_who_has_no_token_of_our_own_server_learns_where_to_keep_it() -> None:
    with server(answers(b"", status="401 x")) as (catalog, _), pytest.raises(AuthError) as caught:
        catalog.get_json("/schema")
    assert f'{{"{catalog.target.host}": {{"cookie": "webauthn=TOKEN"}}}}' in caught.value.hint
