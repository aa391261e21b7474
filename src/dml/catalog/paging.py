"""One page of rows for a list, and whether there are more.

The rows cost one request; the terms that belong to them (types, for example) one more, whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dml.catalog.read_rows import Row, read, select
from dml.catalog.url import condition, quote, table_path

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["narrowed", "page", "terms_of"]

_NAMED = 200
"""The number of RIDs that fit into one path; for more rows the whole association is read."""


def page(catalog: Catalog, path: str, *, sort: Sequence[str], limit: int | None) -> tuple[list[Row], bool]:
    """The first rows of an ``/entity/…`` path, and whether there are more. Sends one request.

    Args:
        catalog: The catalog.
        path: The path, encoded, without sort and limit.
        sort: Column names, followed by ``::desc::`` for descending order; the last one must be unique.
        limit: The greatest number of rows; None for all.
    """
    keys = ",".join(
        quote(key.removesuffix("::desc::")) + ("::desc::" if key.endswith("::desc::") else "") for key in sort
    )
    query = "" if limit is None else f"?limit={limit + 1}"
    rows = read(catalog, f"{path}@sort({keys}){query}")
    return (rows, False) if limit is None else (rows[:limit], len(rows) > limit)


def narrowed(path: str, alias: str, steps: Sequence[tuple[str, str, str, object]]) -> str:
    """A path whose rows of ``alias`` are filtered by the values of association tables.

    Args:
        path: Begins with ``/entity/ALIAS:=…``.
        alias: The alias of the table whose rows are returned.
        steps: For each filter: association table, its column with the row's RID, the column to compare, and the value.
    """
    for association, own, column, value in steps:
        path += f"/(RID)=({table_path(association)}:{quote(own)})/{condition(column, [value])}/${alias}"
    return path


def terms_of(catalog: Catalog, association: str, own: str, term: str, rids: Sequence[str]) -> dict[str, list[str]]:
    """The terms that an association table gives to rows, by RID and sorted. Sends one request, or none for no rows."""
    if not rids:
        return {}
    where: dict[str, object] = {own: list(rids)} if len(rids) <= _NAMED else {}
    terms: dict[str, list[str]] = {rid: [] for rid in rids}
    for row in select(catalog, association, where=where, columns=[own, term]):
        if str(row[own]) in terms:
            terms[str(row[own])].append(str(row[term]))
    return {rid: sorted(names) for rid, names in terms.items()}
