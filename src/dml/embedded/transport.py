"""A requests transport adapter that calls a WSGI application in process, without a socket.

To a client of the session it is mounted on, the embedded catalog looks like any server: the raw request
URI, streamed request and response bodies, cookies, redirects and broken responses behave as over HTTP.
The application runs in the caller's thread.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPMessage, responses
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.exceptions import InvalidURL
from requests.models import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    _ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class WsgiAdapter(BaseAdapter):
    """Sends the requests of a session to a WSGI application.

    The adapter is stateless: it can be shared by any number of sessions, threads and forked processes.

    Args:
        application: The WSGI callable.
    """

    def __init__(self, application: WSGIApplication) -> None:
        super().__init__()
        self.application = application

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: ARG002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Response:
        """Send one request. Timeouts, certificates and proxies are ignored.

        The body of the response is produced as it is read; closing the response closes the
        application's iterable, even if it was not read to the end.
        """
        answer = _ApplicationResponse(self.application, _environ(request))
        headers = HTTPHeaderDict(answer.headers)
        raw = HTTPResponse(
            body=answer.body,
            headers=headers,
            status=answer.status,
            reason=answer.reason,
            version=11,
            preload_content=False,
            decode_content=False,
            original_response=_OriginalResponse(answer),  # type: ignore[arg-type]
            request_method=request.method,
        )
        response = Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = raw
        response.reason = answer.reason
        response.url = request.url or ""
        response.request = request
        response.connection = self  # type: ignore[assignment]
        extract_cookies_to_jar(response.cookies, request, raw)  # type: ignore[no-untyped-call]
        return response

    def close(self) -> None:
        """Do nothing: the adapter holds no resources."""


def _environ(request: PreparedRequest) -> WSGIEnvironment:
    parts = urlsplit(request.url or "")
    if not parts.hostname:
        raise InvalidURL(f"{request.url!r} has no host")
    body = _RequestBody(request.body)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method or "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "REQUEST_URI": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc.rpartition("@")[2],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BufferedReader(body, 1 << 16),
        "wsgi.input_terminated": "Content-Length" not in request.headers,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = _string(name).upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = _string(value)
    return environ


def _string(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class _RequestBody(io.RawIOBase):
    """A request body (None, text, bytes, a file or an iterable of bytes) as a readable stream."""

    def __init__(self, body: Any) -> None:
        self._read: Callable[[int], str | bytes] | None = None
        self._parts: Iterator[str | bytes] = iter(())
        self._rest = memoryview(b"")
        if isinstance(body, (str, bytes, bytearray, memoryview)):
            self._rest = memoryview(_encoded(body))
        elif hasattr(body, "read"):
            self._read = body.read
        elif body is not None:
            self._parts = iter(body)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            if self._read is not None:
                part: str | bytes | None = self._read(len(buffer)) or None
            else:
                part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(_encoded(part))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _encoded(part: str | bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
    return part.encode() if isinstance(part, str) else memoryview(part).cast("B")


class _ApplicationResponse:
    """The application's response: its status, its headers and its unread body."""

    def __init__(self, application: WSGIApplication, environ: WSGIEnvironment) -> None:
        self.status = 0
        self.reason = ""
        self.headers: list[tuple[str, str]] = []
        written: list[bytes] = []

        def start_response(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: _ExcInfo | None = None,  # noqa: ARG001
            /,
        ) -> Callable[[bytes], object]:
            code, _, reason = status.partition(" ")
            self.status, self.headers = int(code), headers
            self.reason = reason or responses.get(self.status, "")
            return written.append

        iterable = application(environ, start_response)
        parts = iter(iterable)
        # PEP 3333 lets an application call start_response as late as the first iteration.
        while not self.status:
            written.append(next(parts))
        self.body = _ResponseBody(written, parts, iterable)


class _ResponseBody(io.RawIOBase):
    """The application's iterable as a readable stream; closing the stream closes the iterable."""

    def __init__(self, first: list[bytes], parts: Iterator[bytes], iterable: Iterable[bytes]) -> None:
        self._first = first
        self._parts = parts
        self._iterable = iterable
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            part = self._next()
            if part is None:
                return 0
            self._rest = memoryview(part)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes | None:
        if self._first:
            return self._first.pop(0)
        try:
            return next(self._parts, None)
        except Exception as error:
            # Over HTTP the connection would break here, which client libraries handle.
            raise ConnectionResetError("the application failed while sending its response") from error

    def close(self) -> None:
        if not self.closed:
            super().close()
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()


class _OriginalResponse:
    """The part of an ``http.client`` response that requests and urllib3 use: the headers, to extract cookies."""

    def __init__(self, answer: _ApplicationResponse) -> None:
        self.msg = HTTPMessage()
        for name, value in answer.headers:
            self.msg[name] = value
        self._body = answer.body

    def close(self) -> None:
        self._body.close()

    def isclosed(self) -> bool:
        return self._body.closed
