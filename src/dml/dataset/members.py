"""The members of datasets: their elements by table, and the datasets nested in them.

Each membership is a row of an association table: ``Dataset_Image`` for the table ``Image``, ``Dataset_Dataset`` for
nested datasets. The schema says which tables may be elements. The number of requests depends on the number of element
tables and of pages, not of rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import count, insert, locate, select
from dml.catalog.rows import delete as delete_rows
from dml.catalog.schema import DATASET
from dml.dataset.lookup import find_dataset, find_datasets
from dml.dataset.records import NESTED_DATASET
from dml.dataset.releases import mark_dev
from dml.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Membership

__all__ = [
    "add_members",
    "descendants",
    "group_by_table",
    "insert_members",
    "list_members",
    "member_counts",
    "remove_members",
]

Members = dict[str, list[str]]
"""RIDs of elements by element table (``schema:Table``), sorted."""


def list_members(catalog: Catalog, rid: str, *, recurse: bool = False) -> Members:
    """The elements of a dataset by table, nested datasets included as elements.

    Args:
        catalog: Where to read; for a released version its snapshot (:meth:`ResolvedDataset.reader`).
        rid: The dataset.
        recurse: Include elements of nested datasets, at any depth.

    Returns:
        For each table with members their RIDs, sorted, each once.
    """
    datasets = [rid, *descendants(catalog, [rid])] if recurse else [rid]
    tables = list(catalog.schema().element_tables().items())
    answers = gather(
        [
            partial(
                select,
                catalog,
                membership.association.qualified_name,
                where={membership.dataset_column: datasets},
                columns=[membership.element_column],
            )
            for _, membership in tables
        ]
    )
    return {
        table: sorted({str(row[membership.element_column]) for row in rows})
        for (table, membership), rows in zip(tables, answers, strict=True)
        if rows
    }


def member_counts(catalog: Catalog, rid: str) -> dict[str, int]:
    """Number of a dataset's own elements by table, without tables that have none; one aggregate per table."""
    tables = list(catalog.schema().element_tables().items())
    counts = gather(
        [
            partial(count, catalog, membership.association.qualified_name, {membership.dataset_column: rid})
            for _, membership in tables
        ]
    )
    return {table: number for (table, _), number in zip(tables, counts, strict=True) if number}


def descendants(catalog: Catalog, rids: Iterable[str]) -> list[str]:
    """The datasets nested in these at any depth, each once, cycles included; one request per level."""
    return _closure(catalog, rids, "Dataset", "Nested_Dataset")


def add_members(
    catalog: Catalog,
    rid: str,
    members: Iterable[str] | Mapping[str, Iterable[str]],
    *,
    description: str = "",
    execution: str | None = None,
) -> Members:
    """Add elements to a dataset, except those that are already members.

    The dataset is marked as changed (:func:`dml.dataset.releases.mark_dev`) before the first membership is written. A
    repeat adds what is missing, and writes nothing when nothing is.

    Args:
        catalog: Where to write.
        rid: The dataset.
        members: RIDs of elements, or RIDs by element table, which saves looking up the table of each.
        description: What changes, for the development version.
        execution: RID of the execution that makes the change.

    Returns:
        What was added, by table.

    Raises:
        NotFoundError: The dataset or a member does not exist.
        UsageError: A member's table is not an element table, or a dataset would be nested in itself.
        ConflictError: The dataset is marked as deleted.
    """
    find_dataset(catalog, rid)
    wanted = group_by_table(catalog, members)
    _refuse_cycles(catalog, rid, wanted.get(DATASET, []))
    missing = _missing(catalog, rid, wanted)
    if missing:
        mark_dev(catalog, rid, description=description, execution=execution)
        insert_members(catalog, rid, missing)
    return missing


def remove_members(
    catalog: Catalog,
    rid: str,
    members: Iterable[str] | Mapping[str, Iterable[str]],
    *,
    description: str = "",
    execution: str | None = None,
) -> Members:
    """Remove elements from a dataset, ignoring those that are not members; earlier releases keep them.

    Returns:
        What was removed, by table.

    Raises:
        As :func:`add_members`.
    """
    find_dataset(catalog, rid)
    wanted = group_by_table(catalog, members)
    absent = _missing(catalog, rid, wanted)
    present = {
        table: kept for table, rids in wanted.items() if (kept := sorted(set(rids) - set(absent.get(table, ()))))
    }
    if present:
        mark_dev(catalog, rid, description=description, execution=execution)
        memberships = catalog.schema().element_tables()
        for table, rids in present.items():
            membership = memberships[table]
            where = {membership.dataset_column: rid, membership.element_column: rids}
            delete_rows(catalog, membership.association.qualified_name, where)
    return present


def insert_members(catalog: Catalog, rid: str, members: Mapping[str, Iterable[str]]) -> None:
    """Write memberships without marking the dataset as changed: for one whose first version is not released yet."""
    memberships = catalog.schema().element_tables()
    for table, rids in members.items():
        membership = _membership(memberships, table)
        rows = [{membership.dataset_column: rid, membership.element_column: element} for element in rids]
        insert(catalog, membership.association.qualified_name, rows, on_conflict="skip")


def group_by_table(catalog: Catalog, members: Iterable[str] | Mapping[str, Iterable[str]]) -> Members:
    """Group elements by their tables, which are looked up unless they are given.

    Raises:
        NotFoundError: There is no row with a RID, or it is deleted.
        UsageError: A table is not an element table.
    """
    memberships = catalog.schema().element_tables()
    if isinstance(members, Mapping):
        return {_membership(memberships, name).element.qualified_name: sorted(set(r)) for name, r in members.items()}
    wanted = sorted(set(members))
    locations = locate(catalog, wanted)
    absent = [rid for rid in wanted if rid not in locations or locations[rid].deleted]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise NotFoundError(f"No row {absent[0]} in {catalog.target}{more}")
    tables: dict[str, list[str]] = defaultdict(list)
    for rid in wanted:
        tables[locations[rid].qualified_name].append(rid)
    return {_membership(memberships, table).element.qualified_name: rids for table, rids in tables.items()}


def _membership(memberships: Mapping[str, Membership], table: str) -> Membership:
    if table in memberships:
        return memberships[table]
    named = [membership for name, membership in memberships.items() if name.partition(":")[2] == table]
    if len(named) == 1:
        return named[0]
    raise UsageError(
        f"Rows of {table} cannot be members of a dataset",
        hint=f"Element tables are {', '.join(sorted(memberships))}. Add it with `dml dataset element-type {table}`.",
    )


def _missing(catalog: Catalog, rid: str, wanted: Members) -> Members:
    """Those of the elements that are not members."""
    memberships = catalog.schema().element_tables()
    missing = {}
    for table, rids in wanted.items():
        column = memberships[table].element_column
        where = {memberships[table].dataset_column: rid}
        rows = select(catalog, memberships[table].association.qualified_name, where=where, columns=[column])
        if absent := sorted(set(rids) - {str(row[column]) for row in rows}):
            missing[table] = absent
    return missing


def _refuse_cycles(catalog: Catalog, rid: str, nested: list[str]) -> None:
    if not nested:
        return
    datasets = find_datasets(catalog, nested, deleted=True).values()
    deleted = next((dataset.rid for dataset in datasets if dataset.deleted), None)
    if deleted:
        raise ConflictError(f"Dataset {deleted} is marked as deleted and cannot be nested in {rid}")
    ancestors = {rid, *_closure(catalog, [rid], "Nested_Dataset", "Dataset")}
    if closing := sorted(ancestors & set(nested)):
        raise UsageError(f"Dataset {closing[0]} cannot be nested in {rid}: it would be nested in itself")


def _closure(catalog: Catalog, rids: Iterable[str], near: str, far: str) -> list[str]:
    """The datasets reached from these by following nesting from column ``near`` to column ``far``."""
    start = list(rids)
    seen: dict[str, None] = dict.fromkeys(start)
    level = start
    while level:
        rows = select(catalog, NESTED_DATASET, where={near: level}, columns=[far])
        level = sorted({str(row[far]) for row in rows} - seen.keys())
        seen.update(dict.fromkeys(level))
    return [rid for rid in seen if rid not in start]
