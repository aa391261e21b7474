"""Assets and executions: what an execution read and wrote, and who read and wrote an asset.

Reading only; requests grow with the number of asset tables, never with rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.asset.lookup import Asset, assets_by_rid, execution_link
from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, read, select
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, quote, table_path

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = ["AssetEdge", "asset_edges", "consumers", "edge_tables"]


@dataclass(frozen=True)
class AssetEdge(Asset):
    """An asset that an execution read or wrote.

    Attributes:
        role: ``Input`` or ``Output``.
    """

    role: str


def asset_edges(catalog: Catalog, rid: str, role: str | None = None) -> list[AssetEdge]:
    """The assets that an execution read and wrote, by table and file name.

    Args:
        catalog: Where.
        rid: The execution.
        role: Only in this role.
    """
    calls, tables = [], []
    for table, edges, asset_column, execution_column in edge_tables(catalog):
        where: dict[str, object] = {execution_column: rid}
        if role is not None:
            where["Asset_Role"] = role
        calls.append(partial(select, catalog, edges.qualified_name, where=where))
        tables.append((table, asset_column))
    roles = [
        (table, {str(row[column]): str(row["Asset_Role"]) for row in rows})
        for (table, column), rows in zip(tables, gather(calls), strict=True)
        if rows
    ]
    assets = gather([partial(assets_by_rid, catalog, table, list(of)) for table, of in roles])
    found = [
        AssetEdge(**vars(asset), role=of[asset.rid])
        for (_, of), part in zip(roles, assets, strict=True)
        for asset in part
    ]
    return sorted(found, key=lambda one: (one.table, one.filename, one.rid))


def consumers(catalog: Catalog, table: str, rid: str, role: str | None = None) -> list[Row]:
    """The rows of the executions that read or wrote an asset; one request.

    Args:
        catalog: Where.
        table: The asset's table, ``schema:Table``.
        rid: The asset.
        role: Only those that had it in this role.
    """
    for asset, edges, asset_column, execution_column in edge_tables(catalog):
        if asset.qualified_name == table:
            chosen = f"/{condition('Asset_Role', [role])}" if role is not None else ""
            path = f"/entity/{table_path(edges.qualified_name)}/{condition(asset_column, [rid])}{chosen}"
            return read(catalog, f"{path}/({quote(execution_column)})=({table_path(EXECUTION)}:RID)")
    return []


def edge_tables(catalog: Catalog) -> list[tuple[Table, Table, str, str]]:
    """Each asset table that executions refer to, its association, and there the columns of asset and execution."""
    schema = catalog.schema()
    found = []
    for table in schema.asset_tables():
        link = execution_link(catalog, table)
        if link is not None:
            association, asset_column, execution_column = link
            found.append((table, schema.tables[association], asset_column, execution_column))
    return found
