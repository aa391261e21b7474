"""Assets of the catalog, found by RID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.asset.associations import type_association
from dml.catalog.paging import terms_of
from dml.catalog.rows import Row, locate, select, validate_rid
from dml.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

__all__ = ["Asset", "assets_by_rid", "find_asset", "table_of_asset", "with_types"]


@dataclass(frozen=True)
class Asset:
    """A file in the catalog.

    Attributes:
        rid: RID of the asset.
        table: Its table, ``schema:Table``.
        filename: Its name in the catalog.
        length: Size in bytes.
        md5: MD5 of its content, hexadecimal.
        url: URL of its bytes, or a reference.
        description: Description of the asset, Markdown.
        types: Terms of Asset_Type, sorted.
        metadata: Values of the table's metadata columns.
        created: Creation time of the row, as the catalog writes it.
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
        """Same as ``rid``, for compatibility with deriva-ml."""
        return self.rid

    @property
    def asset_table(self) -> str:
        """Name of its table, without the schema."""
        return self.table.rpartition(":")[2]

    @property
    def asset_types(self) -> list[str]:
        """Same as ``types``, for compatibility with deriva-ml."""
        return list(self.types)

    def to_mapping(self) -> dict[str, Any]:
        """The asset as JSON values."""
        return {**vars(self), "types": list(self.types), "metadata": dict(self.metadata)}


def find_asset(catalog: Catalog, rid: str) -> Asset:
    """An asset by its RID; three requests.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: The row is not an asset.
    """
    table = table_of_asset(catalog, rid)
    rows = select(catalog, table.qualified_name, where={"RID": rid})
    if not rows:
        raise NotFoundError(f"{rid} was deleted from {table.name} a moment ago")
    return with_types(catalog, table, rows)[0]


def assets_by_rid(catalog: Catalog, table: Table, rids: Sequence[str]) -> list[Asset]:
    """The assets of a table with the given RIDs, without those that no longer exist; two requests."""
    rows = select(catalog, table.qualified_name, where={"RID": list(rids)})
    return with_types(catalog, table, rows)


def table_of_asset(catalog: Catalog, rid: str) -> Table:
    """The asset table of a RID; one request.

    Raises:
        NotFoundError: There is no such row, or it was deleted.
        UsageError: The row is not an asset.
    """
    location = locate(catalog, [validate_rid(rid)]).get(rid)
    if location is None:
        raise NotFoundError(f"No row {rid} in {catalog.target}", hint="Check the RID; dml asset list TABLE.")
    if location.deleted:
        raise NotFoundError(f"{rid} was a row of {location.table} and is deleted")
    table = catalog.schema().tables.get(location.qualified_name)
    if table is None or not table.is_asset:
        raise UsageError(f"{rid} is a row of {location.table}, not an asset")
    return table


def with_types(catalog: Catalog, table: Table, rows: Sequence[Row]) -> list[Asset]:
    """Rows of an asset table as assets; one request, for their types."""
    association = type_association(catalog.schema(), table)
    rids = [str(row["RID"]) for row in rows]
    types: Mapping[str, Sequence[str]] = {}
    if association is not None:
        types = terms_of(catalog, association.table, association.asset_column, association.other_column, rids)
    columns = [column.name for column in table.metadata_columns]
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
            metadata={name: row.get(name) for name in columns},
            created=str(row.get("RCT") or ""),
        )
        for row in rows
    ]
