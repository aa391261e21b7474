"""Features as a list shows them, and their values as rows of a table, ready for a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.catalog.paging import page
from dml.catalog.url import condition, table_path
from dml.errors import DmlError, UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Feature

__all__ = ["SELECTORS", "ValueTable", "columns_of", "describe_feature", "read_value_table", "write_values"]

SELECTORS = ("newest", "first", "all")
"""Which value counts where a row has several."""


@dataclass(frozen=True)
class ValueTable:
    """Values of a feature as rows.

    Attributes:
        columns: The described row's column, those of the value, Execution and RCT.
        rows: By the described row and age.
        more: Whether there are more than were asked for.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    more: bool


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


def columns_of(feature: Feature) -> tuple[str, ...]:
    """The columns of a feature's values as they are shown and written."""
    return (feature.target_column, *(one.name for one in feature.value_columns), "Execution", "RCT")


def read_value_table(
    catalog: Catalog,
    feature: Feature,
    *,
    selector: str = "all",
    executions: Sequence[str] = (),
    limit: int | None = None,
) -> ValueTable:
    """The values of a feature as the catalog has them now; one request.

    Args:
        catalog: Where.
        feature: The feature.
        selector: ``newest`` or ``first`` of each described row, or ``all``.
        executions: Only values that these gave; the server chooses.
        limit: The most rows; None for all. With a selector all values are read, since any may be the one.

    Raises:
        UsageError: The selector is unknown.
    """
    if selector not in SELECTORS:
        raise UsageError(f"{safe(selector)} is no selector", hint=f"Use {', '.join(SELECTORS)}.")
    path = f"/entity/{table_path(feature.table.qualified_name)}"
    if executions:
        path += f"/{condition('Execution', list(executions))}"
    target = feature.target_column
    asked = limit if selector == "all" else None
    found, more = page(catalog, path, sort=(target, "RCT", "RID"), limit=asked)
    if selector != "all":
        chosen: dict[str, dict[str, Any]] = {}
        for row in found:  # the oldest first in each described row
            if selector == "newest" or row[target] not in chosen:
                chosen[row[target]] = row
        found = list(chosen.values())
        more = limit is not None and len(found) > limit
        found = found[:limit]
    columns = columns_of(feature)
    return ValueTable(columns, tuple({name: row.get(name) for name in columns} for row in found), more)


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
        UsageError: The suffix is another, or Parquet is asked for and neither pyarrow nor pandas can write it.
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
