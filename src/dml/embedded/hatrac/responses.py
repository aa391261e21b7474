"""How the object store answers: conditions on ETags, content with its headers, slices of it, documents."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable

from dml.embedded.hatrac.names import filename_of
from dml.embedded.hatrac.object_index import Version
from dml.embedded.hatrac.storage import CHECKSUMS, Slice, Storage


def check_conditions(request: Request, etag: str | None) -> bool:
    """Whether a read may be answered 304.

    Args:
        request: Its ``If-Match`` and ``If-None-Match`` are looked at.
        etag: The unquoted ETag of what is there; None when nothing is.

    Raises:
        PreconditionFailed: A condition does not hold, and this is not a read that 304 answers.
    """
    if "If-Match" in request.headers and (etag is None or etag not in request.if_match):
        raise PreconditionFailed("If-Match does not hold for what is stored")
    if "If-None-Match" in request.headers and etag is not None and request.if_none_match.contains_weak(etag):
        if request.method in ("GET", "HEAD"):
            return True
        raise PreconditionFailed("If-None-Match does not hold: it is there already")
    return False


def content(request: Request, version: Version, storage: Storage) -> Response:
    """The bytes of a version, the slice of them that was asked for, or 304.

    The file is open before the answer begins, so that a deletion meanwhile does not cut it short.

    Raises:
        RequestedRangeNotSatisfiable: The slice begins after the end (416).
    """
    if check_conditions(request, version.etag):
        return _with_etag(_bare(HTTPStatus.NOT_MODIFIED), version.etag)
    start, stop = _slice(request, version)
    whole = start is None
    start = start or 0
    response = Response(status=HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
    headers = response.headers
    headers["Content-Type"] = version.metadata.get("content-type", "application/octet-stream")
    headers["Content-Length"] = str(stop - start)
    # Where deriva-py finds the version of an object that it need not upload again.
    headers["Content-Location"] = version.url
    headers["Content-Disposition"] = version.metadata.get(
        "content-disposition", f"filename*=UTF-8''{filename_of(version.path)}"
    )
    if whole:
        for name in CHECKSUMS:
            if name in version.metadata:
                headers["Content-MD5" if name == "content-md5" else "Content-SHA256"] = version.metadata[name]
    else:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.length}"
    if request.method == "HEAD":
        headers["Accept-Ranges"] = "bytes"
    elif stop > start:
        response.response = Slice(storage.open(version.file_id), start, stop - start)
    return _with_etag(response, version.etag)


def document(request: Request, body: Any, etag: str) -> Response:
    """A JSON document, or 304."""
    if check_conditions(request, etag):
        return _with_etag(_bare(HTTPStatus.NOT_MODIFIED), etag)
    return _with_etag(Response(json.dumps(body) + "\n", content_type="application/json"), etag)


def text(request: Request, body: str, etag: str) -> Response:
    """One value as plain text, or 304."""
    if check_conditions(request, etag):
        return _with_etag(_bare(HTTPStatus.NOT_MODIFIED), etag)
    return _with_etag(Response(body + "\n", content_type="text/plain"), etag)


def created(url: str) -> Response:
    """201 with the path of what was made, as header and as body."""
    response = Response(url + "\n", HTTPStatus.CREATED, content_type="text/uri-list")
    response.headers["Location"] = url
    return response


def no_content() -> Response:
    """204."""
    return _bare(HTTPStatus.NO_CONTENT)


def _bare(status: HTTPStatus) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def _with_etag(response: Response, etag: str) -> Response:
    response.set_etag(etag)
    return response


def _slice(request: Request, version: Version) -> tuple[int | None, int]:
    """First byte and end of the slice asked for; (None, length) for the whole.

    A header that is no single slice of bytes is ignored, as HTTP allows.
    """
    asked = request.range
    if_range = request.if_range
    current = if_range.etag is None or if_range.etag == version.etag
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not current or if_range.date is not None:
        return None, version.length
    start, stop = asked.ranges[0]
    if start < 0:
        start = max(0, version.length + start)
    if start >= version.length:
        raise RequestedRangeNotSatisfiable(version.length, "bytes", "the slice begins after the end of the object")
    return start, version.length if stop is None else min(stop, version.length)
