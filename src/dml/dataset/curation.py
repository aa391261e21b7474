"""Creates and deletes datasets.

A dataset is written in an order that may be interrupted anywhere: its row, its types, its first version without a
snapshot, its members, and last the snaptime that makes the version a released one. RIDs are leased under tokens derived
from one token of the caller, so repeating a call with the same token completes what was begun and creates nothing
twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from dml.catalog.indexed_text import require_fits
from dml.catalog.rows import insert, lease_rids, select, update
from dml.catalog.schema import DATASET
from dml.catalog.vocabulary import find_term
from dml.dataset.lookup import find_dataset, find_datasets
from dml.dataset.members import descendants, group_by_table, insert_members
from dml.dataset.records import DATASET_TYPE, DATASET_VERSION, NESTED_DATASET, Dataset, VersionRow
from dml.dataset.releases import record_snapshot
from dml.dataset.version import DatasetVersion, first_version
from dml.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["create_dataset", "delete_dataset", "new_token"]


def new_token() -> str:
    """A unique token; keep it to be able to repeat :func:`create_dataset`."""
    return f"dml-dataset-{uuid4()}"


def create_dataset(
    catalog: Catalog,
    *,
    description: str,
    types: Sequence[str] = (),
    members: Iterable[str] | Mapping[str, Iterable[str]] = (),
    execution: str | None = None,
    version: DatasetVersion | str | None = None,
    token: str | None = None,
) -> Dataset:
    """Create a dataset with its types, its members and its first released version.

    Writes rows of ``Dataset``, ``Dataset_Dataset_Type``, ``Dataset_Version`` and the association tables.

    Args:
        catalog: Where to write.
        description: What the dataset is.
        types: Terms of ``Dataset_Type``, by name or synonym.
        members: RIDs of elements, or RIDs by element table, which saves looking up the table of each.
        execution: RID of the execution that creates it, recorded as producer of the version.
        version: The first version, which must be a release; None means ``0.1.0``.
        token: Identifies the dataset: a repeat with the same token completes it, or leaves it as it is.

    Returns:
        The dataset as it is in the catalog afterwards.

    Raises:
        NotFoundError: A type is not a term (the message names similar ones), or a member does not exist.
        UsageError: The version is a development version, the description is too long, or a member's table is not an
            element table.
    """
    first = DatasetVersion.of(version) if version is not None else first_version()
    if first.is_development:
        raise UsageError(f"The first version must be a release, not {first}", hint="Use --version 0.1.0.")
    require_fits("The description", description)
    by_table = group_by_table(catalog, members)
    names = sorted({find_term(catalog, "deriva-ml:Dataset_Type", name).name for name in types})
    token = token or new_token()
    tokens = [f"{token}/dataset", f"{token}/version"]
    leased = lease_rids(catalog, tokens)
    rid, version_rid = (leased[part] for part in tokens)

    row = {"RID": rid, "Description": description, "Deleted": False}
    inserted = insert(catalog, DATASET, [row], on_conflict="skip", keep_rids=True)
    if not inserted and _is_complete(begun := find_dataset(catalog, rid, deleted=True), version_rid):
        return begun
    if names:
        links = [{"Dataset": rid, "Dataset_Type": name} for name in names]
        insert(catalog, DATASET_TYPE, links, on_conflict="skip")
    version_values = {
        "RID": version_rid,
        "Dataset": rid,
        "Version": str(first),
        "Description": description,
        "Execution": execution,
    }
    insert(catalog, DATASET_VERSION, [version_values], on_conflict="skip", keep_rids=True)
    update(catalog, DATASET, [{"RID": rid, "Version": version_rid}], columns=["Version"])
    insert_members(catalog, rid, by_table)
    record_snapshot(catalog, VersionRow(version_rid, rid, str(first), first, description, execution, None, None, ""))
    return find_dataset(catalog, rid)


def delete_dataset(catalog: Catalog, rid: str, *, recurse: bool = False) -> list[str]:
    """Mark a dataset as deleted. Its rows, versions and members remain, and so does its lineage.

    Args:
        catalog: Where to write.
        rid: The dataset.
        recurse: Also mark the datasets nested in it, at any depth, except those that another dataset holds as well.

    Returns:
        RIDs of the datasets that this call marked, sorted.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is nested in a dataset that is not deleted.
    """
    find_dataset(catalog, rid, deleted=True)
    wanted = {rid, *descendants(catalog, [rid])} if recurse else {rid}
    holders: dict[str, set[str]] = {dataset: set() for dataset in wanted}
    for row in select(catalog, NESTED_DATASET, where={"Nested_Dataset": sorted(wanted)}):
        holders[str(row["Nested_Dataset"])].add(str(row["Dataset"]))
    others = {holder for held_by in holders.values() for holder in held_by} - wanted
    datasets = find_datasets(catalog, others | wanted, deleted=True)
    live = {name for name, dataset in datasets.items() if not dataset.deleted}
    if held := sorted(holders[rid] & live - wanted):
        raise ConflictError(
            f"Dataset {rid} is nested in {', '.join(held)}",
            hint=f"Take it out first with `dml dataset remove {held[0]} {rid}`.",
        )
    # Whatever a live dataset outside holds is kept, and then also what the kept ones hold, until nothing is added.
    kept: set[str] = set()
    while more := {name for name in wanted - kept - {rid} if holders[name] & (live - wanted | kept)}:
        kept |= more
    marked = sorted((wanted & live) - kept)
    if marked:
        update(catalog, DATASET, [{"RID": name, "Deleted": True} for name in marked], columns=["Deleted"])
    return marked


def _is_complete(dataset: Dataset, version_rid: str) -> bool:
    return any(row.rid == version_rid and row.snapshot for row in dataset.versions)
