"""Reading feature values from files: CSV with a header, or JSON Lines."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.errors import UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.model import Column
    from dml.catalog.schema import Feature

__all__ = ["FLOAT_TYPES", "INTEGER_TYPES", "parse_value", "read_records"]

INTEGER_TYPES = ("int2", "int4", "int8", "serial2", "serial4", "serial8")
FLOAT_TYPES = ("float4", "float8", "numeric")
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "1"), True),
    **dict.fromkeys(("false", "f", "no", "0"), False),
}


def read_records(path: Path, feature: Feature) -> list[dict[str, Any]]:
    """The records of a file: CSV or TSV by its suffix, otherwise JSON Lines.

    Raises:
        UsageError: The file cannot be read, or a line is malformed; the message has its number.
    """
    suffix = path.suffix.lower()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            if suffix not in (".csv", ".tsv"):
                return [_parse_object(line, number, path) for number, line in enumerate(stream, 1) if line.strip()]
            columns = {column.name: column for column in feature.value_columns}
            rows = csv.DictReader(stream, delimiter="\t" if suffix == ".tsv" else ",")
            return [_parse_row(columns, row, number, path) for number, row in enumerate(rows, 2)]
    except OSError as error:
        raise UsageError(f"{safe(path)} cannot be read: {error.strerror}", hint="Name another file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{safe(path)} cannot be read: {error}", hint="Give CSV with a header, or JSON Lines."
        ) from error


def parse_value(column: Column, text: str) -> Any:
    """A text as a value of a column's type; an empty text is null where the column is nullable.

    Raises:
        UsageError: The text is not a value of that type.
    """
    if text == "" and column.nullok:
        return None
    try:
        if column.type in INTEGER_TYPES:
            return int(text)
        if column.type in FLOAT_TYPES:
            return float(text)
        if column.type == "boolean":
            return _BOOLEANS[text.strip().lower()]
    except (ValueError, KeyError):
        raise UsageError(f"'{safe(text, limit=60)}' does not fit {column.name} ({column.type})") from None
    return text


def _parse_row(columns: dict[str, Column], row: dict[Any, Any], number: int, path: Path) -> dict[str, Any]:
    if None in row or None in row.values():
        raise UsageError(f"{safe(path)}, line {number}: the number of values differs from the header")
    try:
        return {name: parse_value(columns[name], text) if name in columns else text for name, text in row.items()}
    except UsageError as error:
        raise UsageError(f"{safe(path)}, line {number}: {error.message}", hint=error.hint) from error


def _parse_object(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{safe(path)}, line {number}: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{safe(path)}, line {number}: not a JSON object")
    return value
