"""Finds datasets and their versions; the number of requests does not depend on the number of rows.

The current version of a dataset is the greatest of its ``Dataset_Version`` rows by PEP 440, as in deriva-ml. The column
``Dataset.Version`` is not used for this, because older tools do not keep it up to date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.paging import narrowed, page
from dml.catalog.rows import Row, locate, select
from dml.catalog.schema import DATASET
from dml.catalog.url import table_path
from dml.dataset.records import (
    DATASET_TYPE,
    DATASET_VERSION,
    Dataset,
    ResolvedDataset,
    VersionRow,
    newest_first,
    version_row,
)
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "datasets_page",
    "find_dataset",
    "find_datasets",
    "history",
    "list_datasets",
    "pick_version",
    "read_versions",
    "resolve",
    "resolve_all",
]

_MAX_RIDS = 200
"""RIDs of datasets that fit into one URL; types and versions of more datasets are read whole."""


def list_datasets(catalog: Catalog, *, dataset_type: str | None = None, deleted: bool = False) -> list[Dataset]:
    """Every dataset of the catalog with its types and versions, oldest first, in three requests.

    Args:
        catalog: Where to read.
        dataset_type: Only datasets of this type.
        deleted: Include those marked as deleted.
    """
    return [
        dataset
        for dataset in _assemble(*_read_rows(catalog, {}, {}))
        if (deleted or not dataset.deleted) and (dataset_type is None or dataset_type in dataset.types)
    ]


def datasets_page(
    catalog: Catalog, *, dataset_type: str | None = None, deleted: bool = False, limit: int | None = None
) -> tuple[list[Dataset], bool]:
    """Datasets with their types and versions, newest first, and whether there are more; three requests.

    Args:
        catalog: Where to read.
        dataset_type: Only datasets of this type, by the name of its term or by a synonym.
        deleted: Include those marked as deleted.
        limit: Maximum number of datasets; None for all.

    Raises:
        NotFoundError: There is no such type; the message names similar ones.
    """
    datasets, more = _page(catalog, dataset_type, deleted, limit)
    if dataset_type is not None and not datasets:
        from dml.catalog.vocabulary import find_term

        term = find_term(catalog, "deriva-ml:Dataset_Type", dataset_type).name
        if term != dataset_type:
            return _page(catalog, term, deleted, limit)
    return datasets, more


def find_datasets(catalog: Catalog, rids: Iterable[str], *, deleted: bool = False) -> dict[str, Dataset]:
    """The datasets with these RIDs, by RID, in three requests; more only when the RIDs do not fit one URL.

    Raises:
        NotFoundError: One is not a dataset; the message says what else it is.
        ConflictError: One is marked as deleted, and ``deleted`` is false.
    """
    wanted = list(dict.fromkeys(rids))
    if not wanted:
        return {}
    rows, types, versions = _read_rows(catalog, {"RID": wanted}, {"Dataset": wanted})
    missing = sorted(set(wanted) - {str(row["RID"]) for row in rows})
    if missing:
        raise _not_a_dataset(catalog, missing[0])
    datasets = _assemble(rows, types, versions)
    gone = next((dataset.rid for dataset in datasets if dataset.deleted), None)
    if gone and not deleted:
        raise ConflictError(f"Dataset {gone} is marked as deleted", hint=f"`dml dataset show {gone}` shows it.")
    return {dataset.rid: dataset for dataset in datasets}


def find_dataset(catalog: Catalog, rid: str, *, deleted: bool = False) -> Dataset:
    """The dataset with this RID; see :func:`find_datasets`."""
    return find_datasets(catalog, [rid], deleted=deleted)[rid]


def history(catalog: Catalog, rid: str) -> tuple[VersionRow, ...]:
    """The versions of a dataset, newest first, even if it is marked as deleted."""
    return find_dataset(catalog, rid, deleted=True).versions


def read_versions(catalog: Catalog, rid: str) -> tuple[VersionRow, ...]:
    """The versions of a dataset, newest first, in one request; empty also when the RID is not a dataset's."""
    return newest_first(version_row(row) for row in select(catalog, DATASET_VERSION, where={"Dataset": rid}))


def resolve(catalog: Catalog, spec: DatasetSpec | str) -> ResolvedDataset:
    """The version that a specification means; see :func:`resolve_all`."""
    return resolve_all(catalog, [spec])[0]


def resolve_all(catalog: Catalog, specs: Sequence[DatasetSpec | str]) -> list[ResolvedDataset]:
    """The versions that specifications mean, in their order, in three requests whatever their number.

    A specification without a version means the current one of its dataset.

    Raises:
        NotFoundError: A RID is not a dataset's, or there is no such version; the message lists those that exist.
        ConflictError: A dataset is marked as deleted, or the release of the version was interrupted.
    """
    wanted = [DatasetSpec.of(spec) for spec in specs]
    datasets = find_datasets(catalog, [spec.rid for spec in wanted])
    return [pick_version(spec, datasets[spec.rid]) for spec in wanted]


def pick_version(spec: DatasetSpec, dataset: Dataset) -> ResolvedDataset:
    """The version of a dataset that a specification means; no request.

    Raises:
        NotFoundError: There is no such version; the message lists those that exist.
        ConflictError: Its release was interrupted.
    """
    row = next((row for row in dataset.versions if spec.version in (None, row.version)), None)
    if row is None and spec.version is None:
        raise NotFoundError(
            f"Dataset {dataset.rid} has no version", hint=f"Create one with `dml dataset release {dataset.rid}`."
        )
    if row is None:
        known = ", ".join(version.text for version in dataset.versions)
        newest = f"Use {dataset.rid}@{dataset.versions[0].text}, or " if dataset.versions else ""
        raise NotFoundError(
            f"{dataset.rid}: no version {spec.version}; has {f'{known} (newest first)' if known else 'none'}",
            hint=f"{newest}see dml dataset history {dataset.rid}",
        )
    if row.is_unfinished:
        raise ConflictError(
            f"Version {row.text} of dataset {dataset.rid} has no snapshot: its release was interrupted",
            hint=f"Finish it with `dml dataset release {dataset.rid}`.",
        )
    return ResolvedDataset(spec, dataset, row)


def _page(catalog: Catalog, dataset_type: str | None, deleted: bool, limit: int | None) -> tuple[list[Dataset], bool]:
    path = f"/entity/D:={table_path(DATASET)}"
    if not deleted:
        path += "/Deleted=false;Deleted::null::"
    if dataset_type is not None:
        path = narrowed(path, "D", [(DATASET_TYPE, "Dataset", "Dataset_Type", dataset_type)])
    try:
        rows, more = page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)
    except ConflictError as error:
        _require_datasets(catalog, error)
        raise
    rids = [str(row["RID"]) for row in rows]
    if not rids:
        return [], more
    where: dict[str, object] = {"Dataset": rids} if len(rids) <= _MAX_RIDS else {}
    types, versions = gather(
        [partial(select, catalog, DATASET_TYPE, where=where), partial(select, catalog, DATASET_VERSION, where=where)]
    )
    return _assemble(rows, types, versions), more


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
        _require_datasets(catalog, error)
        raise
    return datasets, types, versions


def _require_datasets(catalog: Catalog, error: ConflictError) -> None:
    """Explain an error of the server where the catalog has no datasets at all.

    Raises:
        NotFoundError: The catalog has no deriva-ml schema.
    """
    if not catalog.schema().has_table(DATASET):
        raise NotFoundError(
            f"{catalog.target} has no deriva-ml schema, and therefore no datasets",
            hint="Create the schema with `dml catalog init`.",
        ) from error


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


def _not_a_dataset(catalog: Catalog, rid: str) -> NotFoundError:
    hint = "List datasets with `dml dataset list`."
    location = locate(catalog, [rid]).get(rid)
    if location is None:
        return NotFoundError(f"No row {rid} in {catalog.target}", hint=hint)
    deleted = " (deleted)" if location.deleted else ""
    return NotFoundError(f"{rid} is a row of {location.qualified_name}{deleted}, not a dataset", hint=hint)
