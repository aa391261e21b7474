"""What of the inputs is on this machine already, asked of the cache's index; no request and nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.asset_records import asset_records
from dml.cache.bag_entries import find_cached_bag
from dml.cache.bag_records import BagRecord
from dml.cache.file_checks import has_size
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.tiers import Tier
from dml.dataset.spec import DatasetSpec
from dml.errors import DmlError
from dml.workspace.layout import safe_file_name

if TYPE_CHECKING:
    from dml.catalog.rows import Row
    from dml.execution.requested_inputs import RequestedDataset
    from dml.workspace.layout import Workspace

__all__ = ["CacheTiers", "DatasetTier"]


@dataclass(frozen=True)
class DatasetTier:
    """How much of a dataset version is here.

    Attributes:
        tier: The word.
        files, missing: How many files belong to it and are not here; None when nobody counted.
        missing_bytes: Their bytes; None when nobody counted.
    """

    tier: Tier
    files: int | None = None
    missing: int | None = None
    missing_bytes: int | None = None


class CacheTiers:
    """The cache of a workspace, for looking.

    Attributes:
        cache: Where it is; None without a target.
    """

    def __init__(self, workspace: Workspace | None, directory: Path | None = None) -> None:
        self.cache = None if workspace is None else Cache.of(workspace, directory)
        self._index = None if self.cache is None else Index.reading(self.cache)

    def knows(self, dataset: RequestedDataset) -> bool:
        """Whether this version's metadata is here, so that its sizes need not be asked for."""
        return self._record(dataset) is not None

    def dataset(self, dataset: RequestedDataset) -> DatasetTier:
        """How much of a dataset version is here; of a version that is left open, nothing is."""
        record = self._record(dataset)
        if record is None or record.tier is None:
            return DatasetTier(Tier.NOT_CACHED)
        return DatasetTier(record.tier, record.assets, record.missing, record.missing_bytes)

    def has_asset(self, rid: str, row: Row) -> bool:
        """Whether an asset's file is in the cache with the right size, by dml's or deriva-ml's layout."""
        md5, length = str(row.get("MD5") or "").lower(), row.get("Length")
        if self.cache is None or len(md5) != 32 or not isinstance(length, int):
            return False
        try:
            name = self.cache.asset_name(rid, md5)
            place = self.cache.asset_directory(name) / safe_file_name(str(row.get("Filename") or rid))
        except DmlError:
            return False
        return has_size(place, length)

    def verified(self, rid: str) -> bool:
        """Whether the index has verified an asset's bytes."""
        return self._index is not None and any(one.verified_at for one in asset_records(self._index, rid=rid))

    def _record(self, dataset: RequestedDataset) -> BagRecord | None:
        if self._index is None or dataset.version is None:
            return None
        try:
            spec = DatasetSpec(dataset.rid, dataset.version, exclude_tables=dataset.excluded)
            return find_cached_bag(self._index, spec)
        except DmlError:
            return None
