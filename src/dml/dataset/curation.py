"""Making and deleting datasets.

A dataset is written in an order that can be cut anywhere: its row, its types, its first version without a
snapshot, its members, and last the snaptime that makes the version a released one. Row RIDs are leased under
tokens derived from one token of the caller's, so that a repeat with the same token completes what was begun and
makes nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from dml.catalog.indexed_text import require_fits
from dml.catalog.rows import insert, lease_rids, select, update
from dml.catalog.vocabulary import find_term
from dml.dataset.lookup import DATASET, DATASET_TYPE, DATASET_VERSION, Dataset, VersionRow, find_dataset, find_datasets
from dml.dataset.members import descendants, insert_members
from dml.dataset.releases import seal
from dml.dataset.version import DatasetVersion, first_version
from dml.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["create_dataset", "delete_dataset", "new_token"]


def new_token() -> str:
    """A token that no other caller has; keep it to be able to repeat :func:`create_dataset`."""
    return f"dml-dataset-{uuid4()}"


def create_dataset(
    catalog: Catalog,
    *,
    description: str,
    types: Sequence[str] = (),
    members: Mapping[str, Iterable[str]] | None = None,
    execution: str | None = None,
    version: DatasetVersion | str | None = None,
    token: str | None = None,
) -> Dataset:
    """Make a dataset with its types, its members and its first released version.

    Writes rows of ``Dataset``, ``Dataset_Dataset_Type``, ``Dataset_Version`` and of the association tables.

    Args:
        catalog: Where to write.
        description: What the dataset is.
        types: Terms of ``Dataset_Type``, by name or synonym.
        members: RIDs of elements by element table; the first version holds them.
        execution: RID of the execution that makes it, recorded as the version's producer.
        version: The number of the first version, a release; ``0.1.0`` when None.
        token: The same token makes the same dataset: a repeat completes it, or leaves it as it is.

    Returns:
        The dataset as it is in the catalog afterwards.

    Raises:
        NotFoundError: A type is no term; the message names near ones.
        UsageError: The version is a development version, or a table is no element table.
    """
    first = DatasetVersion.of(version) if version is not None else first_version()
    if first.is_development:
        raise UsageError(f"A dataset begins with a release, not with {first}", hint="Write --version 0.1.0.")
    require_fits("The description", description)
    names = sorted({find_term(catalog, "deriva-ml:Dataset_Type", name).name for name in types})
    token = token or new_token()
    tokens = [f"{token}/dataset", f"{token}/version"]
    leased = lease_rids(catalog, tokens)
    rid, version_rid = (leased[one] for one in tokens)

    row = {"RID": rid, "Description": description, "Deleted": False}
    made = insert(catalog, DATASET, [row], on_conflict="skip", keep_rids=True)
    if not made and _is_complete(begun := find_dataset(catalog, rid, deleted=True), version_rid):
        return begun
    typed = [{"Dataset": rid, "Dataset_Type": name} for name in names]
    if typed:
        insert(catalog, DATASET_TYPE, typed, on_conflict="skip")
    entry = {
        "RID": version_rid,
        "Dataset": rid,
        "Version": str(first),
        "Description": description,
        "Execution": execution,
    }
    insert(catalog, DATASET_VERSION, [entry], on_conflict="skip", keep_rids=True)
    update(catalog, DATASET, [{"RID": rid, "Version": version_rid}], columns=["Version"])
    insert_members(catalog, rid, members or {})
    seal(catalog, VersionRow(version_rid, rid, str(first), first, description, execution, None, None, ""))
    return find_dataset(catalog, rid)


def delete_dataset(catalog: Catalog, rid: str, *, recurse: bool = False) -> list[str]:
    """Mark a dataset as deleted. Its rows, versions and members stay, so that lineage stays whole.

    Args:
        catalog: Where to write.
        rid: The dataset.
        recurse: Whether the datasets nested in it, at any depth, are marked too; those that other datasets hold
            as well are left.

    Returns:
        The RIDs marked by this call, sorted; empty when nothing was left to do.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: A dataset that is not deleted holds this one.
    """
    find_dataset(catalog, rid, deleted=True)
    wanted = {rid, *descendants(catalog, [rid])} if recurse else {rid}
    holders: dict[str, set[str]] = {one: set() for one in wanted}
    for row in select(catalog, "deriva-ml:Dataset_Dataset", where={"Nested_Dataset": sorted(wanted)}):
        holders[str(row["Nested_Dataset"])].add(str(row["Dataset"]))
    others = {holder for held_by in holders.values() for holder in held_by} - wanted
    live = {one for one, found in find_datasets(catalog, others | wanted, deleted=True).items() if not found.deleted}
    if held := sorted(holders[rid] & live - wanted):
        raise ConflictError(
            f"Dataset {rid} is nested in {', '.join(held)}",
            hint=f"`dml dataset remove {held[0]} {rid}` takes it out first.",
        )
    kept: set[str] = set()
    while more := {one for one in wanted - kept - {rid} if holders[one] & (live - wanted | kept)}:
        kept |= more
    marked = sorted((wanted & live) - kept)
    if marked:
        update(catalog, DATASET, [{"RID": one, "Deleted": True} for one in marked], columns=["Deleted"])
    return marked


def _is_complete(dataset: Dataset, version_rid: str) -> bool:
    return any(row.rid == version_rid and row.snapshot for row in dataset.versions)
