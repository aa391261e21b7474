"""Responses: rows as a JSON array, a stream of JSON objects or CSV; documents; ETags (RFC 9110)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, PreconditionFailed
from werkzeug.http import parse_etags

from dml.embedded.ermrest.outputs import Output

__all__ = ["CSV", "JSON", "STREAM", "accepted", "check_match", "document", "empty", "rows_response", "unchanged"]

JSON, CSV, STREAM = "application/json", "text/csv", "application/x-json-stream"
_BY_NAME = {"json": JSON, "csv": CSV, "json-stream": STREAM, "x-json-stream": STREAM}
_CHUNK = 500

Row = Sequence[Any]


def accepted(request: Request, options: dict[str, str]) -> str:
    """The content type of the response: from ``?accept=``, else from the Accept header, else JSON."""
    wanted = options.get("accept")
    if wanted:
        kind = _BY_NAME.get(wanted, wanted)
        if kind not in (JSON, CSV, STREAM):
            raise BadRequest(f"accept={wanted[:60]} is not known; use csv, json or json-stream.")
        return kind
    if not request.headers.get("Accept"):
        return JSON
    return request.accept_mimetypes.best_match([JSON, CSV, STREAM], default=JSON)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _objects(outputs: Sequence[Output], rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Each row as a JSON object."""
    names = [output.name for output in outputs]
    showers = [(index, output.show) for index, output in enumerate(outputs) if output.show is not None]
    for row in rows:
        values = list(row)
        for index, show in showers:
            if values[index] is not None:
                values[index] = show(values[index])
        yield dict(zip(names, values, strict=True))


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def _csv_text(output: Output) -> Callable[[Any], str]:
    if output.type is not None:
        show_stored = output.type.csv_text
        return lambda stored: '""' if stored == "" else _csv_field(show_stored(stored))

    def text(stored: Any) -> str:
        if stored is None:
            return ""
        shown = output.show(stored) if output.show else stored
        return _csv_field(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))

    return text


def _csv_lines(outputs: Sequence[Output], rows: Iterable[Row]) -> Iterator[str]:
    writers = [_csv_text(output) for output in outputs]
    yield ",".join(_csv_field(output.name) for output in outputs)
    for row in rows:
        yield ",".join(writer(value) for writer, value in zip(writers, row, strict=True))


def _text(kind: str, outputs: Sequence[Output], rows: Iterable[Row]) -> Iterator[str]:
    """The text of the response, in chunks."""
    if kind == JSON:
        return _array(_objects(outputs, rows))
    lines = _csv_lines(outputs, rows) if kind == CSV else map(_encode, _objects(outputs, rows))
    return _lines(lines)


def _array(objects: Iterator[dict[str, Any]]) -> Iterator[str]:
    """A JSON array; many rows are encoded at a time, which costs a third of encoding them one by one."""
    before = "["
    while batch := list(islice(objects, _CHUNK)):
        yield before + _encode(batch)[1:-1]
        before = ",\n"
    yield "]\n" if before != "[" else "[]\n"


def _lines(lines: Iterator[str]) -> Iterator[str]:
    while batch := list(islice(lines, _CHUNK)):
        yield "\n".join(batch) + "\n"


def rows_response(
    kind: str,
    outputs: Sequence[Output],
    rows: Iterator[Row],
    etag: str | None,
    *,
    download: str | None = None,
    when_done: Callable[[], None] | None = None,
) -> Response:
    """A response of rows, streamed if there are many; ``when_done`` is called after the last row is read."""
    streamed = False
    try:
        head = list(islice(rows, _CHUNK))
        streamed = len(head) == _CHUNK and when_done is not None
        text = _text(kind, outputs, chain(head, rows))
        body: Any = (piece.encode() for piece in text) if streamed else "".join(text).encode()
    finally:
        if not streamed and when_done is not None:
            when_done()
    response = Response(body, content_type=f"{kind}; charset=utf-8" if kind == CSV else kind)
    if streamed and when_done is not None:
        response.call_on_close(when_done)
    if download:
        suffix = {CSV: "csv", JSON: "json", STREAM: "json"}[kind]
        name = re.sub(r"[^\w.\- ]", "_", download, flags=re.ASCII)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return _tagged(response, etag)


def document(value: Any, etag: str | None, status: int = 200) -> Response:
    """A JSON document."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
    return _tagged(Response(body.encode(), status, content_type=JSON), etag)


def empty(status: int, etag: str | None) -> Response:
    """A response without a body."""
    response = Response(b"", status, content_type="text/plain" if status == 201 else None)
    if status == 204:
        response.headers.pop("Content-Type", None)
    return _tagged(response, etag)


def _tagged(response: Response, etag: str | None) -> Response:
    if etag is not None:
        response.headers["ETag"] = f'"{etag}"'
        response.headers["Cache-Control"] = "private, max-age=0, must-revalidate"
        response.headers["Vary"] = "Cookie, Accept"
    return response


def unchanged(request: Request, etag: str) -> Response | None:
    """A 304 response if the client's ``If-None-Match`` matches the current state, else None."""
    held = request.headers.get("If-None-Match")
    if held and request.method in ("GET", "HEAD") and parse_etags(held).contains_weak(etag):
        response = empty(304, etag)
        response.headers.pop("Content-Type", None)
        return response
    return None


def check_match(request: Request, etag: str) -> None:
    """Refuse a write whose ``If-Match`` does not match or whose ``If-None-Match`` matches (412)."""
    wanted = request.headers.get("If-Match")
    state = etag.rpartition("-")[0]
    if wanted and wanted.strip() != "*":
        held = {tag.rpartition("-")[0] for tag in parse_etags(wanted).as_set(include_weak=True)}
        if state not in held:
            raise PreconditionFailed("The resource has changed since.")
    excluded = request.headers.get("If-None-Match")
    if excluded and request.method not in ("GET", "HEAD"):
        held = {tag.rpartition("-")[0] for tag in parse_etags(excluded).as_set(include_weak=True)}
        if state in held:
            raise PreconditionFailed("The resource has not changed.")
