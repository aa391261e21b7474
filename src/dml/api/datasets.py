"""Datasets: find, create and change them, and get their bags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dml.api.dataset_handle import DatasetHandle
from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion, VersionPart
from dml.deprecation import warn_deprecated

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.catalog.model import Table
    from dml.dataset.bag import DatasetBag
    from dml.dataset.records import VersionRow
    from dml.dataset.split import Split


def find_datasets(
    self: DerivaML, deleted: bool = False, sort: bool | Callable[[DatasetHandle], Any] | None = None
) -> list[DatasetHandle]:
    """The datasets of the catalog; three requests.

    Args:
        deleted: Include datasets that are marked as deleted.
        sort: Oldest first when None, newest first when True; otherwise a key function.
    """
    from dml.dataset.lookup import list_datasets

    datasets = list_datasets(self.catalog, deleted=deleted)
    handles = [DatasetHandle(self.catalog, dataset.rid, self) for dataset in datasets]
    if sort is True:
        handles.reverse()
    elif callable(sort):
        handles.sort(key=sort)
    return handles


def lookup_dataset(self: DerivaML, dataset: str | DatasetSpec | DatasetHandle, deleted: bool = False) -> DatasetHandle:
    """The dataset with this RID or specification; a version in it is ignored.

    Raises:
        NotFoundError: The catalog has no such dataset.
        ConflictError: The dataset is marked as deleted and ``deleted`` is False.
    """
    from dml.dataset.lookup import find_dataset

    return DatasetHandle(self.catalog, find_dataset(self.catalog, _rid(dataset), deleted=deleted).rid, self)


def create_dataset(
    self: DerivaML,
    execution_rid: str | None = None,
    version: DatasetVersion | str | None = None,
    dataset_types: str | Sequence[str] | None = None,
    description: str = "",
) -> DatasetHandle:
    """Deprecated name of ``Execution.create_dataset``; the producer may be left out here. Writes the catalog.

    Args:
        execution_rid: RID of the execution that produces the dataset; None records no producer.
        version: First version; ``0.1.0`` when None.
        dataset_types: Terms of Dataset_Type.
        description: Description of the dataset, Markdown.
    """
    from dml.dataset.curation import create_dataset as create

    warn_deprecated("DerivaML.create_dataset", "Execution.create_dataset")
    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    row = create(self.catalog, description=description, types=types, execution=execution_rid, version=version)
    return DatasetHandle(self.catalog, row.rid, self, execution_rid)


def delete_dataset(self: DerivaML, dataset: str | DatasetHandle, recurse: bool = False) -> list[str]:
    """Mark a dataset as deleted, with ``recurse`` the datasets nested in it too; returns their RIDs.

    Writes the catalog. No row or file is removed.

    Raises:
        ConflictError: The dataset is nested in another one.
    """
    return DatasetHandle(self.catalog, _rid(dataset), self).delete(recurse)


def add_dataset_members(
    self: DerivaML,
    dataset_rid: str,
    members: Iterable[str] | Mapping[str, Iterable[str]],
    description: str = "",
    execution_rid: str | None = None,
) -> dict[str, list[str]]:
    """Add rows to a dataset, by RID or by table; returns the RIDs that were added, by table. Writes the catalog."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).add_dataset_members(members, description, execution_rid)


def list_dataset_members(
    self: DerivaML,
    dataset_rid: str,
    recurse: bool = False,
    limit: int | None = None,
    version: DatasetVersion | str | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of a dataset's members by element table; see ``DatasetHandle.list_dataset_members``."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).list_dataset_members(recurse, limit, version)


def dataset_history(self: DerivaML, dataset_rid: str) -> list[VersionRow]:
    """The versions of a dataset, newest first."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).dataset_history()


def release_dataset(
    self: DerivaML,
    dataset_rid: str,
    component: VersionPart | str = VersionPart.minor,
    description: str = "",
    execution_rid: str | None = None,
) -> DatasetVersion | None:
    """Release a dataset as it is now; see ``DatasetHandle.release``. Writes the catalog."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).release(component, description, execution_rid)


def increment_dataset_version(
    self: DerivaML,
    dataset_rid: str,
    component: VersionPart | str = VersionPart.minor,
    description: str = "",
    execution_rid: str | None = None,
) -> DatasetVersion | None:
    """Deprecated name of ``release_dataset``; releases a version even when no member changed. Writes the catalog."""
    from dml.dataset.releases import mark_dev

    warn_deprecated("increment_dataset_version", "release_dataset")
    mark_dev(self.catalog, _rid(dataset_rid), description=description, execution=execution_rid)
    return self.release_dataset(dataset_rid, component, description, execution_rid)


def list_dataset_element_types(self: DerivaML) -> list[Table]:
    """The tables whose rows can be members of datasets."""
    return [association.element for association in self.catalog.schema().element_tables().values()]


def add_dataset_element_type(self: DerivaML, element: str | Table) -> Table:
    """Allow rows of a table to be members of datasets. Writes the catalog.

    Args:
        element: ``Table``, ``schema:Table`` or a ``Table`` object.
    """
    from dml.catalog.definitions import add_dataset_element_type as add

    name = element if isinstance(element, str) else element.qualified_name
    return add(self.catalog, self._table_name(name)).element


def split_dataset(
    self: DerivaML,
    dataset: DatasetSpec | str,
    fractions: Mapping[str, float],
    execution: Execution | str | None = None,
    *,
    seed: int = 0,
    stratify_by: str | None = None,
    group_by: str | None = None,
    element_table: str | None = None,
    description: str = "",
) -> Split:
    """Split a dataset into new ones, nested in a dataset of type ``Split``. Writes the catalog.

    Args:
        dataset: The dataset to split, ``RID`` or ``RID@VERSION``; members of nested datasets are included.
        fractions: The share of each part, such as ``{"training": 0.8, "testing": 0.2}``; they add up to 1.
        execution: The execution that makes the split, or its RID; recorded as the producer of every version.
        seed: Seed of the random choice; equal seeds choose equal members.
        stratify_by: A column or feature whose classes keep their proportions in every part.
        group_by: A column or feature; members with equal values stay in one part.
        element_table: The table whose rows are split; None when the dataset has members of one table only.
        description: What the split is for, Markdown.

    Raises:
        NotFoundError: The dataset or the version does not exist.
        UsageError: A part is unknown or would be empty, or the shares do not add up to 1.
    """
    from dml.dataset.split import SamplingOptions
    from dml.dataset.split import split_dataset as split

    options = SamplingOptions(seed, stratify_by, group_by, element_table)
    rid = None if execution is None else str(getattr(execution, "execution_rid", execution))
    return split(self.catalog, DatasetSpec.of(dataset), fractions, options, description=description, execution=rid)


def download_dataset_bag(self: DerivaML, dataset: DatasetSpec | str) -> DatasetBag:
    """The bag of a dataset version, downloaded into the workspace's cache when it is missing; treat it as read-only.

    ``Execution.download_dataset_bag`` gives an execution a bag of its own and records it as an input.
    """
    from dml.execution.input_bags import cached_bag

    return cached_bag(self.session, dataset)


def cache_dataset(self: DerivaML, dataset: DatasetSpec | str, materialize: bool = True) -> dict[str, Any]:
    """Download a dataset version into the cache, with its files unless ``materialize`` is False.

    Returns:
        The result of ``bag_info``.
    """
    from dml.execution.input_bags import cached_bag

    spec = DatasetSpec.of(dataset)
    wanted = DatasetSpec(spec.rid, spec.version, materialize=materialize, exclude_tables=spec.exclude_tables)
    cached_bag(self.session, wanted)
    return self.bag_info(wanted)


def estimate_bag_size(self: DerivaML, dataset: DatasetSpec | str) -> dict[str, Any]:
    """The size of a dataset version's bag by table, counted by the server; reads no rows.

    Returns:
        ``tables`` (name → row_count, is_asset, asset_bytes, csv_bytes, exact) and the totals ``total_rows``,
        ``total_asset_bytes``, ``total_csv_bytes``, ``total_estimated_bytes``.
    """
    from dml.cache.estimate import estimate
    from dml.dataset.lookup import resolve

    return estimate(self.catalog, resolve(self.catalog, dataset)).to_mapping()


def bag_info(self: DerivaML, dataset: DatasetSpec | str) -> dict[str, Any]:
    """``estimate_bag_size`` and how much of the version is in the cache.

    Returns:
        The keys of ``estimate_bag_size``, with ``rid``, ``version``, ``status`` (a cache tier), ``cache_path``,
        ``versions_cached``, ``missing`` (files), ``missing_bytes``, ``free_bytes`` and sizes as text.
    """
    from dml.api.storage import open_cache
    from dml.cache.bag_info import bag_info as read

    with open_cache(self) as session:
        return read(session, self.catalog, dataset).to_mapping()


def _rid(dataset: str | DatasetSpec | DatasetHandle) -> str:
    if isinstance(dataset, DatasetHandle):
        return dataset.dataset_rid
    return DatasetSpec.of(dataset).rid
