"""Asset tables: finding one by its name, and the columns of its own that a file may have values for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.model import Table

__all__ = ["asset_table", "check_metadata"]


def asset_table(tables: Iterable[Table], name: str) -> Table:
    """The asset table of a name, ``Table`` or ``schema:Table``.

    Raises:
        NotFoundError: There is none; the nearest names are in the hint.
        UsageError: Several schemas have one.
    """
    import difflib

    there = [table for table in tables if table.is_asset]
    found = [table for table in there if name in (table.name, table.qualified_name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"Several schemas have an asset table {safe(name)}",
            hint=f"Write {' or '.join(t.qualified_name for t in found)}.",
        )
    names = [table.name for table in there]
    near = difflib.get_close_matches(name, names, 3, 0.5) or sorted(names)[:5]
    raise NotFoundError(
        f"The catalog has no asset table {safe(name)}", hint=f"Nearest: {', '.join(near)}." if near else ""
    )


def check_metadata(table: Table, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that the table has no column for.

    Raises:
        UsageError: A name is no column of the table; those there are are listed.
    """
    known = [column.name for column in table.metadata_columns]
    unknown = sorted(set(metadata) - set(known))
    if unknown:
        there = f"Its own columns are {', '.join(known)}." if known else "It has no columns of its own."
        raise UsageError(f"{table.qualified_name} has no column {safe(', '.join(unknown))}", hint=there)
