"""Describes a dataset in one of its versions: its history, how many members it has, and what is nested in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.dataset.lookup import find_dataset, pick_version
from dml.dataset.members import descendants, member_counts
from dml.dataset.records import Dataset, VersionRow
from dml.dataset.spec import DatasetSpec

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["DatasetDescription", "describe"]


@dataclass(frozen=True)
class DatasetDescription:
    """A dataset as it is now, or as it was in a version.

    Attributes:
        dataset: The dataset with all its versions.
        version: The version that is described; the current one, or None, when the dataset is described as it is now.
        counts: Number of its own members by element table, without those of nested datasets.
        nested: RIDs of the datasets nested in it, at any depth.
    """

    dataset: Dataset
    version: VersionRow | None
    counts: Mapping[str, int]
    nested: tuple[str, ...]


def describe(catalog: Catalog, spec: DatasetSpec) -> DatasetDescription:
    """Read a dataset and count its members: in the version that is named, else as they are now.

    Raises:
        NotFoundError: No such dataset or version.
        ConflictError: The release of the version was interrupted.
    """
    dataset = find_dataset(catalog, spec.rid, deleted=True)
    version, reader = dataset.current, catalog
    if spec.version is not None:
        resolved = pick_version(spec, dataset)
        version, reader = resolved.row, resolved.reader(catalog)
    counts, nested = member_counts(reader, spec.rid), descendants(reader, [spec.rid])
    return DatasetDescription(dataset, version, counts, tuple(nested))
