"""``bag_info``: a dataset version's size by table before it is fetched, beside how much of it is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.cache.estimate import TableEstimate, estimate
from dml.cache.index import Index
from dml.cache.status import VersionStatus, status_of
from dml.cache.usage import Usage
from dml.dataset.lookup import resolve
from dml.dataset.spec import DatasetSpec
from dml.disk import free_bytes
from dml.formatting import format_size

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["BagInfo", "bag_info"]


@dataclass(frozen=True)
class BagInfo:
    """What a bag of a dataset version holds.

    Attributes:
        rid, version: The dataset and the version that is meant.
        snapshot: The snaptime it is read at; None for a development version.
        tables: What it holds, table by table.
        status: How much of it is here.
        free: Bytes free where the cache is; None when it cannot be told.
    """

    rid: str
    version: str
    snapshot: str | None
    tables: tuple[TableEstimate, ...]
    status: VersionStatus
    free: int | None

    @property
    def total_rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def total_assets(self) -> int:
        """Rows that have files."""
        return sum(table.rows for table in self.tables if table.is_asset)

    @property
    def total_asset_bytes(self) -> int:
        """The size of all files."""
        return sum(table.asset_bytes for table in self.tables)

    @property
    def total_csv_bytes(self) -> int:
        """The size of the rows as CSV, roughly."""
        return sum(table.csv_bytes for table in self.tables)

    @property
    def missing_bytes(self) -> int:
        """What is still to come: exact for what is cached in part, estimated for what is not cached."""
        if self.status.missing_bytes is not None:
            return self.status.missing_bytes
        return self.total_asset_bytes + self.total_csv_bytes

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; the keys of deriva-ml's ``bag_info`` are among its own."""
        total = self.total_asset_bytes + self.total_csv_bytes
        return {
            "rid": self.rid,
            "version": self.version,
            "snapshot": self.snapshot,
            "tables": {
                one.table: {
                    "row_count": one.rows,
                    "is_asset": one.is_asset,
                    "asset_bytes": one.asset_bytes,
                    "csv_bytes": one.csv_bytes,
                    "exact": one.exact,
                }
                for one in self.tables
            },
            "total_rows": self.total_rows,
            "total_assets": self.total_assets,
            "total_asset_bytes": self.total_asset_bytes,
            "total_asset_size": format_size(self.total_asset_bytes),
            "total_csv_bytes": self.total_csv_bytes,
            "total_csv_size": format_size(self.total_csv_bytes),
            "total_estimated_bytes": total,
            "total_estimated_size": format_size(total),
            "status": self.status.tier,
            "missing": self.status.missing,
            "missing_bytes": self.missing_bytes,
            "free_bytes": self.free,
            "cache_path": self.status.path,
        }


def bag_info(index: Index, catalog: Catalog, spec: DatasetSpec | str, usage: Usage | None = None) -> BagInfo:
    """Estimate a dataset version by aggregates; requests grow with tables, not rows. Writes nothing.

    Raises:
        NotFoundError: No such dataset or version.
    """
    source = resolve(catalog, spec)
    tables = tuple(estimate(catalog, source))
    status = status_of(index, source.spec, source.row.text, usage)
    free = free_bytes(index.cache.root)
    return BagInfo(source.rid, source.row.text, source.snapshot, tables, status, free)
