"""``dml cache warm``: fetches what a user names into the cache, a dataset version or a single asset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.entries import EntryKind
from dml.cache.file_fetcher import FetchResult
from dml.cache.index import Index
from dml.cache.resolve_name import is_asset
from dml.cache.tiers import Tier
from dml.cache.warm_asset import warm_asset
from dml.cache.warm_bag import warm_bag
from dml.dataset.spec import DatasetSpec
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Warmed", "warm"]


@dataclass(frozen=True)
class Warmed:
    """A cached entry after it was warmed.

    Attributes:
        kind: ``bag`` or ``asset``.
        rid, version: The dataset and its version, or the asset, which has none.
        path: The bag or the file.
        tier: How much of it is cached; None when the index does not know.
        fetched: The files that were fetched now.
        metadata_fetched: Whether the rows of a dataset version were fetched now.
        missing, missing_bytes: Number and size of the files that are not cached; None when unknown.
        is_development: Whether it is a development version, which may change.
    """

    kind: EntryKind
    rid: str
    version: str | None
    path: Path
    tier: Tier | None
    fetched: FetchResult
    metadata_fetched: bool = False
    missing: int | None = 0
    missing_bytes: int | None = 0
    is_development: bool = False

    @property
    def name(self) -> str:
        """``RID@VERSION``, or the RID of an asset."""
        return f"{self.rid}@{self.version}" if self.version else self.rid


def warm(
    index: Index,
    catalog: Catalog,
    spec: DatasetSpec,
    *,
    metadata_only: bool = False,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Warmed:
    """Fetch what the cache lacks of a dataset version or an asset. Writes the cache and its index.

    Args:
        index: Open for writing.
        catalog: Where to read.
        spec: A dataset, without a version its current one; or the RID of an asset.
        metadata_only: Fetch the rows of a dataset but no files.
        jobs: Downloads at once; None takes the number of the specification.
        progress: Observes each file.

    Raises:
        UsageError: The RID is neither a dataset's nor an asset's.
        DmlError: As :func:`warm_bag` and :func:`warm_asset`.
    """
    if is_asset(index, catalog, spec):
        asset = warm_asset(index, catalog, spec.rid, progress=progress)
        return Warmed(EntryKind.ASSET, spec.rid, None, asset.path, Tier.MATERIALIZED, asset.fetched)
    bag = warm_bag(index, catalog, spec, metadata_only=metadata_only, jobs=jobs, progress=progress)
    return Warmed(
        EntryKind.BAG,
        bag.record.dataset_rid,
        bag.record.version,
        bag.path,
        bag.record.tier,
        bag.fetched,
        bag.metadata_fetched,
        bag.record.missing,
        bag.record.missing_bytes,
        bag.is_development,
    )
