"""The methods of ``Execution`` about its inputs; each takes the execution first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dml.api import execution_record
from dml.asset import execution_edges
from dml.dataset.spec import DatasetSpec
from dml.execution import inputs
from dml.execution.asset_path import AssetFilePath
from dml.workspace import inputs as registry_inputs

if TYPE_CHECKING:
    from dml.api.downloaded_datasets import DownloadedDatasets
    from dml.api.execution import Execution
    from dml.dataset.bag import DatasetBag
    from dml.dataset.version import DatasetVersion

__all__ = [
    "add_input_dataset",
    "database_catalog",
    "download_asset",
    "download_dataset_bag",
    "list_assets",
    "list_input_datasets",
]


def download_asset(
    self: Execution,
    asset_rid: str,
    dest_dir: Path | str | None = None,
    update_catalog: bool = True,
    use_cache: bool = False,
) -> AssetFilePath:
    """Fetch an asset and record it as an input of this execution.

    Args:
        asset_rid: RID of its row.
        dest_dir: Where to; ``downloaded-assets`` of the execution when None.
        update_catalog: Record the input edge and its type, in registry and catalog.
        use_cache: Keep the bytes in the workspace's cache.

    Raises:
        NotFoundError: There is no such row, or its bytes are gone.
        UsageError: It is no asset.
        IntegrityError: The bytes are not those the catalog describes.
    """
    directory = None if dest_dir is None else Path(dest_dir)
    return inputs.download_asset(
        self.session,
        self.execution_rid,
        asset_rid,
        directory,
        record=update_catalog and not self.dry_run,
        use_cache=use_cache,
    )


def download_dataset_bag(self: Execution, dataset: DatasetSpec | str) -> DatasetBag:
    """A dataset version in this execution's directory, through the cache; recorded as its input.

    A specification without a version means the version that the execution has as input already, else the current one.
    Writes the cache, the workspace, the registry and, for a dataset that was no input yet, the catalog.

    Raises:
        NotFoundError: No such dataset or version, or a file is gone from the object store.
        ConflictError: The execution has another version of it as input.
        IntegrityError: Bytes that do not match their checksum.
    """
    from dml.execution.input_bags import execution_bag

    wanted = DatasetSpec.of(dataset)
    declared = registry_inputs.list_inputs(self.session.registry, self.execution_rid)
    known = next((one for one in declared if one.kind == "dataset" and one.rid == wanted.rid), None)
    if known is None:
        pinned = inputs.add_input_dataset(self.session, self.execution_rid, wanted, link=not self.dry_run)
    else:
        pinned = DatasetSpec(wanted.rid, wanted.version or known.version)
    spec = DatasetSpec(
        wanted.rid,
        pinned.version,
        materialize=wanted.materialize,
        exclude_tables=wanted.exclude_tables,
        timeout=wanted.timeout,
        fetch_concurrency=wanted.fetch_concurrency,
    )
    return execution_bag(self.session, self.execution_rid, spec)


def add_input_dataset(self: Execution, rid: str, version: DatasetVersion | str | None = None) -> DatasetSpec:
    """Record one more dataset as input, pinned to the given or its current version. Writes registry and catalog.

    Raises:
        NotFoundError: No such dataset or version.
    """
    return inputs.add_input_dataset(self.session, self.execution_rid, DatasetSpec(rid, version), link=not self.dry_run)


def list_input_datasets(self: Execution) -> list[execution_record.InputDataset]:
    """The datasets it read, as the catalog has them."""
    return execution_record.input_datasets(self.session.catalog, self.execution_rid)


def list_assets(self: Execution, asset_role: str | None = None) -> list[execution_edges.AssetEdge]:
    """The assets it read and wrote, or only those of one role (``Input``, ``Output``), as the catalog has them."""
    return execution_edges.asset_edges(self.session.catalog, self.execution_rid, asset_role)


def database_catalog(self: Execution) -> DownloadedDatasets | None:
    """Its downloaded datasets, asked as one would ask the catalog; None when none is on disk."""
    from dml.api.downloaded_datasets import DownloadedDatasets
    from dml.execution.input_bags import input_bags

    bags = input_bags(self.session, self.execution_rid)
    return DownloadedDatasets(bags) if bags else None
