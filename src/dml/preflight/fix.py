"""``--fix``: download the missing inputs, the only problem that a preflight fixes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.cache.asset_records import AssetToCache
from dml.cache.index import Index
from dml.cache.tiers import Tier
from dml.cache.warm_asset import warm_asset
from dml.cache.warm_bag import warm_bag
from dml.dataset.spec import DatasetSpec
from dml.errors import DmlError
from dml.execution.catalog_facts import requested_version
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.preflight.check_context import CheckContext

__all__ = ["fix"]


def fix(context: CheckContext, *, progress: Progress = SILENT) -> list[str]:
    """Download the inputs of the run into the cache. Writes the cache and its index; reads the catalog only.

    Args:
        context: The context of the checks.
        progress: Receives the progress of each file.

    Returns:
        One sentence for each input that was downloaded, or whose download failed.
    """
    if context.catalog is None or context.tiers.cache is None:
        return []
    actions: list[str] = []
    rows, details = context.catalog.rows(), context.catalog.details()
    with Index.writing(context.tiers.cache) as index:
        for dataset in context.datasets:
            row = rows.datasets.get(dataset.rid)
            version = requested_version(dataset, row) if row is not None and not row.deleted else None
            if version is None or version.version is None or version.is_unfinished:
                continue
            if context.tiers.dataset(dataset).tier is Tier.MATERIALIZED:
                continue
            spec = DatasetSpec(dataset.rid, version.version, dataset.materialize, exclude_tables=dataset.excluded)
            try:
                bag = warm_bag(index, context.catalog.catalog, spec, progress=progress)
                actions.append(f"downloaded {spec}, {bag.fetched.files} files")
            except DmlError as error:
                actions.append(f"could not download {spec}: {error.message}")
        for asset in context.assets:
            asset_row = rows.assets.get(asset.rid)
            if asset_row is None or details.objects.get(asset.rid) is None:
                continue
            try:
                warm_asset(index, context.catalog.catalog, AssetToCache.from_row(asset_row.row), progress=progress)
                actions.append(f"downloaded {asset.rid}")
            except DmlError as error:
                actions.append(f"could not download {asset.rid}: {error.message}")
    return actions
