"""Writes rows to a file for other programs: CSV, JSON, JSON Lines, or Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from dml.errors import DmlError, UsageError
from dml.safe_text import safe

__all__ = ["FILE_TYPES", "check_table_file", "write_csv", "write_table"]

FILE_TYPES = (".csv", ".json", ".jsonl", ".parquet")
"""The suffixes of files that can be written."""


def check_table_file(path: Path) -> None:
    """Refuse a file that cannot be written, before the rows are read.

    Raises:
        UsageError: Its suffix is not in ``FILE_TYPES``, or pyarrow, which Parquet needs, is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in FILE_TYPES:
        raise UsageError(f"{safe(path)} has no known suffix", hint=f"Use {', '.join(FILE_TYPES)}.")
    if suffix == ".parquet":
        _arrow()


def write_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], file: TextIO) -> None:
    """Write rows as CSV with a header (RFC 4180, lines end in a newline).

    Lists and objects are written as JSON, None as nothing, booleans as true and false.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_format(row.get(name)) for name in columns] for row in rows)


def write_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows to a file in the format of its suffix. The file appears complete or not at all.

    Raises:
        UsageError: As :func:`check_table_file`.
        DmlError: The file cannot be written.
    """
    check_table_file(path)
    suffix = path.suffix.lower()
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        if suffix == ".parquet":
            arrow, parquet = _arrow()
            parquet.write_table(arrow.table({name: [row.get(name) for row in rows] for name in columns}), temporary)
        else:
            with temporary.open("x", encoding="utf-8", newline="") as file:
                _write_text(columns, rows, suffix, file)
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DmlError(f"cannot write {safe(path)}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], suffix: str, file: TextIO) -> None:
    if suffix == ".csv":
        write_csv(columns, rows, file)
    elif suffix == ".json":
        file.write(json.dumps([dict(row) for row in rows], indent=1) + "\n")
    else:
        file.writelines(json.dumps(dict(row)) + "\n" for row in rows)


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", hint="pip install pyarrow, or name the file .csv."
        ) from error


def _format(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
