"""Asset tables: finding one by its name, and checking values of its metadata columns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.catalog.schema import Schema

__all__ = ["asset_table", "check_metadata"]


def asset_table(schema: Schema, name: str) -> Table:
    """The asset table of a name, ``Table`` or ``schema:Table``.

    Raises:
        NotFoundError: There is no table of that name; the hint lists similar names.
        UsageError: The table is not an asset table, or several schemas have an asset table of that name.
    """
    tables = [table for table in schema.tables.values() if name in (table.name, table.qualified_name)]
    assets = [table for table in tables if table.is_asset]
    if len(assets) == 1:
        return assets[0]
    if assets:
        raise UsageError(
            f"Several schemas have an asset table {safe(name)}",
            hint=f"Use {' or '.join(table.qualified_name for table in assets)}.",
        )
    names = sorted(table.name for table in schema.asset_tables())
    if tables:
        raise UsageError(f"{safe(name)} is not an asset table", hint=f"Asset tables are {', '.join(names)}.")
    similar = difflib.get_close_matches(name, names, 3, 0.5) or names[:5]
    raise NotFoundError(
        f"The catalog has no asset table {safe(name)}", hint=f"Similar: {', '.join(similar)}." if similar else ""
    )


def check_metadata(table: Table, metadata: Mapping[str, Any]) -> None:
    """Raise an error when the table lacks a column of the metadata.

    Raises:
        UsageError: A name is not a metadata column of the table; the hint lists the columns.
    """
    known = [column.name for column in table.metadata_columns]
    unknown = sorted(set(metadata) - set(known))
    if unknown:
        hint = f"Its metadata columns are {', '.join(known)}." if known else "It has no metadata columns."
        raise UsageError(f"{table.qualified_name} has no column {safe(', '.join(unknown))}", hint=hint)
