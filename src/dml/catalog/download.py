"""Downloading an object from Hatrac, verified by length and MD5, and moved to its destination when complete.

The bytes go to another file, which is renamed at the end (``atomic_file``). An interrupted transfer resumes where it
stopped, in a later process as well if the caller keeps that file. The credential is sent to the catalog's host only: a
redirect to another store is followed without it, and never to an address in a private network.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from requests import RequestException, Response
from urllib3.exceptions import HTTPError as TransportError

from dml.catalog.atomic_file import placed
from dml.catalog.connection import Catalog
from dml.catalog.object_info import local_path, md5_from_base64
from dml.catalog.responses import is_html, reason
from dml.catalog.session import time_limits
from dml.errors import AuthError, DmlError, IntegrityError, UnsafePathError

_PIECE = 1 << 16
"""Bytes read from the connection at a time, which is the most that an interruption loses."""
_READ = 1 << 20
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)

Progress = Callable[[int], None]


def download(
    catalog: Catalog,
    url: str,
    destination: Path,
    *,
    length: int | None,
    md5_hex: str | None,
    progress: Progress | None = None,
    partial: Path | None = None,
) -> None:
    """Download an object to a file. Writes the destination atomically and creates no directory.

    Args:
        catalog: The catalog whose host stores the object.
        url: The object's path or URL on that host, with or without a version.
        destination: The file; replaced if it exists, unchanged on failure.
        length: The expected number of bytes, beyond which nothing is read; None for the server's.
        md5_hex: The expected MD5 in hexadecimal; None for the server's, if it sends one.
        progress: Called with the number of bytes received, negative when some are downloaded again.
        partial: The file that receives the bytes, on the destination's file system. It is kept on failure, and the next
            call resumes from it. None for a temporary file, which is removed.

    Raises:
        NotFoundError: There is no such object, or the URL is a reference to a file elsewhere.
        IntegrityError: Length or MD5 are not the expected ones.
        UnsafePathError: The URL or a redirect points to a host from which nothing may be downloaded.
        RetryableError: The transfer was interrupted too often, or the disk is full.
    """
    path = local_path(catalog, url)
    with placed(destination, partial) as file:
        _Fetch(catalog, path, file, length, md5_hex, progress or (lambda _: None)).run()


class _Fetch:
    """One download: the bytes received so far and the expected length and MD5."""

    def __init__(
        self, catalog: Catalog, path: str, file: BinaryIO, length: int | None, md5_hex: str | None, progress: Progress
    ) -> None:
        self._catalog = catalog
        self._path = path
        self._file = file
        self._length = length
        self._md5 = (md5_hex or "").lower()
        self._progress = progress
        self._digest = hashlib.md5(usedforsecurity=False)
        self._have = 0
        self._page = False

    def run(self) -> None:
        """Download the rest and verify the whole; bytes of an earlier transfer that prove wrong are replaced."""
        resumed = self._take_up()
        while True:
            try:
                if not resumed or self._have != self._length:
                    self._fetch()
                self._verify()
                return
            except DmlError as error:
                wrong = isinstance(error, IntegrityError)
                if wrong or self._page:
                    self._start_again()  # so that no later transfer resumes from wrong bytes
                if not (wrong and resumed):
                    raise
                resumed = False

    def _take_up(self) -> bool:
        """Count and hash the bytes that are already in the file."""
        size = self._file.tell()
        if self._length is not None and size > self._length:
            self._file.seek(0)
            self._file.truncate()
            return False
        self._file.seek(0)
        while piece := self._file.read(_READ):
            self._digest.update(piece)
        self._have = size
        if size:
            self._progress(size)
        return size > 0

    def _start_again(self) -> None:
        self._progress(-self._have)
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._have = 0

    def _fetch(self) -> None:
        with self._catalog.policy.begin(self._catalog.border.host) as attempts:
            while True:
                try:
                    with _opened(self._catalog, self._path, self._have) as response:
                        self._take(response)
                except (RequestException, TransportError, _BrokenOff) as error:
                    failure = (
                        error if isinstance(error, RequestException) else requests.exceptions.ChunkedEncodingError()
                    )
                    if attempts.again(f"broke off after {self._have} bytes ({reason(failure)})"):
                        continue
                    raise self._catalog.border.unreachable(failure, self._path) from None
                return

    def _take(self, response: Response) -> None:
        if response.status_code != 206 and self._have:
            self._start_again()  # the server ignored the range and sends the whole object
        declared = response.headers.get("Content-Length", "")
        whole = self._have + int(declared) if declared.isdigit() else None
        if response.status_code == 200:
            self._md5 = self._md5 or md5_from_base64(response.headers.get("Content-MD5"))
            self._page = is_html(response) and not response.headers.get("Content-MD5")
        for piece in response.iter_content(_PIECE):
            self._write(piece)
        if whole is not None and self._have < whole:
            raise _BrokenOff

    def _write(self, piece: bytes) -> None:
        if self._length is not None and self._have + len(piece) > self._length:
            raise self._wrong(f"has more than the {self._length} bytes expected")
        self._file.write(piece)
        self._digest.update(piece)
        self._have += len(piece)
        self._progress(len(piece))

    def _verify(self) -> None:
        if self._length is not None and self._have != self._length:
            raise self._wrong(f"has {self._have} bytes where {self._length} were expected")
        if self._md5 and self._digest.hexdigest() != self._md5:
            raise self._wrong(f"has the MD5 {self._digest.hexdigest()} where {self._md5} was expected")

    def _wrong(self, what: str) -> DmlError:
        if self._page:
            return AuthError(
                f"{self._catalog.border.host} answered {self._path} with a sign-in page",
                hint=self._catalog.border.sign_in_hint(),
            )
        return IntegrityError(f"what was fetched from {self._path} {what}")


class _BrokenOff(Exception):
    """The response had fewer bytes than its Content-Length."""


@contextmanager
def _opened(catalog: Catalog, path: str, start: int) -> Iterator[Response]:
    """The response with the object's bytes, from ``start`` if the server supports ranges."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    done = catalog.host_exchange("GET", path, headers=headers, stream=True, accept=(*_MOVED, 416))
    response = done.response
    if response.status_code == 416:  # the file already has all bytes; only the end of the response was lost
        response.close()
        headers.pop("Range")
        response = catalog.host_exchange("GET", path, headers=headers, stream=True, accept=_MOVED).response
    if response.status_code in _MOVED:
        with response:
            target = urljoin(response.url, response.headers.get("Location", ""))
        with _elsewhere(catalog, target, headers) as moved:
            yield moved
        return
    with response:
        yield response


@contextmanager
def _elsewhere(catalog: Catalog, url: str, headers: dict[str, str]) -> Iterator[Response]:
    """The response after a redirect to another host, requested over https without a credential, cookie or password."""
    limits = time_limits(catalog.policy)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", catalog.plain_adapter())
        for _ in range(_REDIRECTS):
            _refuse_inside(url)
            with session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=limits) as response:
                if response.status_code not in _MOVED:
                    if response.status_code >= 300:
                        raise catalog.border.refusal(response, urlsplit(url).path)
                    yield response
                    return
                url = urljoin(url, response.headers.get("Location", ""))
    raise DmlError(f"{catalog.border.host} sends the request round in circles")


def _refuse_inside(url: str) -> None:
    parts = urlsplit(url)
    name = parts.hostname or ""
    inside = name == "localhost" or name.endswith((".localhost", ".local", ".internal")) or "." not in name
    with contextlib.suppress(ValueError):
        inside = not ipaddress.ip_address(name).is_global
    if parts.scheme != "https" or inside:
        raise UnsafePathError(f"the server sends the request on to {parts.scheme}://{name}, which is refused")
