"""Serving an application on loopback, for clients in other processes: HTTP/1.1, with TLS or without.

The server is cheroot's, a pool of threads, with two changes. A connection takes a thread only once
there is something to read, and the TLS handshake happens in that thread: so a client that connects
and stays silent, or never finishes its handshake, keeps nobody else waiting. And what a refused
request still sends is thrown away in pieces, not read into memory at once.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cheroot import wsgi
from cheroot.errors import FatalSSLAlert
from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter

from dml.embedded.tls import TlsFiles
from dml.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_THREADS = 16
_BACKLOG = 128
_TIMEOUT = 60
_HANDSHAKE_TIMEOUT = 10
_BLOCK = 1 << 16
_PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 40\r\nConnection: close\r\n\r\n"
    b"this port speaks TLS: ask with https://\n"
)


def serve(
    application: WSGIApplication,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: TlsFiles | None = None,
    on_ready: Callable[[str], None] = lambda _url: None,
    allow_remote: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way have five seconds to finish.

    To be called in the main thread, whose handlers for the two signals it replaces meanwhile.

    Args:
        application: What answers.
        host: The interface, by name or address.
        port: The port; 0 for any free one.
        tls: The certificate, or None for plain HTTP.
        on_ready: Called with the base URL once connections are accepted.
        allow_remote: Whether an interface other than loopback may be used.

    Raises:
        UsageError: The interface is not loopback and ``allow_remote`` is not said.
        ConflictError: The port is taken.
    """
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with running(application, tls, host=host, port=port, allow_remote=allow_remote) as url:
            on_ready(url)
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def running(
    application: WSGIApplication,
    tls: TlsFiles | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
) -> Iterator[str]:
    """Serve in threads of their own while the block runs; yields the base URL.

    With TLS on the loopback the URL says ``localhost``, the name to which DERIVA clients send cookies.

    Raises:
        UsageError: The interface is not loopback and ``allow_remote`` is not said.
        ConflictError: The port is taken.
    """
    if not allow_remote and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, and whoever has the token owns the catalogs",
            hint="Serve on 127.0.0.1, or say that remote clients are wanted.",
        )
    server = _Server(
        (host, port), _draining(application), numthreads=_THREADS, timeout=_TIMEOUT, request_queue_size=_BACKLOG
    )
    if tls is not None:
        server.ssl_adapter = _LazyHandshake(str(tls.certificate), str(tls.key))
    try:
        server.prepare()
    except OSError as error:
        raise ConflictError(
            f"cannot serve on {host}:{port}: {error.strerror or error}", hint="Choose another --port, or none."
        ) from error
    thread = threading.Thread(target=server.serve, name="dml-serve", daemon=True)
    thread.start()
    try:
        yield _url(server.bind_addr, tls is not None)
    finally:
        server.stop()
        thread.join()


def is_loopback(host: str) -> bool:
    """Whether an interface, by name or address, can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(address: tuple[str, int], secure: bool) -> str:
    host, port = address[0], address[1]
    if is_loopback(host):
        host = "localhost" if secure else host
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


class _LazyHandshake(BuiltinSSLAdapter):
    """Wraps an accepted socket without a word to the client; the handshake is the worker's."""

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        try:
            secured = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            raise FatalSSLAlert(
                *error.args
            ) from error  # gone already; anything else would end the accepting loop's turn
        return secured, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _Connection(HTTPConnection):
    """A connection that does its handshake in the thread that is to read its first request."""

    _is_ready = False

    def communicate(self) -> bool:
        if not self._is_ready and not self._handshake():
            return False
        self._is_ready = True
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connection with its writer, which would otherwise write once more when it is collected.

        That fails, as the socket is closed by then, and Python 3.13 and later print such failures.
        """
        with contextlib.suppress(OSError, ValueError):
            self.socket.settimeout(0)  # what the client has not taken is not waited for
        with contextlib.suppress(OSError, ValueError):
            self.wfile.close()
        super().close()

    def _handshake(self) -> bool:
        if not isinstance(self.socket, ssl.SSLSocket):
            return True
        try:
            self.socket.settimeout(_HANDSHAKE_TIMEOUT)
            self.socket.do_handshake()
            self.socket.settimeout(_TIMEOUT)
        except (OSError, ValueError) as error:
            if isinstance(error, ssl.SSLError) and error.reason == "HTTP_REQUEST":
                with contextlib.suppress(OSError):
                    socket.socket.sendall(self.socket, _PLAIN_HTTP)
            _log.debug("no TLS with %s: %s", self.remote_addr, error)
            return False
        return True


class _Server(wsgi.Server):
    """cheroot's server, without a limit on connections that wait, and logging instead of printing."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = None  # type: ignore[assignment]
    max_request_header_size = 1 << 16
    max_request_body_size = 0

    def process_conn(self, conn: Any) -> None:
        if conn.last_used is None:
            # Just accepted: it waits among the idle ones until its client says something.
            self._connections.put(conn)  # type: ignore[attr-defined]
        else:
            super().process_conn(conn)

    def put_conn(self, conn: Any) -> None:
        if isinstance(conn.socket, ssl.SSLSocket) and self.ready and conn.socket.pending():
            # The next request is here already, where the selector cannot see it.
            super().process_conn(conn)
        else:
            super().put_conn(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        _log.log(level, "%s", msg, exc_info=traceback)


def _draining(application: WSGIApplication) -> WSGIApplication:
    """The application, followed by reading in pieces what it left of the request's body.

    The server would read it at once, however large, before it answers.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = application(environ, start_response)
        body = environ["wsgi.input"]
        with contextlib.suppress(OSError, ValueError):
            while body.read(_BLOCK):
                pass
        return response

    return answer
