"""What datasets there are, in which versions: reading only, in a number of requests that does not grow with rows.

A dataset's current version is the greatest of its ``Dataset_Version`` rows by PEP 440, as deriva-ml has it. The
pointer ``Dataset.Version`` is not trusted for this: older tools leave it behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.paging import narrowed, page
from dml.catalog.rows import Row, locate, select
from dml.catalog.url import table_path
from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion
from dml.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "Dataset",
    "ResolvedDataset",
    "VersionRow",
    "find_dataset",
    "find_datasets",
    "history",
    "list_datasets",
    "newest_first",
    "resolve",
    "resolve_all",
]

DATASET = "deriva-ml:Dataset"
DATASET_TYPE = "deriva-ml:Dataset_Dataset_Type"
DATASET_VERSION = "deriva-ml:Dataset_Version"
_NAMED = 200
"""Datasets whose RIDs fit into one path; what belongs to more of them is read whole."""


@dataclass(frozen=True)
class VersionRow:
    """One row of ``Dataset_Version``.

    Attributes:
        rid: The row's RID.
        dataset: The dataset's RID.
        text: The version as it is stored.
        version: The same, comparable; None when the stored text is no version.
        description: What changed, as its author wrote it.
        execution: RID of the execution that produced this version, or None.
        snapshot: The snaptime at which this version is read; None for development versions.
        minid: Its MINID, when one was registered.
        created: When the row was made, as the catalog writes times.
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
        """Whether this is a release whose snapshot was never recorded: an interrupted one."""
        return not self.is_development and self.snapshot is None


@dataclass(frozen=True)
class Dataset:
    """A dataset as the catalog holds it.

    Attributes:
        rid: Its RID.
        description: Its description, empty when there is none.
        types: The names of its types, sorted.
        versions: Its versions, newest first.
        deleted: Whether it is marked as deleted.
        pointer: The version that ``Dataset.Version`` names, by RID; may lag behind.
        created: When its row was made, as the catalog writes times.
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
    """A specification brought together with the rows it means.

    Attributes:
        spec: What was asked for.
        dataset: The dataset.
        row: The version that is meant.
    """

    spec: DatasetSpec
    dataset: Dataset
    row: VersionRow

    @property
    def rid(self) -> str:
        """The dataset's RID."""
        return self.dataset.rid

    @property
    def snapshot(self) -> str | None:
        """The snaptime to read at; None for a development version, which is read live."""
        return None if self.row.is_development else self.row.snapshot

    def reader(self, catalog: Catalog) -> Catalog:
        """The catalog as this version is to be read: at its snapshot, or live for a development version."""
        return catalog.at(self.snapshot) if self.snapshot else catalog

    def __str__(self) -> str:
        return f"{self.rid}@{self.row.text}"


def list_datasets(catalog: Catalog, *, dataset_type: str | None = None, deleted: bool = False) -> list[Dataset]:
    """Every dataset of the catalog with its types and versions, in three requests, ordered by creation.

    Args:
        catalog: Where to read.
        dataset_type: Only datasets of this type.
        deleted: Whether those marked as deleted are listed too.
    """
    parts = _read_rows(catalog, {}, {})
    return [
        dataset
        for dataset in _assemble(*parts)
        if (deleted or not dataset.deleted) and (dataset_type is None or dataset_type in dataset.types)
    ]


def page_of_datasets(
    catalog: Catalog, *, dataset_type: str | None = None, deleted: bool = False, limit: int | None = None
) -> tuple[list[Dataset], bool]:
    """Datasets with their types and versions, the newest first, and whether there are more; three requests.

    Args:
        catalog: Where to read.
        dataset_type: Only datasets of this type.
        deleted: Whether those marked as deleted are listed too.
        limit: The most; None for all.
    """
    path = f"/entity/D:={table_path(DATASET)}"
    if not deleted:
        path += "/Deleted=false;Deleted::null::"
    if dataset_type is not None:
        path = narrowed(path, "D", [(DATASET_TYPE, "Dataset", "Dataset_Type", dataset_type)])
    try:
        rows, more = page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)
    except ConflictError as error:
        _refuse_without_datasets(catalog, error)
        raise
    rids = [str(row["RID"]) for row in rows]
    if not rids:
        return [], more
    where: dict[str, object] = {"Dataset": rids} if len(rids) <= _NAMED else {}
    types, versions = gather(
        [partial(select, catalog, DATASET_TYPE, where=where), partial(select, catalog, DATASET_VERSION, where=where)]
    )
    return _assemble(rows, types, versions), more


def find_datasets(catalog: Catalog, rids: Iterable[str], *, deleted: bool = False) -> dict[str, Dataset]:
    """The datasets with these RIDs, by RID, in three requests (more only when the RIDs do not fit one URL).

    Raises:
        NotFoundError: One is no dataset; the message says what it is instead, if anything.
        ConflictError: One is marked as deleted, and ``deleted`` is false.
    """
    wanted = list(dict.fromkeys(rids))
    if not wanted:
        return {}
    rows, types, versions = _read_rows(catalog, {"RID": wanted}, {"Dataset": wanted})
    missing = sorted(set(wanted) - {str(row["RID"]) for row in rows})
    if missing:
        raise _not_a_dataset(catalog, missing[0])
    found = _assemble(rows, types, versions)
    gone = [dataset.rid for dataset in found if dataset.deleted]
    if gone and not deleted:
        raise ConflictError(f"Dataset {gone[0]} is marked as deleted", hint=f"`dml dataset show {gone[0]}` shows it.")
    return {dataset.rid: dataset for dataset in found}


def find_dataset(catalog: Catalog, rid: str, *, deleted: bool = False) -> Dataset:
    """One dataset, as :func:`find_datasets` finds it."""
    return find_datasets(catalog, [rid], deleted=deleted)[rid]


def history(catalog: Catalog, rid: str) -> tuple[VersionRow, ...]:
    """The versions of a dataset, deleted or not, newest first."""
    return find_dataset(catalog, rid, deleted=True).versions


def resolve(catalog: Catalog, spec: DatasetSpec | str) -> ResolvedDataset:
    """Find the version that a specification means; see :func:`resolve_all`."""
    return resolve_all(catalog, [spec])[0]


def resolve_all(catalog: Catalog, specs: Sequence[DatasetSpec | str]) -> list[ResolvedDataset]:
    """Find the versions that specifications mean, in their order, in three requests whatever their number.

    A specification without a version means the dataset's current one.

    Raises:
        NotFoundError: A RID is no dataset, or the dataset has no such version; the message lists those there are.
        ConflictError: A dataset is marked as deleted, or the version's release was interrupted.
    """
    wanted = [DatasetSpec.of(spec) for spec in specs]
    datasets = find_datasets(catalog, [spec.rid for spec in wanted])
    return [_pick(spec, datasets[spec.rid]) for spec in wanted]


def _read_rows(
    catalog: Catalog, of_datasets: Mapping[str, object], of_others: Mapping[str, object]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows of datasets, of their types and of their versions, read at the same time."""
    try:
        datasets, types, versions = gather(
            [
                partial(select, catalog, DATASET, where=of_datasets, sort=("RCT", "RID")),
                partial(select, catalog, DATASET_TYPE, where=of_others),
                partial(select, catalog, DATASET_VERSION, where=of_others),
            ]
        )
    except ConflictError as error:
        _refuse_without_datasets(catalog, error)
        raise
    return datasets, types, versions


def _refuse_without_datasets(catalog: Catalog, error: ConflictError) -> None:
    """Say that there are no datasets at all, where that is what a refusal means.

    Raises:
        NotFoundError: The catalog has no deriva-ml schema.
    """
    if not catalog.schema().has_table(DATASET):
        hint = "`dml catalog init` makes it."
        raise NotFoundError(f"{catalog.target} has no deriva-ml schema, so no datasets", hint=hint) from error


def _pick(spec: DatasetSpec, dataset: Dataset) -> ResolvedDataset:
    if spec.version is None:
        row = dataset.current
        if row is None:
            raise NotFoundError(
                f"Dataset {dataset.rid} has no version", hint=f"`dml dataset release {dataset.rid}` makes one."
            )
    else:
        matching = [row for row in dataset.versions if row.version == spec.version]
        if not matching:
            there = ", ".join(row.text for row in dataset.versions) or "none"
            newest = f"Use {dataset.rid}@{dataset.versions[0].text}, or " if dataset.versions else ""
            raise NotFoundError(
                f"{dataset.rid}: no version {spec.version}; has {there}{' (newest first)' if there != 'none' else ''}",
                hint=f"{newest}see dml dataset history {dataset.rid}",
            )
        row = matching[0]
    if row.is_unfinished:
        raise ConflictError(
            f"Version {row.text} of dataset {dataset.rid} has no snapshot: its release was interrupted",
            hint=f"`dml dataset release {dataset.rid}` finishes it.",
        )
    return ResolvedDataset(spec, dataset, row)


def _assemble(datasets: Collection[Row], types: Collection[Row], versions: Collection[Row]) -> list[Dataset]:
    types_of: dict[str, set[str]] = defaultdict(set)
    for row in types:
        types_of[str(row["Dataset"])].add(str(row["Dataset_Type"]))
    versions_of: dict[str, list[VersionRow]] = defaultdict(list)
    for row in versions:
        if row.get("Dataset"):
            versions_of[str(row["Dataset"])].append(version_row(row))
    return [
        Dataset(
            rid=str(row["RID"]),
            description=str(row.get("Description") or ""),
            types=tuple(sorted(types_of[str(row["RID"])])),
            versions=newest_first(versions_of[str(row["RID"])]),
            deleted=bool(row.get("Deleted")),
            pointer=row.get("Version") or None,
            created=str(row.get("RCT") or ""),
        )
        for row in datasets
    ]


def newest_first(versions: Iterable[VersionRow]) -> tuple[VersionRow, ...]:
    """Versions by PEP 440, the newest first; texts that are no version come last."""
    return tuple(sorted(versions, key=_age, reverse=True))


def _age(row: VersionRow) -> tuple[bool, DatasetVersion, str]:
    return row.version is not None, row.version or DatasetVersion("0"), row.text


def version_row(row: Row) -> VersionRow:
    """Read a row of ``Dataset_Version`` as the catalog answers it."""
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


def _not_a_dataset(catalog: Catalog, rid: str) -> NotFoundError:
    found = locate(catalog, [rid]).get(rid)
    if found is None:
        return NotFoundError(f"No row {rid} in {catalog.target}", hint="`dml dataset list` shows them.")
    deleted = " (deleted)" if found.deleted else ""
    return NotFoundError(
        f"{rid} is a row of {found.qualified_name}{deleted}, not a dataset", hint="`dml dataset list` shows them."
    )
