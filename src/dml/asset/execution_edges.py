"""Which assets an execution read and wrote, and which executions read or wrote an asset. Only reads.

The number of requests grows with the number of asset tables, never with rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.asset.associations import execution_association, execution_associations
from dml.asset.lookup import Asset, assets_by_rid, table_of_asset
from dml.catalog.concurrency import gather
from dml.catalog.paging import page
from dml.catalog.rows import Row, locate, read, select
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, quote, table_path
from dml.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["AssetEdge", "AssetUse", "asset_edges", "check_execution", "consumers", "page_of_uses"]


@dataclass(frozen=True)
class AssetEdge(Asset):
    """An asset that an execution read or wrote.

    Attributes:
        role: ``Input`` or ``Output``.
    """

    role: str


@dataclass(frozen=True)
class AssetUse:
    """An execution that read or wrote an asset.

    Attributes:
        rid: RID of the execution.
        role: ``Input`` or ``Output``.
        status: Its status, verbatim.
        workflow: RID of its workflow.
        description: Description of the execution, Markdown.
        created: Creation time of the execution's row, as the catalog writes it.
    """

    rid: str
    role: str
    status: str | None
    workflow: str | None
    description: str
    created: str


def asset_edges(catalog: Catalog, rid: str, role: str | None = None) -> list[AssetEdge]:
    """The assets that an execution read and wrote, ordered by table and file name.

    Args:
        catalog: The catalog.
        rid: The execution.
        role: Only assets with this role, ``Input`` or ``Output``.
    """
    associations = execution_associations(catalog.schema())
    calls = []
    for association in associations:
        where: dict[str, object] = {association.other_column: rid}
        if role is not None:
            where["Asset_Role"] = role
        calls.append(partial(select, catalog, association.table, where=where))
    roles = [
        (association.asset, {str(row[association.asset_column]): str(row["Asset_Role"]) for row in rows})
        for association, rows in zip(associations, gather(calls), strict=True)
        if rows
    ]
    assets = gather([partial(assets_by_rid, catalog, table, list(by_rid)) for table, by_rid in roles])
    edges = [
        AssetEdge(**vars(asset), role=by_rid[asset.rid])
        for (_, by_rid), part in zip(roles, assets, strict=True)
        for asset in part
    ]
    return sorted(edges, key=lambda edge: (edge.table, edge.filename, edge.rid))


def consumers(catalog: Catalog, table: str, rid: str, role: str | None = None) -> list[Row]:
    """The rows of the executions that read or wrote an asset; one request.

    Args:
        catalog: The catalog.
        table: The asset's table, ``schema:Table``.
        rid: The asset.
        role: Only executions in which it has this role.
    """
    asset = catalog.schema().tables.get(table)
    association = execution_association(catalog.schema(), asset) if asset is not None and asset.is_asset else None
    if association is None:
        return []
    role_condition = f"/{condition('Asset_Role', [role])}" if role is not None else ""
    path = f"/entity/{table_path(association.table)}/{condition(association.asset_column, [rid])}{role_condition}"
    return read(catalog, f"{path}/({quote(association.other_column)})=({table_path(EXECUTION)}:RID)")


def page_of_uses(
    catalog: Catalog, rid: str, role: str | None = None, limit: int | None = None
) -> tuple[list[AssetUse], bool]:
    """The executions that read or wrote an asset, the oldest first, and whether there are more; two requests.

    Args:
        catalog: The catalog.
        rid: The asset.
        role: Only executions in which it has this role, ``Input`` or ``Output``.
        limit: How many at most; None for all.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: The row is not an asset.
    """
    association = execution_association(catalog.schema(), table_of_asset(catalog, rid))
    if association is None:
        return [], False
    role_condition = f"/{condition('Asset_Role', [role])}" if role is not None else ""
    path = (
        f"/attribute/L:={table_path(association.table)}/{condition(association.asset_column, [rid])}{role_condition}"
        f"/E:=({quote(association.other_column)})=({table_path(EXECUTION)}:RID)"
        "/role:=L:Asset_Role,RID,Status,Workflow,Description,RCT"
    )
    rows, more = page(catalog, path, sort=("RCT", "RID"), limit=limit)
    uses = [
        AssetUse(
            rid=str(row["RID"]),
            role=str(row["role"]),
            status=row.get("Status"),
            workflow=row.get("Workflow"),
            description=str(row.get("Description") or ""),
            created=str(row.get("RCT") or ""),
        )
        for row in rows
    ]
    return uses, more


def check_execution(catalog: Catalog, rid: str) -> None:
    """Raise an error when a RID does not belong to an execution; one request.

    Raises:
        NotFoundError: There is no such row.
        UsageError: The row is not an execution.
    """
    location = locate(catalog, [rid]).get(rid)
    if location is None or location.deleted:
        raise NotFoundError(f"No execution {rid} in {catalog.target}", hint="Check the RID; dml exec list.")
    if location.qualified_name != EXECUTION:
        raise UsageError(f"{rid} is a row of {location.table}, not an execution")
