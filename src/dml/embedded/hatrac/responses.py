"""Responses of the object store: conditional requests and byte ranges (RFC 9110), contents and documents."""

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
    """Evaluate ``If-Match`` and ``If-None-Match`` (RFC 9110, section 13); return whether to respond 304.

    Args:
        request: The request.
        etag: The unquoted ETag of the current state; None if the resource does not exist.

    Raises:
        PreconditionFailed: A condition is false, other than ``If-None-Match`` of a GET or HEAD (412).
    """
    if "If-Match" in request.headers and (etag is None or etag not in request.if_match):
        raise PreconditionFailed("If-Match does not match the current state")
    if "If-None-Match" in request.headers and etag is not None and request.if_none_match.contains_weak(etag):
        if request.method in ("GET", "HEAD"):
            return True
        raise PreconditionFailed("If-None-Match matches the current state: the resource exists already")
    return False


def content(request: Request, version: Version, storage: Storage) -> Response:
    """The content of a version or the requested byte range of it, or 304.

    The file is opened before the response starts, so deleting the version does not truncate the response.

    Raises:
        RequestedRangeNotSatisfiable: The range starts after the end of the content (416).
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
    # deriva-py reads the version from this header when it skips the upload of an existing object.
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
    """A value as plain text, or 304."""
    if check_conditions(request, etag):
        return _with_etag(_bare(HTTPStatus.NOT_MODIFIED), etag)
    return _with_etag(Response(body + "\n", content_type="text/plain"), etag)


def created(url: str) -> Response:
    """201 with the path of the new resource in ``Location`` and as body."""
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
    """Start and end offset of the requested range; (None, length) for the whole content.

    A Range header that is not a single byte range is ignored, as RFC 9110 (section 14.2) allows.
    """
    requested = request.range
    if_range = request.if_range
    current = if_range.etag is None or if_range.etag == version.etag
    if (
        requested is None
        or requested.units != "bytes"
        or len(requested.ranges) != 1
        or not current
        or if_range.date is not None
    ):
        return None, version.length
    start, stop = requested.ranges[0]
    if start < 0:
        start = max(0, version.length + start)
    if start >= version.length:
        raise RequestedRangeNotSatisfiable(version.length, "bytes", "the range starts after the end of the object")
    return start, version.length if stop is None else min(stop, version.length)
