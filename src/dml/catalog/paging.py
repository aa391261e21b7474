"""One page of the rows at a path, and whether there are more: what lists show.

The rows of a page cost one request; what belongs to them (types, for example) one more, whatever their number.
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
"""Rows whose RIDs fit into one path; what belongs to more of them is read whole."""


def page(catalog: Catalog, path: str, *, sort: Sequence[str], limit: int | None) -> tuple[list[Row], bool]:
    """The first rows of an ``/entity/…`` path, and whether there are more; one request.

    Args:
        catalog: Where.
        path: The path, encoded, without sort and limit.
        sort: Column names, ``::desc::`` behind one turns it round; the last one must be unique.
        limit: The most rows; None for all.
    """
    keys = ",".join(
        quote(key.removesuffix("::desc::")) + ("::desc::" if key.endswith("::desc::") else "") for key in sort
    )
    asked = "" if limit is None else f"?limit={limit + 1}"
    rows = read(catalog, f"{path}@sort({keys}){asked}")
    return (rows, False) if limit is None else (rows[:limit], len(rows) > limit)


def narrowed(path: str, alias: str, steps: Sequence[tuple[str, str, str, object]]) -> str:
    """A path on which the rows of ``alias`` are those that associations say something about.

    Args:
        path: Begins with ``/entity/ALIAS:=…``.
        alias: The table that is kept.
        steps: Association table, its column that holds the RID, its column to look at, and the value wanted there.
    """
    for association, own, column, value in steps:
        path += f"/(RID)=({table_path(association)}:{quote(own)})/{condition(column, [value])}/${alias}"
    return path


def terms_of(catalog: Catalog, association: str, own: str, term: str, rids: Sequence[str]) -> dict[str, list[str]]:
    """The terms that an association table gives rows, by RID and sorted; one request, none for no rows."""
    if not rids:
        return {}
    where: dict[str, object] = {own: list(rids)} if len(rids) <= _NAMED else {}
    found: dict[str, list[str]] = {rid: [] for rid in rids}
    for row in select(catalog, association, where=where, columns=[own, term]):
        if str(row[own]) in found:
            found[str(row[own])].append(str(row[term]))
    return {rid: sorted(names) for rid, names in found.items()}
