"""Feature values from files: CSV with a header line, or JSON Lines; texts become values of their column's type."""

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

_TRUE, _FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
_WHOLE = ("int2", "int4", "int8", "serial2", "serial4", "serial8")
_REAL = ("float4", "float8", "numeric")


def read_records(path: Path, feature: Feature) -> list[dict[str, Any]]:
    """The records of a file, by its suffix: ``.csv``, ``.tsv``, else JSON Lines.

    Raises:
        UsageError: The file cannot be read, or a line of it is malformed (named by its number).
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            if path.suffix.lower() in (".csv", ".tsv"):
                delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
                columns = {column.name: column for column in feature.value_columns}
                return [
                    _typed(columns, row, number, path)
                    for number, row in enumerate(csv.DictReader(stream, delimiter=delimiter), 2)
                ]
            return [_object(line, number, path) for number, line in enumerate(stream, 1) if line.strip()]
    except OSError as error:
        raise UsageError(f"{safe(path)} cannot be read: {error.strerror}", hint="Name another file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{safe(path)} cannot be read: {error}", hint="Give CSV with a header, or JSON Lines."
        ) from error


def converted(column: Column, text: str) -> Any:
    """A text as a value of a column's type; an empty text is null where the column may be null.

    Raises:
        UsageError: The text is no such value.
    """
    if text == "" and column.nullok:
        return None
    try:
        if column.type in _WHOLE:
            return int(text)
        if column.type in _REAL:
            return float(text)
        if column.type == "boolean":
            return {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}[text.strip().lower()]
    except (ValueError, KeyError):
        raise UsageError(f"'{safe(text, limit=60)}' does not fit {column.name} ({column.type})") from None
    return text


def _typed(columns: dict[str, Column], row: dict[Any, Any], number: int, path: Path) -> dict[str, Any]:
    if None in row or None in row.values():
        raise UsageError(f"{safe(path)}, line {number}: not as many values as the header has columns")
    try:
        return {name: converted(columns[name], text) if name in columns else text for name, text in row.items()}
    except UsageError as error:
        raise UsageError(f"{safe(path)}, line {number}: {error.message}", hint=error.hint) from error


def _object(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{safe(path)}, line {number}: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{safe(path)}, line {number}: no JSON object")
    return value
