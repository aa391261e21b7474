"""``--fix``: what a preflight may mend by itself, because it only brings here what is in the catalog already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.cache.assets import AssetToCache, warm_asset
from dml.cache.bags import warm_bag
from dml.cache.index import Index
from dml.cache.tiers import Tier
from dml.dataset.spec import DatasetSpec
from dml.errors import DmlError
from dml.execution.catalog_facts import requested_version
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.preflight.check_context import CheckContext

__all__ = ["fix"]


def fix(look: CheckContext, *, progress: Progress = SILENT) -> list[str]:
    """Fetch into the cache what the run will need. Writes the cache and its index; the catalog is only read.

    Args:
        look: What was examined.
        progress: Told of each file.

    Returns:
        One sentence for each thing that was done, or that could not be.
    """
    if look.catalog is None or look.tiers.cache is None:
        return []
    done: list[str] = []
    rows, details = look.catalog.rows(), look.catalog.details()
    with Index.writing(look.tiers.cache) as index:
        for dataset in look.datasets:
            row = rows.datasets.get(dataset.rid)
            version = requested_version(dataset, row) if row is not None and not row.deleted else None
            if version is None or version.version is None or version.is_unfinished:
                continue
            if look.tiers.dataset(dataset).tier is Tier.MATERIALIZED:
                continue
            spec = DatasetSpec(dataset.rid, version.version, dataset.materialize, exclude_tables=dataset.excluded)
            try:
                warm = warm_bag(index, look.catalog.catalog, spec, progress=progress)
                done.append(f"{spec} is in the cache: {warm.fetched.files} files fetched")
            except DmlError as error:
                done.append(f"{spec} could not be fetched: {error.message}")
        for asset in look.assets:
            found = rows.assets.get(asset.rid)
            if found is None or details.objects.get(asset.rid) is None:
                continue
            try:
                warm_asset(index, look.catalog.catalog, AssetToCache.from_row(found.row), progress=progress)
                done.append(f"{asset.rid} is in the cache")
            except DmlError as error:
                done.append(f"{asset.rid} could not be fetched: {error.message}")
    return done
