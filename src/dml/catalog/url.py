"""Names and values in ERMrest and Hatrac paths, and the greatest length of a path.

Unreserved characters (RFC 3986) are used as they are, all others percent-encoded. Apache in front of a DERIVA server
answers a path of about 4,050 bytes or more with an HTML 404, so every path here stays below 4,000 bytes: lists of
values are split by their length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote as _percent_encode

from dml.errors import UsageError

PATH_LIMIT = 4_000
"""The exclusive upper limit of a URL's path in bytes, including the path of the catalog."""


def quote(text: str) -> str:
    """Percent-encode one name or value for a path; letters, digits and ``-._~`` are kept.

    Raises:
        UsageError: The text contains what no server can store: a NUL or a lone surrogate.
    """
    if "\x00" in text:
        raise UsageError(f"a name or value contains a NUL character: {text!r:.80}")
    try:
        return _percent_encode(text, safe="")
    except UnicodeEncodeError:
        raise UsageError(f"a name or value is not valid Unicode: {text!r:.80}") from None


def table_path(table: str) -> str:
    """``schema:Table`` as part of a path, with both names encoded.

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
    """The path segment that selects rows whose column has any of the values; None is null.

    The alternatives are joined by ``;`` without parentheses, because ERMrest does not parse ``any(…)`` inside them.
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
    """Split values, in order and without duplicates, into lists whose ``condition`` has at most ``room`` bytes.

    Args:
        column: The column that is compared.
        values: The values.
        room: Bytes available for one condition.

    Raises:
        UsageError: A single value is too long for any path.
    """
    fixed = len(quote(column)) + len("=any()")
    # The empty string and null take an alternative each; both are short and may be in any list.
    reserve = 2 * len(quote(column)) + len("=;::null::;")
    runs: list[list[object]] = []
    used = room + 1
    for value in _distinct(values):
        size = 1 if value is None or value == "" else len(literal(value)) + 1
        if fixed + reserve + size > room:
            raise UsageError(f"a value of {size} bytes for the column {column} is too long for a URL")
        if used + size > room:
            runs.append([])
            used = fixed + reserve
        runs[-1].append(value)
        used += size
    return runs


def _distinct(values: Iterable[object]) -> list[object]:
    # 1, 1.0 and True are equal in Python but not in a catalog; their literals differ.
    seen: dict[str | None, object] = {}
    for value in values:
        seen.setdefault(None if value is None else literal(value), value)
    return list(seen.values())
