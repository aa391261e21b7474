"""What a user means by a name: a dataset version, or a single asset. The index is asked before the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.cache.assets import asset_records
from dml.cache.index import Index
from dml.cache.records import bag_records
from dml.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.spec import DatasetSpec

__all__ = ["is_asset", "is_known_asset"]


def is_known_asset(index: Index, rid: str) -> bool | None:
    """Whether a RID is an asset's (True) or a dataset's (False), by the index alone; None when it knows neither."""
    if bag_records(index, dataset_rid=rid):
        return False
    return True if asset_records(index, rid=rid) else None


def is_asset(index: Index, catalog: Catalog, spec: DatasetSpec) -> bool:
    """Whether a name means a single asset. A version says that it is a dataset; else one request may be needed.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is neither a dataset nor an asset.
    """
    if spec.version is not None:
        return False
    known = is_known_asset(index, spec.rid)
    if known is not None:
        return known
    from dml.catalog.rows import locate

    location = locate(catalog, [spec.rid]).get(spec.rid)
    if location is None or location.deleted:
        deleted = "" if location is None else f": it was a row of {location.table} and is deleted"
        raise NotFoundError(
            f"No row {spec.rid} in {catalog.target}{deleted}", hint="`dml dataset list` shows datasets."
        )
    if location.qualified_name == "deriva-ml:Dataset":
        return False
    table = catalog.schema().tables.get(location.qualified_name)
    if table is None or not table.is_asset:
        raise UsageError(f"{spec.rid} is a row of {location.qualified_name}, neither a dataset nor an asset")
    return True
