"""The WSGI application of an embedded catalog: routing, authentication and error responses.

``/ermrest`` and ``/hatrac`` are handled by their services, which receive the raw, percent-encoded path;
``/authn/session`` is handled by ``authn``. This module authenticates requests, rejects invalid paths
before they reach a service, and turns exceptions into responses: an HTTP error becomes one line of plain
text, an unexpected exception a 500 whose traceback is only logged.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote_to_bytes, urlsplit

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, RequestURITooLarge

from dml.directories import embedded_directory
from dml.embedded.authn import Authenticator, Client, respond_session

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

APACHE_PATH_LIMIT = 4050
"""Length of a path in bytes above which Apache in front of a DERIVA server responds with an HTML 404."""

_URI_LIMIT = 8190
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_APACHE_404 = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n'
    "</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n"
)


class _Service(Protocol):
    def respond(self, request: Request, path: str, client: Client) -> Response: ...


class Application:
    """A WSGI callable that serves the catalogs and objects stored below one directory.

    Thread-safe, and safe to call in a child process after a fork. Several processes may open
    applications on the same root.

    Args:
        root: The directory; created by the first request.
        token: The token that requests must carry in the cookie ``webauthn`` or as a bearer token; None
            to treat every request as the local owner's.
        read_only: Refuse every method that writes (403).
        apache_path_limit: Respond to paths longer than 4,050 bytes with an HTML 404, as the Apache of a
            DERIVA server does, so that clients see the same limit.
    """

    def __init__(
        self, root: Path, *, token: str | None = None, read_only: bool = False, apache_path_limit: bool = True
    ) -> None:
        self.root = Path(root)
        self.read_only = read_only
        self._authenticator = Authenticator(token)
        self._apache_path_limit = apache_path_limit
        self._services: dict[str, _Service] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request; no request makes it raise."""
        request = Request(environ)
        try:
            response = self._respond(request)
        except HTTPException as error:
            response = _error_response(error, environ)
        except Exception as error:
            response = _exception_response(error, request)
        # The standard reason phrase (RFC 9110), which werkzeug writes in capitals.
        response.status = f"{response.status_code} {HTTPStatus(response.status_code).phrase}"
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        path = raw_path(request)
        if self._apache_path_limit and len(path) > APACHE_PATH_LIMIT:
            return Response(_APACHE_404, 404, content_type="text/html; charset=iso-8859-1")
        _check_segments(path)
        if path == "/authn/session":
            return respond_session(request, self._authenticator.find_client(request))
        client = self._authenticator.authenticate(request)
        name, slash, rest = path.removeprefix("/").partition("/")
        if name not in ("ermrest", "hatrac"):
            raise NotFound(f"no service is named {name[:40]!r}; the services are /ermrest/ and /hatrac/")
        if self.read_only and request.method not in _READ_METHODS:
            raise Forbidden("this catalog is served read-only")
        return self._service(name).respond(request, slash + rest, client)

    def _service(self, name: str) -> _Service:
        service = self._services.get(name)
        if service is None:
            with self._lock:
                service = self._services.get(name) or self._open_service(name)
                self._services[name] = service
        return service

    def _open_service(self, name: str) -> _Service:
        # Imported on first use: a client of the object store need not load ERMrest's path parser.
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name == "hatrac":
            from dml.embedded.hatrac.service import Hatrac

            return Hatrac(self.root, read_only=self.read_only)
        from dml.embedded.ermrest.service import Ermrest

        return Ermrest(self.root, read_only=self.read_only)


def raw_path(request: Request) -> str:
    """The request's path as the client sent it: percent-encoded ASCII, without the query.

    ``PATH_INFO`` cannot be used because it is decoded: an encoded slash could not be told from a separator.

    Raises:
        RequestURITooLarge: The URI is longer than 8 KiB (414).
        BadRequest: The request target is not a path (400).
    """
    uri = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or ""
    if not uri:
        uri = quote(request.environ.get("PATH_INFO", "").encode("latin-1"))
    elif uri.startswith(("http://", "https://")):
        parts = urlsplit(uri)
        uri = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if len(uri) > _URI_LIMIT:
        raise RequestURITooLarge("the URL is longer than 8 KiB")
    path = uri.partition("?")[0].partition("#")[0]
    if not path.startswith("/") or re.search(r"[\x00-\x20\x7f]", path):
        raise BadRequest("the request's target is not a path")
    return quote(path.encode("latin-1", "replace"), safe=_ASCII)


def _check_segments(path: str) -> None:
    """Reject dot segments, encoded or not, and NUL bytes."""
    for segment in path.split("/"):
        decoded = unquote_to_bytes(segment)
        if b"\x00" in decoded:
            raise NotFound("a path cannot contain a NUL byte")
        if decoded in (b".", b".."):
            raise BadRequest("a path cannot contain the segments `.` and `..`")


def _error_response(error: HTTPException, environ: WSGIEnvironment) -> Response:
    if error.response is not None and isinstance(error.response, Response):
        return error.response
    code = error.code or 500
    description = " ".join(str(error.description or "").split())
    response = _text(code, f"{code} {error.name}" + (f": {description}" if description else ""))
    for name, value in error.get_headers(environ):
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


def _exception_response(error: Exception, request: Request) -> Response:
    """The response to a lost connection, a full disk, a locked database, or, logged, to any other exception."""
    message = str(error)
    if isinstance(error, (TimeoutError, ConnectionError)):
        return _text(408, "408 Request Timeout: the request body was not received completely")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _text(507, "507 Insufficient Storage: the disk of the embedded catalog is full")
    if isinstance(error, sqlite3.OperationalError) and "is full" in message:
        return _text(507, "507 Insufficient Storage: the disk of the embedded catalog is full")
    if isinstance(error, sqlite3.OperationalError) and "is locked" in message:
        return _text(503, "503 Service Unavailable: another process has locked the embedded catalog")
    _log.error("%s %s failed", request.method, request.environ.get("PATH_INFO", ""), exc_info=error)
    return _text(500, "500 Internal Server Error: the embedded catalog failed; see its log")


def _text(code: int, text: str) -> Response:
    return Response(text + "\n", code, content_type="text/plain; charset=utf-8")


_applications: dict[Path, Application] = {}
_applications_lock = threading.Lock()


def open_application(root: Path | None = None) -> Application:
    """The application on a root directory; one instance per directory in each process.

    Args:
        root: The directory; by default the one that stores the catalogs of the host ``local``.
    """
    directory = (embedded_directory() if root is None else Path(root)).absolute()
    with _applications_lock:
        application = _applications.get(directory)
        if application is None:
            application = _applications[directory] = Application(directory)
        return application


def release_applications() -> None:
    """Forget all applications of this process, for a process that uses many roots.

    The files of each are closed with their last connection; ``open_application`` then creates a new instance.
    """
    with _applications_lock:
        _applications.clear()


def _reset_after_fork() -> None:
    """Drop inherited applications in a child process: their locks and connections may be in use in the parent."""
    global _applications_lock
    _applications_lock = threading.Lock()
    _applications.clear()


os.register_at_fork(after_in_child=_reset_after_fork)
