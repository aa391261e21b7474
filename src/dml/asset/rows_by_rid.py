"""The rows of assets whose tables are not known, in a number of requests that does not depend on the number of assets.

A catalog has no query for many RIDs of unknown tables. With few asset tables, each is queried for all RIDs at once;
with more, a few RIDs are located one by one, and the tables in which they are found are queried first.
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

__all__ = ["CatalogAsset", "find_asset_rows"]

_COLUMNS: Final = ("RID", "URL", "Filename", "Length", "MD5")
_FEW_TABLES: Final = 3
_RARE_TABLES: Final = frozenset({"deriva-ml:Execution_Metadata", "deriva-ml:File"})
"""Asset tables that runs rarely read from; queried only for RIDs that are in no other table."""


@dataclass(frozen=True)
class CatalogAsset:
    """An asset of the catalog: its table, and RID, URL, Filename, Length and MD5 of its row."""

    table: Table
    row: Row


def find_asset_rows(catalog: Catalog, rids: Sequence[str], expected: Collection[str]) -> dict[str, CatalogAsset]:
    """The assets among some RIDs; RIDs that do not belong to assets are absent.

    Args:
        catalog: The catalog.
        rids: All RIDs that may be assets.
        expected: Those that should be assets; only for these all asset tables are queried.
    """
    if not rids:
        return {}
    tables = {table.qualified_name: table for table in catalog.schema().asset_tables()}
    common = [table for name, table in tables.items() if name not in _RARE_TABLES]
    first = common if len(common) <= _FEW_TABLES else _tables_of_sample(catalog, rids, tables)
    assets = _rows(catalog, first, rids)
    missing = [rid for rid in rids if rid not in assets and rid in expected]
    if missing:
        queried = {table.qualified_name for table in first}
        assets |= _rows(catalog, [table for name, table in tables.items() if name not in queried], missing)
    return assets


def _tables_of_sample(catalog: Catalog, rids: Sequence[str], tables: dict[str, Table]) -> list[Table]:
    sample = dict.fromkeys([rids[0], rids[len(rids) // 2], rids[-1]])
    names = {location.qualified_name for location in locate(catalog, sample).values()}
    return [table for name, table in tables.items() if name in names]


def _rows(catalog: Catalog, tables: Sequence[Table], rids: Sequence[str]) -> dict[str, CatalogAsset]:
    calls = [
        partial(select, catalog, table.qualified_name, where={"RID": list(rids)}, columns=_COLUMNS) for table in tables
    ]
    parts = zip(tables, gather(calls), strict=True)
    return {str(row["RID"]): CatalogAsset(table, row) for table, rows in parts for row in rows}
