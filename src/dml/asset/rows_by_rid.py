"""The rows of assets whose tables are not known, in a number of requests that does not grow with the assets.

A catalog has no query for many RIDs of unknown tables. With few asset tables each is asked for all RIDs at once; with
more, a few RIDs are looked up one by one, and the tables in which they are found are asked for the others first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, locate, select

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = ["AssetRow", "find_asset_rows"]

COLUMNS: Final = ("RID", "URL", "Filename", "Length", "MD5")
_FEW: Final = 3
_SELDOM: Final = frozenset({"deriva-ml:Execution_Metadata", "deriva-ml:File"})
"""Asset tables that runs seldom read from; asked only for what was found nowhere else."""


@dataclass(frozen=True)
class AssetRow:
    """An asset as the catalog holds it: its table, and URL, Filename, Length and MD5 of its row."""

    table: Table
    row: Row


def find_asset_rows(catalog: Catalog, rids: Sequence[str], expected: Collection[str]) -> dict[str, AssetRow]:
    """The assets among some RIDs; RIDs that are no assets are absent.

    Args:
        catalog: Where.
        rids: All RIDs that may be assets.
        expected: Those that should be; only for these all asset tables are asked.
    """
    if not rids:
        return {}
    tables = {table.qualified_name: table for table in catalog.schema().asset_tables()}
    usual = [table for name, table in tables.items() if name not in _SELDOM]
    first = usual if len(usual) <= _FEW else _tables_of_some(catalog, rids, tables)
    found = _rows(catalog, first, rids)
    missing = [rid for rid in rids if rid not in found and rid in expected]
    if missing:
        asked = {table.qualified_name for table in first}
        found |= _rows(catalog, [table for name, table in tables.items() if name not in asked], missing)
    return found


def _tables_of_some(catalog: Catalog, rids: Sequence[str], tables: dict[str, Table]) -> list[Table]:
    some = dict.fromkeys([rids[0], rids[len(rids) // 2], rids[-1]])
    names = {location.qualified_name for location in locate(catalog, some).values()}
    return [table for name, table in tables.items() if name in names]


def _rows(catalog: Catalog, tables: Sequence[Table], rids: Sequence[str]) -> dict[str, AssetRow]:
    calls = [
        partial(select, catalog, table.qualified_name, where={"RID": list(rids)}, columns=COLUMNS) for table in tables
    ]
    parts = zip(tables, gather(calls), strict=True)
    return {str(row["RID"]): AssetRow(table, row) for table, rows in parts for row in rows}
