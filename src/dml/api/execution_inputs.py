"""The methods of ``Execution`` about its inputs, bound in its class body."""

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
    """Download an asset and record it as an input of this execution.

    Writes the workspace, and unless ``update_catalog`` is False the registry and the catalog.

    Args:
        asset_rid: RID of the asset.
        dest_dir: Directory for the file; ``downloaded-assets`` of the execution when None.
        update_catalog: Record the asset as an input.
        use_cache: Keep the file in the workspace's cache and link to it.

    Raises:
        NotFoundError: The catalog has no such row, or the object store no longer has the file.
        UsageError: The row is not an asset.
        IntegrityError: The file does not match the length or checksum in the catalog.
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
    """Download a dataset version into this execution's directory and record it as an input.

    A specification without a version means the version that is an input already, or else the current one. Writes the
    cache, the workspace, the registry and, for a new input, the catalog.

    Raises:
        NotFoundError: The dataset or version does not exist, or the object store no longer has one of its files.
        ConflictError: Another version of the dataset is an input already.
        IntegrityError: A file does not match its checksum.
    """
    from dml.execution.input_bags import execution_bag

    requested = DatasetSpec.of(dataset)
    declared = registry_inputs.list_inputs(self.session.registry, self.execution_rid)
    known = next((record for record in declared if record.kind == "dataset" and record.rid == requested.rid), None)
    if known is None:
        pinned = inputs.add_input_dataset(self.session, self.execution_rid, requested, link=not self.dry_run)
    else:
        pinned = DatasetSpec(requested.rid, requested.version or known.version)
    spec = DatasetSpec(
        requested.rid,
        pinned.version,
        materialize=requested.materialize,
        exclude_tables=requested.exclude_tables,
        timeout=requested.timeout,
        fetch_concurrency=requested.fetch_concurrency,
    )
    return execution_bag(self.session, self.execution_rid, spec)


def add_input_dataset(self: Execution, rid: str, version: DatasetVersion | str | None = None) -> DatasetSpec:
    """Record a dataset as an input of this execution. Writes the registry and the catalog.

    Args:
        rid: RID of the dataset.
        version: The version that is read; the current one when None.

    Returns:
        The specification, pinned to the version.

    Raises:
        NotFoundError: The dataset or version does not exist.
    """
    return inputs.add_input_dataset(self.session, self.execution_rid, DatasetSpec(rid, version), link=not self.dry_run)


def list_input_datasets(self: Execution) -> list[execution_record.InputDataset]:
    """The datasets that it read, as recorded in the catalog; four requests."""
    return execution_record.input_datasets(self.session.catalog, self.execution_rid)


def list_assets(self: Execution, asset_role: str | None = None) -> list[execution_edges.AssetEdge]:
    """The assets that it read (role ``Input``) or wrote (``Output``), both when None, as recorded in the catalog."""
    return execution_edges.asset_edges(self.session.catalog, self.execution_rid, asset_role)


def database_catalog(self: Execution) -> DownloadedDatasets | None:
    """The downloaded input datasets, read like a catalog; None when none is on disk."""
    from dml.api.downloaded_datasets import DownloadedDatasets
    from dml.execution.input_bags import input_bags

    bags = input_bags(self.session, self.execution_rid)
    return DownloadedDatasets(bags) if bags else None
