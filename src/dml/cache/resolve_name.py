"""Whether a RID that a user names is a dataset's or an asset's; the index is asked before the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.cache.asset_records import AssetToCache, asset_records
from dml.cache.bag_records import bag_records
from dml.cache.index import Index
from dml.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.spec import DatasetSpec

__all__ = ["find_asset", "is_asset", "is_known_asset"]


def is_known_asset(index: Index, rid: str) -> bool | None:
    """Whether the index knows a RID as an asset's (True) or a dataset's (False); None when it knows neither."""
    if bag_records(index, dataset_rid=rid):
        return False
    return True if asset_records(index, rid=rid) else None


def is_asset(index: Index, catalog: Catalog, spec: DatasetSpec) -> bool:
    """Whether a name means a single asset. One with a version is a dataset; others may take a request.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is neither a dataset nor an asset.
    """
    if spec.version is not None:
        return False
    known = is_known_asset(index, spec.rid)
    return bool(_asset_table(catalog, spec.rid)) if known is None else known


def find_asset(catalog: Catalog, rid: str) -> AssetToCache:
    """An asset as the catalog describes it now, in two requests.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is a row of another kind of table.
        IntegrityError: It has no MD5 or length.
    """
    from dml.catalog.rows import select

    table = _asset_table(catalog, rid)
    if not table:
        raise UsageError(f"{rid} is a dataset, not an asset")
    rows = select(catalog, table, where={"RID": rid})
    if not rows:
        raise NotFoundError(f"{rid} has just been deleted from {table}")
    return AssetToCache.from_row(rows[0])


def _asset_table(catalog: Catalog, rid: str) -> str:
    """The asset table that holds a RID, ``schema:Table``; empty for a dataset."""
    from dml.catalog.rows import locate

    location = locate(catalog, [rid]).get(rid)
    if location is None or location.deleted:
        deleted = "" if location is None else f": it was deleted from {location.table}"
        raise NotFoundError(f"No row {rid} in {catalog.target}{deleted}", hint="List datasets with dml dataset list.")
    if location.qualified_name == "deriva-ml:Dataset":
        return ""
    table = catalog.schema().tables.get(location.qualified_name)
    if table is None or not table.is_asset:
        raise UsageError(f"{rid} is a row of {location.qualified_name}, neither a dataset nor an asset")
    return location.qualified_name
