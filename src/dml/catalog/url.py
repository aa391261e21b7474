"""How names and values become parts of an ERMrest or Hatrac path, and how long a path may grow.

ERMrest and Hatrac take names of unreserved characters (RFC 3986) as they are and everything else
percent-encoded. Apache in front of a DERIVA server answers a path of about 4,050 bytes or more with
an HTML 404, so no path built here reaches 4,000 bytes: lists of values are split by their length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote as _percent_encode

from dml.errors import UsageError

PATH_LIMIT = 4_000
"""Bytes that the path of a URL, the catalog's own path included, stays below."""


def quote(text: str) -> str:
    """Percent-encode one name or value for a path; only letters, digits and ``-._~`` stay.

    Raises:
        UsageError: The text holds what no server can store: a NUL or half of a surrogate pair.
    """
    if "\x00" in text:
        raise UsageError(f"a name or value holds a NUL character: {text!r:.80}")
    try:
        return _percent_encode(text, safe="")
    except UnicodeEncodeError:
        raise UsageError(f"a name or value is not valid Unicode: {text!r:.80}") from None


def table_path(table: str) -> str:
    """``schema:Table`` as it stands in a path, each part encoded.

    Raises:
        UsageError: The name has no schema.
    """
    schema, colon, name = table.partition(":")
    if not (schema and colon and name):
        raise UsageError(f"{table!r} is not the name of a table", hint="Write it as schema:Table.")
    return f"{quote(schema)}:{quote(name)}"


def literal(value: object) -> str:
    """A value other than None as an encoded ERMrest literal.

    Raises:
        UsageError: The value has no literal form: a mapping, a list, bytes.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return quote(value.isoformat())
    if isinstance(value, str | int | float | Decimal):
        return quote(str(value))
    raise UsageError(f"a {type(value).__name__} cannot be compared with a column: {value!r:.80}")


def condition(column: str, values: Sequence[object]) -> str:
    """One path segment that holds for rows whose column has any of the values; None is null.

    The forms are joined by ``;`` without parentheses, since ``any(…)`` inside them is a parse error.
    """
    name = quote(column)
    present = [literal(value) for value in values if value is not None and value != ""]
    parts = []
    if len(present) == 1:
        parts.append(f"{name}={present[0]}")
    elif present:
        parts.append(f"{name}=any({','.join(present)})")
    if "" in values:
        parts.append(f"{name}=")
    if None in values:
        parts.append(f"{name}::null::")
    return ";".join(parts)


def split_values(column: str, values: Iterable[object], room: int) -> list[list[object]]:
    """Cut values into runs, in order, whose ``condition`` fits into ``room`` bytes each; none is lost or doubled.

    Args:
        column: The column they are compared with.
        values: The values; repeated ones count once.
        room: Bytes there are for one condition.

    Raises:
        UsageError: A single value is too long for any path.
    """
    fixed = len(quote(column)) + len("=any()")
    # An empty text and a null cost a form of their own; both are short and may fall into any run.
    reserve = 2 * len(quote(column)) + len("=;::null::;")
    runs: list[list[object]] = []
    used = room + 1
    for value in _distinct(values):
        size = 1 if value is None or value == "" else len(literal(value)) + 1
        if fixed + reserve + size > room:
            raise UsageError(f"a value of {size} bytes for the column {column} is too long to ask a catalog for")
        if used + size > room:
            runs.append([])
            used = fixed + reserve
        runs[-1].append(value)
        used += size
    return runs


def _distinct(values: Iterable[object]) -> list[object]:
    # 1, 1.0 and True are equal in Python but not in a catalog; their literals tell them apart.
    seen: dict[str | None, object] = {}
    for value in values:
        seen.setdefault(None if value is None else literal(value), value)
    return list(seen.values())
