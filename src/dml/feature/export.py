"""Features as a list shows them, and their values written into files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.errors import DmlError, UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.schema import Feature
    from dml.feature.values import ValueTable

__all__ = ["as_csv", "describe_feature", "write_values"]


def describe_feature(feature: Feature) -> dict[str, Any]:
    """A feature's definition as JSON values."""
    terms, assets = feature.term_columns, feature.asset_columns
    return {
        "name": feature.name or feature.table.name,
        "target": feature.target.qualified_name,
        "table": feature.table.qualified_name,
        "comment": feature.table.comment,
        "columns": [
            {
                "name": one.name,
                "type": one.type,
                "optional": one.nullok,
                "terms_of": terms.get(one.name),
                "asset_of": assets.get(one.name),
            }
            for one in feature.value_columns
        ],
    }


def as_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """The rows as CSV with a header (RFC 4180, lines end in a newline)."""
    out = StringIO()
    writer = csv.DictWriter(out, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_values(table: ValueTable, path: Path) -> None:
    """Write values into a file, by its suffix: ``.csv``, ``.json``, ``.jsonl`` or ``.parquet``.

    Raises:
        UsageError: The suffix is another, or Parquet is asked for and pyarrow is not installed.
        DmlError: The file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".json", ".jsonl", ".parquet"):
        raise UsageError(f"{safe(path)} has no known suffix", hint="Name it .csv, .json, .jsonl or .parquet.")
    try:
        if kind == ".parquet":
            _write_parquet(table, path)
        elif kind == ".csv":
            path.write_text(as_csv(table.columns, table.rows), encoding="utf-8")
        elif kind == ".json":
            path.write_text(json.dumps(list(table.rows), indent=1) + "\n", encoding="utf-8")
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in table.rows), encoding="utf-8")
    except OSError as error:
        raise DmlError(f"{safe(path)} cannot be written: {error.strerror}") from error


def _write_parquet(table: ValueTable, path: Path) -> None:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", hint="pip install pyarrow, or name the file .csv."
        ) from error
    parquet.write_table(arrow.table({name: [row[name] for row in table.rows] for name in table.columns}), str(path))
