"""Assets of the catalog by table, type and execution, a page at a time; who used one; fetching them, verified.

A list costs two requests a table, whatever the number of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.catalog.concurrency import gather
from dml.catalog.objects import download
from dml.catalog.paging import narrowed, page, terms_of
from dml.catalog.rows import Row, locate, read, select, validate_rid
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, quote, table_path
from dml.errors import NotFoundError, UsageError
from dml.execution.hashing import digest
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.files import disk_errors, make_directory
from dml.workspace.layout import safe_file_name

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = ["AssetRow", "AssetUse", "download_assets", "find_asset", "list_assets", "uses_of_asset"]


@dataclass(frozen=True)
class AssetRow:
    """A file known to the catalog.

    Attributes:
        rid: RID.
        table: Its table, ``schema:Table``.
        filename: As the catalog has it.
        length: Bytes.
        md5: Hexadecimal.
        url: Where its bytes are.
        description: Markdown.
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
    metadata: dict[str, Any]
    created: str

    def to_mapping(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**vars(self), "types": list(self.types)}


@dataclass(frozen=True)
class AssetUse:
    """An execution that read or wrote an asset.

    Attributes:
        rid: RID of the execution.
        role: ``Input`` or ``Output``.
        status: Its status, verbatim.
        workflow: RID of its workflow.
        description: Markdown.
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
) -> tuple[list[AssetRow], bool]:
    """Assets, the newest first in each table, and whether there are more than ``limit``.

    Two requests a table, made at the same time for all tables.

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
    parts = gather(calls)
    found = [asset for rows, _ in parts for asset in rows]
    more = any(cut for _, cut in parts)
    return (found, more) if limit is None else (found[:limit], more or len(found) > limit)


def find_asset(catalog: Catalog, rid: str) -> AssetRow:
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


def uses_of_asset(catalog: Catalog, rid: str, role: str | None = None) -> list[AssetUse]:
    """The executions that read or wrote an asset, the oldest first; two requests.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: It is a row of something else.
    """
    table = _table_of(catalog, rid)
    link = _execution_link(catalog, table)
    if link is None:
        return []
    association, own, execution = link
    chosen = f"/{condition('Asset_Role', [role])}" if role is not None else ""
    path = (
        f"/attribute/L:={table_path(association)}/{condition(own, [rid])}{chosen}"
        f"/E:=({quote(execution)})=({table_path(EXECUTION)}:RID)"
        "/role:=L:Asset_Role,RID,Status,Workflow,Description,RCT"
    )
    rows = sorted(read(catalog, path), key=lambda row: (str(row.get("RCT")), str(row["RID"])))
    return [
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


def download_assets(
    catalog: Catalog, found: Sequence[AssetRow], directory: Path, *, progress: Progress = SILENT, jobs: int = 4
) -> list[tuple[AssetRow, Path, bool]]:
    """Bring assets' bytes into a directory, verified by length and MD5; a file that is there and whole is left alone.

    Writes ``directory/FILENAME``; where two assets have one name, each is in ``directory/RID/FILENAME``.

    Returns:
        Each asset with its file, and whether it had to come.

    Raises:
        NotFoundError: The bytes are gone.
        IntegrityError: They are not those that the catalog describes.
        ConflictError: Another file of that name is in the way.
    """
    names = [safe_file_name(one.filename or one.rid) for one in found]
    places = [
        directory / one.rid / name if names.count(name) > 1 else directory / name
        for one, name in zip(found, names, strict=True)
    ]
    calls = [partial(_fetch, catalog, one, path, directory, progress) for one, path in zip(found, places, strict=True)]
    came = gather(calls, at_once=jobs)
    return list(zip(found, places, came, strict=True))


def _fetch(catalog: Catalog, asset: AssetRow, path: Path, root: Path, progress: Progress) -> bool:
    from dml.errors import ConflictError

    md5 = asset.md5.lower() if asset.md5 else None
    if path.exists():
        if md5 is not None and path.is_file() and digest(path.parent.absolute(), path.absolute()).md5_hex == md5:
            return False
        raise ConflictError(f"{safe(path)} is there and is not {asset.rid}", hint="Choose another --output directory.")
    with disk_errors(path):
        root.mkdir(parents=True, exist_ok=True)
        if path.parent != root:
            make_directory(root, path.parent)
    progress.begin(path.name, asset.length)
    try:
        download(
            catalog,
            asset.url,
            path,
            length=asset.length,
            md5_hex=md5,
            progress=lambda count: progress.advance(path.name, count),
        )
    except BaseException:
        progress.finish(path.name, "failed")
        raise
    progress.finish(path.name, "downloaded")
    return True


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
) -> tuple[list[AssetRow], bool]:
    steps: list[tuple[str, str, str, object]] = []
    if asset_type is not None:
        link = _type_link(catalog, table)
        if link is None:
            return [], False
        steps.append((*link, "Asset_Type", asset_type))
    path = narrowed(f"/entity/A:={table_path(table.qualified_name)}", "A", steps)
    if execution is not None or role is not None:
        used = _execution_link(catalog, table)
        if used is None:
            return [], False
        association, own, column = used
        wanted = [(column, execution), ("Asset_Role", role)]
        conditions = "/".join(condition(name, [value]) for name, value in wanted if value is not None)
        path += f"/(RID)=({table_path(association)}:{quote(own)})/{conditions}/$A"
    rows, more = page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)
    return _with_types(catalog, table, rows), more


def _execution_link(catalog: Catalog, table: Table) -> tuple[str, str, str] | None:
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


def _with_types(catalog: Catalog, table: Table, rows: Sequence[Row]) -> list[AssetRow]:
    link = _type_link(catalog, table)
    rids = [str(row["RID"]) for row in rows]
    types = terms_of(catalog, *link, "Asset_Type", rids) if link is not None else {}
    own = [column.name for column in table.metadata_columns]
    return [
        AssetRow(
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
