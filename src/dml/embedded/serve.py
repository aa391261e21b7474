"""An HTTP/1.1 server on the loopback interface, with or without TLS, for clients in other processes.

The server is cheroot's thread pool with two changes. A connection occupies a thread only once there is
data to read, and the TLS handshake runs in that thread, so clients that send nothing or do not finish
their handshake do not delay others. The unread rest of a request body is discarded in blocks instead of
being read into memory at once.
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
    """Serve until SIGINT or SIGTERM; requests in progress have five seconds to finish.

    Must be called in the main thread. The handlers of both signals are replaced until it returns.

    Args:
        application: The WSGI application.
        host: The interface, as a name or an address.
        port: The port; 0 to choose a free port.
        tls: The certificate, or None for plain HTTP.
        on_ready: Called with the base URL once connections are accepted.
        allow_remote: Whether an interface other than loopback may be used.

    Raises:
        UsageError: The interface is not loopback and ``allow_remote`` is false.
        ConflictError: The port is in use.
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
    """Serve in background threads while the block runs; yield the base URL.

    With TLS on loopback the host of the URL is ``localhost``, to which DERIVA clients send cookies.

    Raises:
        UsageError: The interface is not loopback and ``allow_remote`` is false.
        ConflictError: The port is in use.
    """
    if not allow_remote and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, and every holder of the token has full access",
            hint="Serve on 127.0.0.1, or allow remote clients explicitly.",
        )
    server = _Server(
        (host, port),
        _drain_request_bodies(application),
        numthreads=_THREADS,
        timeout=_TIMEOUT,
        request_queue_size=_BACKLOG,
    )
    if tls is not None:
        server.ssl_adapter = _LazyHandshake(str(tls.certificate), str(tls.key))
    try:
        server.prepare()
    except OSError as error:
        raise ConflictError(
            f"cannot serve on {host}:{port}: {error.strerror or error}", hint="Choose another --port, or omit it."
        ) from error
    thread = threading.Thread(target=server.serve, name="dml-serve", daemon=True)
    thread.start()
    try:
        yield _url(server.bind_addr, tls is not None)
    finally:
        server.stop()
        thread.join()


def is_loopback(host: str) -> bool:
    """Whether an interface, given as a name or an address, can be reached from this machine only."""
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
    """Wraps an accepted socket without a handshake, which runs later in the worker thread."""

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        try:
            secured = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            raise FatalSSLAlert(
                *error.args
            ) from error  # the client has disconnected; any other exception would stop the accept loop
        return secured, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _Connection(HTTPConnection):
    """A connection whose TLS handshake runs in the thread that reads its first request."""

    _is_ready = False

    def communicate(self) -> bool:
        if not self._is_ready and not self._handshake():
            return False
        self._is_ready = True
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connection and its writer, which would otherwise flush when it is garbage-collected.

        That flush fails because the socket is already closed, and Python 3.13 and later print such failures.
        """
        with contextlib.suppress(OSError, ValueError):
            self.socket.settimeout(0)  # do not wait for the client to read the rest
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
    """cheroot's server without a limit on idle connections, and with logging instead of printing."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = None  # type: ignore[assignment]
    max_request_header_size = 1 << 16
    max_request_body_size = 0

    def process_conn(self, conn: Any) -> None:
        if conn.last_used is None:
            # Just accepted: treat it as idle until the client sends data.
            self._connections.put(conn)  # type: ignore[attr-defined]
        else:
            super().process_conn(conn)

    def put_conn(self, conn: Any) -> None:
        if isinstance(conn.socket, ssl.SSLSocket) and self.ready and conn.socket.pending():
            # The next request is already in the TLS buffer, which the selector cannot see.
            super().process_conn(conn)
        else:
            super().put_conn(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        _log.log(level, "%s", msg, exc_info=traceback)


def _drain_request_bodies(application: WSGIApplication) -> WSGIApplication:
    """Wrap an application so that the unread rest of the request body is discarded in blocks.

    cheroot would otherwise read it in one piece, whatever its size, before it responds.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = application(environ, start_response)
        body = environ["wsgi.input"]
        with contextlib.suppress(OSError, ValueError):
            while body.read(_BLOCK):
                pass
        return response

    return answer
