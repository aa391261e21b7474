"""Assets of the catalog by table, type and execution, a page at a time, and the executions that used one.

A list costs two requests a table, whatever the number of its rows; those of all tables go out together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dml.catalog.concurrency import gather
from dml.catalog.paging import narrowed, page, terms_of
from dml.catalog.rows import Row, locate, select, validate_rid
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, quote, table_path
from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workspace.times import parse_time

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = [
    "Asset",
    "AssetUse",
    "asset_table",
    "assets_by_rid",
    "check_execution",
    "execution_link",
    "find_asset",
    "list_assets",
    "page_of_uses",
    "uses_of_asset",
]


_AT_ONCE = 16
"""Tables that are asked at the same time. A catalog has few, and what a user waits for are the rounds."""


@dataclass(frozen=True)
class Asset:
    """A file known to the catalog.

    Attributes:
        rid: RID of the asset.
        table: Its table, ``schema:Table``.
        filename: As the catalog has it.
        length: Length of the file, in bytes.
        md5: MD5 checksum of the file, hexadecimal.
        url: Where its bytes are.
        description: Description of the asset, Markdown.
        types: Terms of Asset_Type, sorted.
        metadata: Values of the table's own columns.
        created: Time of the row, as the catalog writes it.
    """

    rid: str
    table: str
    filename: str
    length: int | None
    md5: str | None
    url: str
    description: str
    types: tuple[str, ...]
    metadata: Mapping[str, Any]
    created: str

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

    def to_mapping(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**vars(self), "types": list(self.types), "metadata": dict(self.metadata)}


@dataclass(frozen=True)
class AssetUse:
    """An execution that read or wrote an asset.

    Attributes:
        rid: RID of the execution.
        role: ``Input`` or ``Output``.
        status: Its status, verbatim.
        workflow: RID of its workflow.
        description: Description of the asset, Markdown.
        created: Time of the execution's row.
    """

    rid: str
    role: str
    status: str | None
    workflow: str | None
    description: str
    created: str


def asset_table(catalog: Catalog, name: str) -> Table:
    """An asset table by its name or ``schema:Table``.

    Raises:
        NotFoundError: There is no such table; the nearest names are told.
        UsageError: It holds no files.
    """
    table = catalog.schema().table(name)
    if not table.is_asset:
        names = ", ".join(sorted(one.name for one in catalog.schema().asset_tables()))
        raise UsageError(f"{safe(name)} is not a table of files", hint=f"Asset tables are {names}.")
    return table


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

    One request for each table and one more, for the types, for each table of which assets are shown. The first kind
    goes out together, then the second: two in sequence for up to 16 tables, whatever the number of rows.
    ERMrest has no union that would need fewer; see ``docs/adr/0006-assets-of-all-tables.md``.

    Args:
        catalog: Where.
        table: Only of this table, by its name or ``schema:Table``.
        asset_type: Only of this type, spelled as the term is.
        execution: Only those that this execution read or wrote.
        role: ``Input`` or ``Output``: what the execution did with it, or, without one, what any execution did.
        limit: The most; None for all.
    """
    chosen = [asset_table(catalog, table)] if table is not None else list(catalog.schema().asset_tables())
    calls = [partial(_page, catalog, one, asset_type, execution, role, limit) for one in chosen]
    pages = gather(calls, at_once=_AT_ONCE)
    found = [(one, row) for one, (rows, _) in zip(chosen, pages, strict=True) for row in rows]
    if len(chosen) > 1:
        found.sort(key=lambda pair: str(pair[1]["RID"]))
        found.sort(key=lambda pair: _moment(pair[1]), reverse=True)
    shown = found[:limit]
    parts: dict[str, tuple[Table, list[Row]]] = {}
    for one, row in shown:
        parts.setdefault(one.qualified_name, (one, []))[1].append(row)
    typed = gather([partial(_with_types, catalog, one, rows) for one, rows in parts.values()], at_once=_AT_ONCE)
    by_rid = {asset.rid: asset for part in typed for asset in part}
    more = len(found) > len(shown) or any(cut for _, cut in pages)
    return [by_rid[str(row["RID"])] for _, row in shown], more


def _moment(row: Row) -> float:
    created = parse_time(str(row.get("RCT") or ""))
    return created.timestamp() if created is not None else 0.0


def check_execution(catalog: Catalog, rid: str) -> None:
    """Refuse a RID that is no execution; one request.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is a row of something else.
    """
    place = locate(catalog, [rid]).get(rid)
    if place is None or place.deleted:
        raise NotFoundError(f"No execution {rid} in {catalog.target}", hint="Check the RID; dml exec list.")
    if place.qualified_name != EXECUTION:
        raise UsageError(f"{rid} is a row of {place.table}, not an execution")


def find_asset(catalog: Catalog, rid: str) -> Asset:
    """One asset by its RID; three requests.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: It is a row of something else.
    """
    table = _table_of(catalog, rid)
    rows = select(catalog, table.qualified_name, where={"RID": rid})
    if not rows:
        raise NotFoundError(f"{rid} was deleted from {table.name} a moment ago")
    return _with_types(catalog, table, rows)[0]


def assets_by_rid(catalog: Catalog, table: Table, rids: Sequence[str]) -> list[Asset]:
    """The assets of one table that have these RIDs; those that are gone are left out. Two requests."""
    rows = select(catalog, table.qualified_name, where={"RID": list(rids)})
    return _with_types(catalog, table, rows)


def uses_of_asset(catalog: Catalog, rid: str, role: str | None = None) -> list[AssetUse]:
    """The executions that read or wrote an asset, the oldest first; as ``page_of_uses``, all of them."""
    return page_of_uses(catalog, rid, role)[0]


def page_of_uses(
    catalog: Catalog, rid: str, role: str | None = None, limit: int | None = None
) -> tuple[list[AssetUse], bool]:
    """The executions that read or wrote an asset, the oldest first, and whether there are more; two requests.

    Args:
        catalog: Where.
        rid: The asset.
        role: Only in this role, ``Input`` or ``Output``.
        limit: The most; None for all.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: It is a row of something else.
    """
    table = _table_of(catalog, rid)
    link = execution_link(catalog, table)
    if link is None:
        return [], False
    association, own, execution = link
    chosen = f"/{condition('Asset_Role', [role])}" if role is not None else ""
    path = (
        f"/attribute/L:={table_path(association)}/{condition(own, [rid])}{chosen}"
        f"/E:=({quote(execution)})=({table_path(EXECUTION)}:RID)"
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


def _table_of(catalog: Catalog, rid: str) -> Table:
    place = locate(catalog, [validate_rid(rid)]).get(rid)
    if place is None:
        raise NotFoundError(f"No row {rid} in {catalog.target}", hint="Check the RID; dml asset list TABLE.")
    if place.deleted:
        raise NotFoundError(f"{rid} was a row of {place.table} and is deleted")
    table = catalog.schema().tables.get(place.qualified_name)
    if table is None or not table.is_asset:
        raise UsageError(f"{rid} is a row of {place.table}, not an asset")
    return table


def _page(
    catalog: Catalog,
    table: Table,
    asset_type: str | None,
    execution: str | None,
    role: str | None,
    limit: int | None,
) -> tuple[list[Row], bool]:
    steps: list[tuple[str, str, str, object]] = []
    if asset_type is not None:
        link = _type_link(catalog, table)
        if link is None:
            return [], False
        steps.append((*link, "Asset_Type", asset_type))
    path = narrowed(f"/entity/A:={table_path(table.qualified_name)}", "A", steps)
    if execution is not None or role is not None:
        used = execution_link(catalog, table)
        if used is None:
            return [], False
        association, own, column = used
        wanted = [(column, execution), ("Asset_Role", role)]
        conditions = "/".join(condition(name, [value]) for name, value in wanted if value is not None)
        path += f"/(RID)=({table_path(association)}:{quote(own)})/{conditions}/$A"
    return page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)


def execution_link(catalog: Catalog, table: Table) -> tuple[str, str, str] | None:
    """The association of an asset table with executions, its column of the asset and that of the execution."""
    association = catalog.schema().asset_execution_table(table)
    own = association.reference_to(table.qualified_name) if association else None
    execution = association.reference_to(EXECUTION) if association else None
    if association is None or own is None or execution is None:
        return None
    return association.qualified_name, own.columns[0], execution.columns[0]


def _type_link(catalog: Catalog, table: Table) -> tuple[str, str] | None:
    """The association of an asset table with its types, and its column of the asset."""
    association = catalog.schema().asset_type_table(table)
    own = association.reference_to(table.qualified_name) if association else None
    return (association.qualified_name, own.columns[0]) if association is not None and own is not None else None


def _with_types(catalog: Catalog, table: Table, rows: Sequence[Row]) -> list[Asset]:
    link = _type_link(catalog, table)
    rids = [str(row["RID"]) for row in rows]
    types = terms_of(catalog, *link, "Asset_Type", rids) if link is not None else {}
    own = [column.name for column in table.metadata_columns]
    return [
        Asset(
            rid=str(row["RID"]),
            table=table.qualified_name,
            filename=str(row.get("Filename") or ""),
            length=row.get("Length"),
            md5=row.get("MD5"),
            url=str(row.get("URL") or ""),
            description=str(row.get("Description") or ""),
            types=tuple(types.get(str(row["RID"]), ())),
            metadata={name: row.get(name) for name in own},
            created=str(row.get("RCT") or ""),
        )
        for row in rows
    ]
