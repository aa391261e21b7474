"""The WSGI application of an embedded catalog: routes, admission and the text of refusals.

``/ermrest`` and ``/hatrac`` are answered by their services from the request's raw, still
percent-encoded path; ``/authn/session`` by ``authn``. What every answer has in common is decided
here: who may ask, which paths are refused before any service sees them, and that a refusal is one
line of plain text and an unexpected exception a logged 500 without its traceback.
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
from dml.embedded.authn import Client, Gate, respond_session

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

APACHE_PATH_LIMIT = 4050
"""Bytes of path above which Apache in front of a DERIVA server answers an HTML 404."""

_URI_LIMIT = 8190
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_APACHE_404 = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n'
    "</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n"
)


class _Service(Protocol):
    def respond(self, request: Request, path: str, client: Client) -> Response: ...


class Application:
    """A WSGI callable that serves the catalogs and objects stored below one directory.

    Safe to call from many threads, and from a child after a fork. Several processes may have
    applications on one root at the same time.

    Args:
        root: The directory; made when first needed.
        token: What each request must carry as cookie ``webauthn`` or bearer token; None makes
            every caller the local owner.
        read_only: Refuse every method that writes (403).
        apache_path_limit: Answer paths longer than 4,050 bytes as the Apache of a DERIVA server does,
            by an HTML 404, so that clients meet the same wire.
    """

    def __init__(
        self, root: Path, *, token: str | None = None, read_only: bool = False, apache_path_limit: bool = True
    ) -> None:
        self.root = Path(root)
        self.read_only = read_only
        self._gate = Gate(token)
        self._apache_path_limit = apache_path_limit
        self._services: dict[str, _Service] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; never raises for what a client sent."""
        request = Request(environ)
        try:
            response = self._respond(request)
        except HTTPException as refusal:
            response = _refusal(refusal, environ)
        except Exception as error:
            response = _failure(error, request)
        # The words as every server says them; werkzeug shouts.
        response.status = f"{response.status_code} {HTTPStatus(response.status_code).phrase}"
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        path = raw_path(request)
        if self._apache_path_limit and len(path) > APACHE_PATH_LIMIT:
            return Response(_APACHE_404, 404, content_type="text/html; charset=iso-8859-1")
        _refuse_hostile(path)
        if path == "/authn/session":
            return respond_session(request, self._gate.client_of(request))
        client = self._gate.admit(request)
        name, slash, rest = path.removeprefix("/").partition("/")
        if name not in ("ermrest", "hatrac"):
            raise NotFound(f"nothing is served at this path; try /ermrest/ or /hatrac/, not {name[:40]!r}")
        if self.read_only and request.method not in _READING:
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
        # Each is loaded by its first request: a client of objects need not wait for a parser of paths.
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name == "hatrac":
            from dml.embedded.hatrac.service import Hatrac

            return Hatrac(self.root, read_only=self.read_only)
        from dml.embedded.ermrest.service import Ermrest

        return Ermrest(self.root, read_only=self.read_only)


def raw_path(request: Request) -> str:
    """The request's path as the client wrote it: percent-encoded, without the query, pure ASCII.

    ``PATH_INFO`` cannot serve: it is decoded, so that an encoded slash is lost in it.

    Raises:
        RequestURITooLarge: The URI is longer than 8 KiB (414).
        BadRequest: It is not a path (400).
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


def _refuse_hostile(path: str) -> None:
    """Refuse dot segments, in whatever encoding, and bytes that no name can hold."""
    for segment in path.split("/"):
        decoded = unquote_to_bytes(segment)
        if b"\x00" in decoded:
            raise NotFound("a path cannot hold a NUL")
        if decoded in (b".", b".."):
            raise BadRequest("a path cannot hold the segments `.` and `..`")


def _refusal(refusal: HTTPException, environ: WSGIEnvironment) -> Response:
    if refusal.response is not None and isinstance(refusal.response, Response):
        return refusal.response
    code = refusal.code or 500
    words = " ".join(str(refusal.description or "").split())
    response = _text(code, f"{code} {refusal.name}" + (f": {words}" if words else ""))
    for name, value in refusal.get_headers(environ):
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


def _failure(error: Exception, request: Request) -> Response:
    """What is no refusal: a lost client, a full disk and a busy database say so; the rest is a defect, and logged."""
    words = str(error)
    if isinstance(error, (TimeoutError, ConnectionError)):
        return _text(408, "408 Request Timeout: the request's body stopped coming")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _text(507, "507 Insufficient Storage: the disk of the embedded catalog is full")
    if isinstance(error, sqlite3.OperationalError) and "is full" in words:
        return _text(507, "507 Insufficient Storage: the disk of the embedded catalog is full")
    if isinstance(error, sqlite3.OperationalError) and "is locked" in words:
        return _text(503, "503 Service Unavailable: another process keeps the embedded catalog busy")
    _log.error("%s %s failed", request.method, request.environ.get("PATH_INFO", ""), exc_info=error)
    return _text(500, "500 Internal Server Error: the embedded catalog failed; its log says why")


def _text(code: int, text: str) -> Response:
    return Response(text + "\n", code, content_type="text/plain; charset=utf-8")


_applications: dict[Path, Application] = {}
_applications_lock = threading.Lock()


def open_application(root: Path | None = None) -> Application:
    """The application on a root directory, the same one for every caller of this process.

    Args:
        root: The directory; by default where the catalogs of the host ``local`` are kept.
    """
    directory = (embedded_directory() if root is None else Path(root)).absolute()
    with _applications_lock:
        application = _applications.get(directory)
        if application is None:
            application = _applications[directory] = Application(directory)
        return application


def release_applications() -> None:
    """Let go of every application of this process, for one that goes through many roots.

    The files of each close with the last connection that uses it; the next caller of ``open_application``
    opens them anew.
    """
    with _applications_lock:
        _applications.clear()


def _forget_after_fork() -> None:
    """A child opens its own: a lock or a connection may have been in use when the parent forked."""
    global _applications_lock
    _applications_lock = threading.Lock()
    _applications.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
