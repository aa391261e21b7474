"""The loopback server: silent clients, streams, keeping alive, stopping, and where it may listen."""

from __future__ import annotations

import gc
import http.client
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from dml.embedded.application import Application
from dml.embedded.serve import _Connection, _Server, is_loopback, running
from dml.embedded.tls import TlsFiles, ensure_tls_files
from dml.errors import ConflictError, UsageError

from .conftest import TOKEN, connect, exchange, receive_all


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    return ensure_tls_files(tmp_path / "tls")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def test_silent_clients_keep_nobody_waiting(tmp_path: Path, tls: TlsFiles, session: requests.Session) -> None:
    session.verify = str(tls.authority)
    with running(Application(tmp_path / "root"), tls) as url:
        silent = [connect(url) for _ in range(60)]
        half = [connect(url) for _ in range(5)]
        for connection in half:
            connection.sendall(b"\x16\x03\x01\x02")  # a handshake that never goes on
        # Far less than the time after which the server gives the silent ones up.
        assert session.get(f"{url}/authn/session", timeout=8).status_code == 200
        for connection in silent + half:
            connection.close()
        assert session.get(f"{url}/authn/session", timeout=8).status_code == 200


def test_the_certificate_is_for_the_loopback(tmp_path: Path, tls: TlsFiles) -> None:
    context = ssl.create_default_context(cafile=str(tls.authority))
    with running(Application(tmp_path / "root"), tls) as url:
        assert url.startswith("https://localhost:")
        for name in ("localhost", "127.0.0.1"):
            with context.wrap_socket(connect(url), server_hostname=name) as secured:
                secured.sendall(b"GET /authn/session HTTP/1.0\r\n\r\n")
                assert receive_all(secured).startswith(b"HTTP/1.1 200")


def test_plain_http_on_a_tls_port_is_told_so(tmp_path: Path, tls: TlsFiles) -> None:
    with running(Application(tmp_path / "root"), tls) as url:
        status, body = exchange(url, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (status, b"https" in body) == (400, True)


def test_a_connection_serves_many_requests(tmp_path: Path) -> None:
    with running(Application(tmp_path)) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.connect()
        opened = connection.sock
        for number in range(5):
            connection.request("PUT", f"/hatrac/o{number}", body=b"x" * 100_000)
            assert connection.getresponse().read() != b""
        assert connection.sock is opened
        connection.close()


def test_requests_sent_ahead_are_all_answered(tmp_path: Path, tls: TlsFiles) -> None:
    context = ssl.create_default_context(cafile=str(tls.authority))
    request = b"GET /authn/session HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /authn/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with (
        running(Application(tmp_path / "root"), tls) as url,
        context.wrap_socket(connect(url), server_hostname="localhost") as secured,
    ):
        secured.sendall(request * 4 + last)
        assert receive_all(secured).count(b"HTTP/1.1 200") == 5


def test_a_client_that_asks_before_sending_is_told_to_go_on(tmp_path: Path) -> None:
    with running(Application(tmp_path)) as url, connect(url) as connection:
        connection.sendall(
            b"PUT /hatrac/o HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"abc")
        assert b"201 Created" in receive_all(connection)


def test_a_chunked_body_needs_a_length_for_an_object(tmp_path: Path, session: requests.Session) -> None:
    with running(Application(tmp_path)) as url:
        assert session.put(f"{url}/hatrac/o", data=iter([b"a", b"b"])).status_code == 411
        assert session.get(f"{url}/hatrac/o").status_code == 404


def test_a_refused_upload_is_thrown_away_in_pieces(tmp_path: Path, session: requests.Session) -> None:
    sizes: list[int] = []

    class Counting:
        def __init__(self, body: object) -> None:
            self._body = body

        def read(self, size: int = -1) -> bytes:
            sizes.append(size)
            return self._body.read(size)  # type: ignore[attr-defined, no-any-return]

    application = Application(tmp_path, token=TOKEN)

    def counted(environ: dict[str, object], start_response: object) -> object:
        environ["wsgi.input"] = Counting(environ["wsgi.input"])
        return application(environ, start_response)  # type: ignore[arg-type]

    with running(counted) as url:  # type: ignore[arg-type]
        assert session.put(f"{url}/hatrac/o", data=b"x" * 3_000_000).status_code == 401
        assert session.get(f"{url}/authn/session").status_code == 404
    assert len(sizes) > 10
    assert max(sizes) <= 1 << 16


def test_a_client_that_disconnects_during_an_answer_leaves_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    ours, client = socket.socketpair()
    connection = _Connection(_Server(("127.0.0.1", 0), Application(tmp_path)), ours)
    client.close()
    with pytest.raises(BrokenPipeError):
        connection.wfile.write(b"an answer")
    connection.close()
    assert connection.wfile.closed
    del connection
    gc.collect()
    assert not unraisable


def test_a_client_that_reads_nothing_does_not_hold_up_closing(tmp_path: Path) -> None:
    ours, client = socket.socketpair()
    ours.settimeout(0.1)
    connection = _Connection(_Server(("127.0.0.1", 0), Application(tmp_path)), ours)
    with pytest.raises(TimeoutError):
        connection.wfile.write(b"x" * 10_000_000)
    ours.settimeout(3600)  # an attempt to write the rest would run into the time limit of the test
    connection.close()
    assert connection.wfile.closed
    client.close()


def test_big_objects_pass_both_ways(tmp_path: Path, tls: TlsFiles, session: requests.Session) -> None:
    session.verify = str(tls.authority)
    data = bytes(range(256)) * 40_000
    with running(Application(tmp_path / "root"), tls) as url:
        assert session.put(f"{url}/hatrac/big", data=data).status_code == 201
        assert session.get(f"{url}/hatrac/big").content == data
        with session.get(f"{url}/hatrac/big", stream=True) as unread:
            assert next(unread.iter_content(10)) == data[:10]
        assert session.head(f"{url}/hatrac/big").headers["Content-Length"] == str(len(data))


def test_a_client_that_breaks_off_leaves_nothing(tmp_path: Path, session: requests.Session) -> None:
    with running(Application(tmp_path)) as url:
        assert session.put(f"{url}/hatrac/o", data=b"whole").status_code == 201
        for reset in (False, True):
            with connect(url) as connection:
                connection.sendall(b"PUT /hatrac/o HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5000)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.shutdown(socket.SHUT_WR)
                    assert receive_all(connection).startswith(b"HTTP/1.1 400")
        assert session.get(f"{url}/hatrac/o").content == b"whole"
    home = tmp_path / "hatrac"
    assert len([path for path in (home / "objects").rglob("*") if path.is_file()]) == 1
    assert list((home / "pending").iterdir()) == []


def test_other_interfaces_are_refused(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        assert not is_loopback(host)
        with pytest.raises(UsageError), running(Application(tmp_path), host=host):
            pass
    with running(Application(tmp_path), host="0.0.0.0", allow_remote=True) as url:
        assert url.startswith("http://0.0.0.0:")


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with running(Application(tmp_path)) as url:
        port = urlsplit(url).port or 0
        again = running(Application(tmp_path), port=port)
        with pytest.raises(ConflictError, match=str(port)):
            again.__enter__()


SERVE = """
import sys
from pathlib import Path
from dml.embedded.application import Application
from dml.embedded.serve import serve
serve(Application(Path(sys.argv[1])), on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_after_the_request_under_way(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with connect(url) as connection:
            connection.sendall(
                b"PUT /hatrac/o HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 100")
            process.send_signal(number)
            connection.sendall(b"abc")
            assert b"201 Created" in receive_all(connection)
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(60) == 0


def test_certificates_are_made_once_and_their_keys_are_private(tmp_path: Path) -> None:
    first = ensure_tls_files(tmp_path / "tls")
    content = first.certificate.read_bytes()
    assert ensure_tls_files(tmp_path / "tls").certificate.read_bytes() == content
    for key in (first.key, tmp_path / "tls" / "authority-key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert f"REQUESTS_CA_BUNDLE={first.authority}" in first.how_to_trust


def test_a_certificate_near_its_end_is_renewed_by_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime

    from dml.embedded import tls

    with monkeypatch.context() as patched:
        patched.setattr(tls, "_LIFETIME", datetime.timedelta(days=2))
        files = ensure_tls_files(tmp_path)
        authority, old = files.authority.read_bytes(), files.certificate.read_bytes()
    files = ensure_tls_files(tmp_path)
    assert files.authority.read_bytes() == authority
    assert files.certificate.read_bytes() != old
    files.certificate.write_text("garbage")
    assert b"BEGIN CERTIFICATE" in ensure_tls_files(tmp_path).certificate.read_bytes()


def test_certificates_made_by_several_at_once_agree(tmp_path: Path) -> None:
    threads = [threading.Thread(target=ensure_tls_files, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = ensure_tls_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
