"""Request bodies: rows as JSON, as a stream of JSON objects or as CSV, and documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug import Request
from werkzeug.exceptions import BadRequest, Conflict, UnsupportedMediaType

from dml.embedded.ermrest.values import require_shallow

__all__ = ["Rows", "read_document", "read_rows"]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a body.

    Attributes:
        rows: One mapping a row, by input name.
        as_text: Whether values are text to be read as literals (CSV), not JSON values.
        header: The columns of a CSV body in order; None for JSON.
    """

    rows: list[Mapping[str, Any]]
    as_text: bool = False
    header: tuple[str, ...] | None = None


def _text(request: Request) -> str:
    try:
        return request.get_data(cache=False).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_document(request: Request) -> Any:
    """The JSON document of a body; 400 if it is not JSON."""
    document = _json(_text(request))
    _require_shallow(document)
    return document


def _require_shallow(value: Any) -> None:
    try:
        require_shallow(value)
    except ValueError as error:
        raise BadRequest(f"The body cannot be read: {error}.") from None


def read_rows(request: Request) -> Rows:
    """The rows of a body, read by its Content-Type (default JSON); 400 or 415 if it cannot be read."""
    kind = request.mimetype or "application/json"
    if kind == "text/csv":
        return _csv_rows(_text(request))
    if kind == "application/x-json-stream":
        rows = [_json(line) for line in _text(request).split("\n") if line.strip()]
    elif kind == "application/json":
        rows = _json(_text(request))
        if not isinstance(rows, list):
            raise BadRequest("The body must be a list of rows.")
    else:
        raise UnsupportedMediaType(f"Rows cannot be read from {kind}; send application/json or text/csv.")
    for row in rows:
        if not isinstance(row, dict):
            raise BadRequest("Each row of the body must be an object.")
        for value in row.values():
            if isinstance(value, list | dict):
                _require_shallow(value)
    return Rows(rows)


_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|\Z)')


def _csv_records(text: str) -> Iterator[list[str | None]]:
    """Records of CSV; an empty field is None (NULL) unless it is quoted, as PostgreSQL reads it."""
    position, record = 0, list[str | None]()
    while position < len(text) or record:
        found = _FIELD.match(text, position)
        if found is None:
            raise BadRequest(f"The CSV body is malformed at character {position}.")
        position = found.end()
        quoted, plain, end = found.groups()
        record.append(quoted.replace('""', '"') if quoted is not None else plain or None)
        if end != ",":
            if record != [None] or quoted is not None:
                yield record
            record = []


def _csv_rows(text: str) -> Rows:
    records = _csv_records(text)
    header = [name or "" for name in next(records, [])]
    if not header:
        raise BadRequest("The CSV body has no header.")
    if len(set(header)) < len(header):
        raise BadRequest("A column appears more than once in the CSV header.")
    rows: list[Mapping[str, Any]] = []
    for number, record in enumerate(records, start=2):
        if len(record) != len(header):
            raise BadRequest(f"Record {number} of the CSV body has {len(record)} fields, its header {len(header)}.")
        rows.append(dict(zip(header, record, strict=True)))
    return Rows(rows, True, tuple(header))


def check_header(rows: Rows, known: set[str], required: set[str]) -> None:
    """For CSV: 409 for a column that is not expected, 400 for one that is missing."""
    if rows.header is None:
        return
    unknown = [name for name in rows.header if name not in known]
    if unknown:
        raise Conflict(f'CSV column "{unknown[0]}" is not recognised.')
    missing = required.difference(rows.header)
    if missing:
        raise BadRequest(f"The CSV body lacks the columns {', '.join(sorted(missing))}.")
