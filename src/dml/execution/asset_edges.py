"""Assets and executions: what an execution read and wrote, who read and wrote an asset, and the assets themselves.

Reading only; requests grow with the number of asset tables, never with rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, read, select
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, quote, table_path
from dml.errors import UsageError
from dml.execution.configuration import AssetSpec
from dml.execution.resolving import resolve_assets

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = ["Asset", "AssetEdge", "asset_edges", "consumers", "edge_tables", "find_assets", "lookup_asset"]


@dataclass(frozen=True)
class Asset:
    """A file known to the catalog.

    Attributes:
        rid: Its row.
        table: Its table, ``schema:Table``.
        filename: As the catalog has it.
        length: Bytes.
        md5: Hexadecimal.
        url: Where its bytes are.
        description: Markdown.
        types: Its asset types, sorted.
        metadata: Values of the table's own columns.
    """

    rid: str
    table: str
    filename: str
    length: int | None
    md5: str | None
    url: str
    description: str
    types: tuple[str, ...]
    metadata: Mapping[str, object]

    @property
    def asset_rid(self) -> str:
        """Its row, by deriva-ml's name."""
        return self.rid

    @property
    def asset_table(self) -> str:
        """The bare name of its table."""
        return self.table.rpartition(":")[2]

    @property
    def asset_types(self) -> list[str]:
        """Its asset types, by deriva-ml's name."""
        return list(self.types)


@dataclass(frozen=True)
class AssetEdge(Asset):
    """An asset that an execution read or wrote.

    Attributes:
        role: ``Input`` or ``Output``.
    """

    role: str


def lookup_asset(catalog: Catalog, rid: str) -> Asset:
    """One asset by its RID.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: It is a row of something else.
    """
    found = resolve_assets(catalog, [AssetSpec(rid)])[0]
    return _with_rows(catalog, found.table, where={"RID": found.rid})[0]


def find_assets(catalog: Catalog, table: str | None = None, *, asset_type: str | None = None) -> list[Asset]:
    """The assets of a table, of all asset tables when None, by table and file name; two requests a table.

    Args:
        catalog: Where.
        table: ``schema:Table`` or the bare name.
        asset_type: Only those of this type.

    Raises:
        NotFoundError: There is no such table.
        UsageError: It is no asset table.
    """
    schema = catalog.schema()
    tables = [schema.table(table)] if table is not None else list(schema.asset_tables())
    if table is not None and not tables[0].is_asset:
        names = ", ".join(sorted(one.name for one in schema.asset_tables()))
        raise UsageError(f"{table} is not an asset table", hint=f"Asset tables are {names}.")
    parts = gather([partial(_with_rows, catalog, one, {}) for one in tables])
    found = [asset for part in parts for asset in part if asset_type is None or asset_type in asset.types]
    return sorted(found, key=lambda one: (one.table, one.filename, one.rid))


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
    assets = gather([partial(_with_rows, catalog, table, {"RID": list(of)}) for table, of in roles])
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
        edges = schema.asset_execution_table(table)
        asset_key = edges.reference_to(table.qualified_name) if edges else None
        execution_key = edges.reference_to(EXECUTION) if edges else None
        if edges is not None and asset_key is not None and execution_key is not None:
            found.append((table, edges, asset_key.columns[0], execution_key.columns[0]))
    return found


def _with_rows(catalog: Catalog, table: Table, where: Mapping[str, object]) -> list[Asset]:
    """The assets that fulfil a condition on their RID, with their types; two requests at the same time."""
    name = table.qualified_name
    types_table = catalog.schema().asset_type_table(table)
    key = types_table.reference_to(name) if types_table else None
    calls = [partial(select, catalog, name, where=where)]
    if types_table is not None and key is not None:
        of_types = {key.columns[0]: where["RID"]} if where else {}
        calls.append(partial(select, catalog, types_table.qualified_name, where=of_types))
    rows, *rest = gather(calls)
    types: dict[str, list[str]] = {}
    for one in rest[0] if rest and key is not None else ():
        types.setdefault(str(one[key.columns[0]]), []).append(str(one["Asset_Type"]))  # type: ignore[union-attr]
    own = [column.name for column in table.metadata_columns]
    return [_asset(name, row, types.get(str(row["RID"]), ()), own) for row in rows]


def _asset(table: str, row: Row, types: Sequence[str], own: Sequence[str]) -> Asset:
    return Asset(
        rid=str(row["RID"]),
        table=table,
        filename=str(row.get("Filename") or ""),
        length=row.get("Length"),
        md5=row.get("MD5"),
        url=str(row["URL"]),
        description=str(row.get("Description") or ""),
        types=tuple(sorted(types)),
        metadata={name: row.get(name) for name in own},
    )
