"""Rows as a file for other programs: CSV, or Parquet where pyarrow is installed."""

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

__all__ = ["require_writer", "write_csv", "write_table"]


def require_writer(path: Path) -> None:
    """Refuse a file that could not be written for want of a library, before the rows are asked for.

    Raises:
        UsageError: pyarrow, which Parquet needs, is not installed.
    """
    if path.suffix == ".parquet":
        _arrow()


def write_csv(rows: Sequence[Mapping[str, Any]], file: TextIO) -> None:
    """Write rows as CSV with a header; lists and objects as JSON, None as nothing, booleans as true and false."""
    writer = csv.writer(file, lineterminator="\n")
    columns = list(rows[0]) if rows else []
    writer.writerow(columns)
    writer.writerows([_text(row.get(name)) for name in columns] for row in rows)


def write_table(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows to a file, as Parquet when its name ends in ``.parquet``, else as CSV. It appears whole or not at all.

    Raises:
        UsageError: pyarrow, which Parquet needs, is not installed.
        DmlError: The file cannot be written.
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        if path.suffix == ".parquet":
            _write_parquet(rows, temporary)
        else:
            with temporary.open("x", encoding="utf-8", newline="") as file:
                write_csv(rows, file)
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DmlError(f"{safe(path)} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    arrow, parquet = _arrow()
    parquet.write_table(arrow.Table.from_pylist([dict(row) for row in rows]), path)


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow", hint="pip install pyarrow, or write a file that ends in .csv."
        ) from error


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
