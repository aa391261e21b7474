"""Lists of assets by table, type and execution, the newest first.

A list costs two requests a table, whatever the number of its rows; the requests of all tables are sent in parallel.
ERMrest has no union that would need fewer; see ``docs/adr/0006-assets-of-all-tables.md``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dml.asset.associations import execution_association, type_association
from dml.asset.lookup import Asset, with_types
from dml.asset.tables import asset_table
from dml.catalog.concurrency import gather
from dml.catalog.paging import narrowed, page
from dml.catalog.rows import Row
from dml.catalog.url import condition, quote, table_path
from dml.workspace.times import parse_time

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = ["list_assets"]

_PARALLEL_REQUESTS = 16
"""Catalogs have few asset tables, and the time of a list is the number of requests in sequence."""


def list_assets(
    catalog: Catalog,
    *,
    table: str | None = None,
    asset_type: str | None = None,
    execution: str | None = None,
    role: str | None = None,
    limit: int | None = None,
) -> tuple[list[Asset], bool]:
    """Assets, the newest first, and whether there are more than ``limit``.

    One request for each table, and one more, for the types, for each table of which assets are returned: two requests
    in sequence for up to 16 tables.

    Args:
        catalog: The catalog.
        table: Only assets of this table, ``Table`` or ``schema:Table``.
        asset_type: Only assets of this type, spelled as the term.
        execution: Only inputs and outputs of this execution.
        role: ``Input`` or ``Output``: only assets with this role in the execution, or in any execution.
        limit: How many assets at most; None for all.

    Raises:
        NotFoundError: There is no such table.
        UsageError: The table is not an asset table.
    """
    schema = catalog.schema()
    tables = [asset_table(schema, table)] if table is not None else list(schema.asset_tables())
    calls = [partial(_page, catalog, one, asset_type, execution, role, limit) for one in tables]
    pages = gather(calls, at_once=_PARALLEL_REQUESTS)
    pairs = [(one, row) for one, (rows, _) in zip(tables, pages, strict=True) for row in rows]
    if len(tables) > 1:
        pairs.sort(key=lambda pair: str(pair[1]["RID"]))
        pairs.sort(key=lambda pair: _created(pair[1]), reverse=True)
    returned = pairs[:limit]
    by_table: dict[str, tuple[Table, list[Row]]] = {}
    for one, row in returned:
        by_table.setdefault(one.qualified_name, (one, []))[1].append(row)
    calls_for_types = [partial(with_types, catalog, one, rows) for one, rows in by_table.values()]
    assets = {asset.rid: asset for part in gather(calls_for_types, at_once=_PARALLEL_REQUESTS) for asset in part}
    more = len(pairs) > len(returned) or any(more for _, more in pages)
    return [assets[str(row["RID"])] for _, row in returned], more


def _created(row: Row) -> float:
    created = parse_time(str(row.get("RCT") or ""))
    return created.timestamp() if created is not None else 0.0


def _page(
    catalog: Catalog,
    table: Table,
    asset_type: str | None,
    execution: str | None,
    role: str | None,
    limit: int | None,
) -> tuple[list[Row], bool]:
    """The newest rows of one table, and whether there are more; none when it lacks a needed association."""
    steps: list[tuple[str, str, str, object]] = []
    if asset_type is not None:
        types = type_association(catalog.schema(), table)
        if types is None:
            return [], False
        steps.append((types.table, types.asset_column, types.other_column, asset_type))
    path = narrowed(f"/entity/A:={table_path(table.qualified_name)}", "A", steps)
    if execution is not None or role is not None:
        executions = execution_association(catalog.schema(), table)
        if executions is None:
            return [], False
        filters = [(executions.other_column, execution), ("Asset_Role", role)]
        conditions = "/".join(condition(name, [value]) for name, value in filters if value is not None)
        path += f"/(RID)=({table_path(executions.table)}:{quote(executions.asset_column)})/{conditions}/$A"
    return page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)
