"""The size of a dataset version, table by table, together with how much of it is cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.cache.estimate import Estimate, estimate
from dml.cache.session import CacheSession
from dml.cache.status import VersionStatus, cached_versions, version_status
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
        snapshot: The snaptime at which it is read; None for a development version.
        estimate: Its tables.
        status: How much of it is cached.
        versions_cached: Versions of the dataset that are cached, the latest exported first.
        free: Bytes free on the disk of the cache; None when unknown.
    """

    snapshot: str | None
    estimate: Estimate
    status: VersionStatus
    versions_cached: tuple[str, ...]
    free: int | None

    @property
    def missing_bytes(self) -> int:
        """Bytes still to be fetched: exact when some of it is cached, else estimated."""
        if self.status.missing_bytes is not None:
            return self.status.missing_bytes
        return self.estimate.asset_bytes + self.estimate.csv_bytes

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form, which includes the keys of deriva-ml's ``bag_info``."""
        total = self.estimate.asset_bytes + self.estimate.csv_bytes
        return {
            "rid": self.status.rid,
            "version": self.status.version,
            "snapshot": self.snapshot,
            **self.estimate.to_mapping(),
            "total_assets": self.estimate.assets,
            "total_asset_size": format_size(self.estimate.asset_bytes),
            "total_csv_size": format_size(self.estimate.csv_bytes),
            "total_estimated_size": format_size(total),
            "status": str(self.status.tier),
            "missing": self.status.missing,
            "missing_bytes": self.missing_bytes,
            "free_bytes": self.free,
            "cache_path": None if self.status.path is None else str(self.status.path),
            "versions_cached": list(self.versions_cached),
        }


def bag_info(session: CacheSession, catalog: Catalog, spec: DatasetSpec | str) -> BagInfo:
    """Estimate a dataset version by aggregates and look it up in the cache. Writes nothing.

    The number of requests depends on the number of tables, not of rows.

    Raises:
        NotFoundError: No such dataset or version.
    """
    source = resolve(catalog, spec)
    return BagInfo(
        source.snapshot,
        estimate(catalog, source),
        version_status(session.index, source.spec, source.row.text, session.usage),
        tuple(status.version for status in cached_versions(session.index, source.rid)),
        free_bytes(session.cache.root),
    )
