"""Datasets and their versions as the catalog holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion
from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.rows import Row

__all__ = [
    "DATASET_TYPE",
    "DATASET_VERSION",
    "NESTED_DATASET",
    "PART_TYPES",
    "Dataset",
    "ResolvedDataset",
    "VersionRow",
    "newest_first",
    "version_row",
]

DATASET_TYPE = "deriva-ml:Dataset_Dataset_Type"
DATASET_VERSION = "deriva-ml:Dataset_Version"
NESTED_DATASET = "deriva-ml:Dataset_Dataset"

PART_TYPES: Final[Mapping[str, str]] = {"training": "Training", "validation": "Validation", "testing": "Testing"}
"""The parts that a split may have, and the ``Dataset_Type`` of each."""


@dataclass(frozen=True)
class VersionRow:
    """A row of ``Dataset_Version``.

    Attributes:
        rid: RID of the row.
        dataset: RID of the dataset.
        text: The version as it is stored.
        version: The same as an object that can be compared; None when the text does not follow PEP 440.
        description: What changed, as its author wrote it.
        execution: RID of the execution that produced this version, or None.
        snapshot: The snaptime at which this version is read; None for development versions.
        minid: Its MINID, if one was registered.
        created: When the row was created, as the catalog writes times.
    """

    rid: str
    dataset: str
    text: str
    version: DatasetVersion | None
    description: str
    execution: str | None
    snapshot: str | None
    minid: str | None
    created: str

    @property
    def is_development(self) -> bool:
        """Whether this version is unreleased and read live."""
        return self.version is not None and self.version.is_development

    @property
    def is_unfinished(self) -> bool:
        """Whether this is an interrupted release: one whose snapshot was never recorded."""
        return not self.is_development and self.snapshot is None


@dataclass(frozen=True)
class Dataset:
    """A dataset.

    Attributes:
        rid: RID.
        description: Its description; empty when there is none.
        types: Names of its types, sorted.
        versions: Its versions, newest first.
        deleted: Whether it is marked as deleted.
        pointer: RID of the version that ``Dataset.Version`` names, which may not be the current one.
        created: When its row was created, as the catalog writes times.
    """

    rid: str
    description: str
    types: tuple[str, ...]
    versions: tuple[VersionRow, ...]
    deleted: bool
    pointer: str | None
    created: str

    @property
    def current(self) -> VersionRow | None:
        """The newest version, released or not; None when the dataset has none."""
        return self.versions[0] if self.versions else None

    @property
    def newest_release(self) -> VersionRow | None:
        """The newest version that has a snapshot; None when nothing was released."""
        return next((row for row in self.versions if not row.is_development and row.snapshot), None)


@dataclass(frozen=True)
class ResolvedDataset:
    """A dataset version that a specification means.

    Attributes:
        spec: The specification.
        dataset: The dataset.
        row: The version.
    """

    spec: DatasetSpec
    dataset: Dataset
    row: VersionRow

    @property
    def rid(self) -> str:
        """RID of the dataset."""
        return self.dataset.rid

    @property
    def snapshot(self) -> str | None:
        """The snaptime to read at; None for a development version, which is read live."""
        return None if self.row.is_development else self.row.snapshot

    def reader(self, catalog: Catalog) -> Catalog:
        """The catalog at the snapshot of this version; live for a development version."""
        return catalog.at(self.snapshot) if self.snapshot else catalog

    def __str__(self) -> str:
        return f"{self.rid}@{self.row.text}"


def version_row(row: Row) -> VersionRow:
    """Read a row of ``Dataset_Version`` as the catalog returns it."""
    text = str(row.get("Version") or "")
    try:
        version = DatasetVersion(text)
    except UsageError:
        version = None
    return VersionRow(
        rid=str(row["RID"]),
        dataset=str(row["Dataset"]),
        text=text,
        version=version,
        description=str(row.get("Description") or ""),
        execution=row.get("Execution"),
        snapshot=row.get("Snapshot") or None,
        minid=row.get("Minid") or None,
        created=str(row.get("RCT") or ""),
    )


def newest_first(versions: Iterable[VersionRow]) -> tuple[VersionRow, ...]:
    """Versions by PEP 440, newest first; texts that do not follow it come last."""
    return tuple(sorted(versions, key=_order, reverse=True))


def _order(row: VersionRow) -> tuple[bool, DatasetVersion, str]:
    return row.version is not None, row.version or DatasetVersion("0"), row.text
