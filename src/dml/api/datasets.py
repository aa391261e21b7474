"""Datasets: finding, making and changing them, and their bags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dml.api.dataset_handle import DatasetHandle
from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion, VersionPart
from dml.deprecation import superseded

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.catalog.model import Table
    from dml.dataset.bag import DatasetBag
    from dml.dataset.lookup import VersionRow
    from dml.dataset.split import Split


def find_datasets(
    self: DerivaML, deleted: bool = False, sort: bool | Callable[[DatasetHandle], Any] | None = None
) -> list[DatasetHandle]:
    """The datasets of the catalog; three requests.

    Args:
        deleted: Those marked as deleted as well.
        sort: The oldest first when None, the newest first when True, else by this key.
    """
    from dml.dataset.lookup import list_datasets

    found = [DatasetHandle(self.catalog, one.rid, self) for one in list_datasets(self.catalog, deleted=deleted)]
    if sort is True:
        found.reverse()
    elif callable(sort):
        found.sort(key=sort)
    return found


def lookup_dataset(self: DerivaML, dataset: str | DatasetSpec | DatasetHandle, deleted: bool = False) -> DatasetHandle:
    """A dataset by RID or specification.

    Raises:
        NotFoundError: There is none.
        ConflictError: It is marked as deleted, and ``deleted`` is false.
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
    """Older name of ``Execution.create_dataset``, for datasets without a producer as well. Writes the catalog."""
    from dml.dataset.curation import create_dataset as create

    superseded("DerivaML.create_dataset", "Execution.create_dataset")
    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    made = create(self.catalog, description=description, types=types, execution=execution_rid, version=version)
    return DatasetHandle(self.catalog, made.rid, self, execution_rid)


def delete_dataset(self: DerivaML, dataset: str | DatasetHandle, recurse: bool = False) -> list[str]:
    """Mark a dataset as deleted, with ``recurse`` also what is nested in it. Writes the catalog; returns the RIDs.

    Raises:
        ConflictError: Another dataset holds it.
    """
    return DatasetHandle(self.catalog, _rid(dataset), self).delete(recurse)


def add_dataset_members(
    self: DerivaML,
    dataset_rid: str,
    members: Iterable[str] | Mapping[str, Iterable[str]],
    description: str = "",
    execution_rid: str | None = None,
) -> dict[str, list[str]]:
    """Add rows to a dataset, by RID or by table; what is a member stays. Writes the catalog; returns what was added."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).add_dataset_members(members, description, execution_rid)


def list_dataset_members(
    self: DerivaML,
    dataset_rid: str,
    recurse: bool = False,
    limit: int | None = None,
    version: DatasetVersion | str | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of a dataset's members by element table, as they are or as they were in a version."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).list_dataset_members(recurse, limit, version)


def dataset_history(self: DerivaML, dataset_rid: str) -> list[VersionRow]:
    """The versions of a dataset, the newest first."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).dataset_history()


def release_dataset(
    self: DerivaML,
    dataset_rid: str,
    component: VersionPart | str = VersionPart.minor,
    description: str = "",
    execution_rid: str | None = None,
) -> DatasetVersion | None:
    """Release a dataset as it is now; without changes since the last release nothing is done. Writes the catalog."""
    return DatasetHandle(self.catalog, _rid(dataset_rid), self).release(component, description, execution_rid)


def increment_dataset_version(
    self: DerivaML,
    dataset_rid: str,
    component: VersionPart | str = VersionPart.minor,
    description: str = "",
    execution_rid: str | None = None,
) -> DatasetVersion | None:
    """Older name of ``release_dataset``, which says that something changed even where no member did."""
    from dml.dataset.releases import mark_dev

    superseded("increment_dataset_version", "release_dataset")
    mark_dev(self.catalog, _rid(dataset_rid), description=description, execution=execution_rid)
    return self.release_dataset(dataset_rid, component, description, execution_rid)


def list_dataset_element_types(self: DerivaML) -> list[Table]:
    """The tables whose rows can be members of datasets."""
    return [how.element for how in self.catalog.schema().element_tables().values()]


def add_dataset_element_type(self: DerivaML, element: str | Table) -> Table:
    """Let the rows of a table be members of datasets. Writes the catalog."""
    from dml.catalog.definitions import add_dataset_element_type as add

    name = element if isinstance(element, str) else element.qualified_name
    return add(self.catalog, self.table_name(name)).element


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
    """Share the elements of a dataset out to new ones, nested in a dataset of type ``Split``. Writes the catalog.

    Args:
        dataset: What is shared out, ``RID`` or ``RID@VERSION``; elements of nested datasets count.
        fractions: The share of each part, as ``{"training": 0.8, "testing": 0.2}``; together 1.
        execution: The execution that makes the split, recorded as producer of every version.
        seed: The same seed chooses the same elements.
        stratify_by: A column or feature whose classes keep their proportions.
        group_by: A column or feature whose equal values stay together.
        element_table: The table to share out; None when the dataset has only one.
        description: What the split is for.

    Raises:
        NotFoundError: No such dataset or version.
        UsageError: An unknown part, shares that do not add up, or a part that would be empty.
    """
    from dml.dataset.split import Choice
    from dml.dataset.split import split_dataset as split

    choice = Choice(seed, stratify_by, group_by, element_table)
    rid = None if execution is None else str(getattr(execution, "execution_rid", execution))
    return split(self.catalog, DatasetSpec.of(dataset), fractions, choice, description=description, execution=rid)


def download_dataset_bag(self: DerivaML, dataset: DatasetSpec | str) -> DatasetBag:
    """A dataset version in the workspace's cache, fetched where it is missing; change nothing in it.

    ``Execution.download_dataset_bag`` gives an execution one of its own and records it as input.
    """
    from dml.execution.input_bags import cached_bag

    return cached_bag(self.session, dataset)


def cache_dataset(self: DerivaML, dataset: DatasetSpec | str, materialize: bool = True) -> dict[str, Any]:
    """Have a dataset version in the cache, its files too unless ``materialize`` is false; returns ``bag_info``."""
    from dml.execution.input_bags import cached_bag

    given = DatasetSpec.of(dataset)
    wanted = DatasetSpec(given.rid, given.version, materialize=materialize, exclude_tables=given.exclude_tables)
    cached_bag(self.session, wanted)
    return self.bag_info(wanted)


def estimate_bag_size(self: DerivaML, dataset: DatasetSpec | str) -> dict[str, Any]:
    """What a bag of a dataset version would hold, by table, counted by the server; reads no rows.

    Returns:
        ``tables`` (name → row_count, is_asset, asset_bytes, csv_bytes, exact) and the totals ``total_rows``,
        ``total_asset_bytes``, ``total_csv_bytes``, ``total_estimated_bytes``.
    """
    from dml.cache.estimate import estimate
    from dml.dataset.lookup import resolve

    found = estimate(self.catalog, resolve(self.catalog, DatasetSpec.of(dataset)))
    tables = {
        one.table: {
            "row_count": one.rows,
            "is_asset": one.is_asset,
            "asset_bytes": one.asset_bytes,
            "csv_bytes": one.csv_bytes,
            "exact": one.exact,
        }
        for one in found
    }
    assets, texts = sum(one.asset_bytes for one in found), sum(one.csv_bytes for one in found)
    return {
        "tables": tables,
        "total_rows": sum(one.rows for one in found),
        "total_asset_bytes": assets,
        "total_csv_bytes": texts,
        "total_estimated_bytes": assets + texts,
    }


def bag_info(self: DerivaML, dataset: DatasetSpec | str) -> dict[str, Any]:
    """``estimate_bag_size`` with how much of the version is in the cache.

    Returns:
        As there, with ``status`` (a cache tier), ``cache_path`` and ``versions_cached``.
    """
    from dml.api.storage import cache_of
    from dml.cache.index import Index
    from dml.cache.status import status_of, versions_here
    from dml.dataset.lookup import resolve

    spec = DatasetSpec.of(dataset)
    source = resolve(self.catalog, spec)
    with Index.reading(cache_of(self)) as index:
        status = status_of(index, spec, source.row.text, snapshot=source.snapshot)
        here = versions_here(index, spec.rid)
    return {
        **self.estimate_bag_size(spec),
        "status": str(status.tier),
        "cache_path": None if status.path is None else str(status.path),
        "versions_cached": [one.version for one in here],
    }


def _rid(dataset: str | DatasetSpec | DatasetHandle) -> str:
    if isinstance(dataset, DatasetHandle):
        return dataset.dataset_rid
    return DatasetSpec.of(dataset).rid
