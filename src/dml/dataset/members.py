"""What a dataset holds: its elements by table, and the datasets nested in it.

Membership is one row of an association table for each element: ``Dataset_Image`` for the table ``Image``,
``Dataset_Dataset`` for nested datasets. Which tables may be elements is what the schema says. Requests grow with the
number of element tables and of pages, never with rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import count, insert, locate, select
from dml.catalog.rows import delete as delete_rows
from dml.dataset.lookup import DATASET, find_dataset, find_datasets
from dml.dataset.releases import mark_dev
from dml.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Membership

__all__ = [
    "add_members",
    "by_table",
    "descendants",
    "list_members",
    "member_counts",
    "remove_members",
]

Members = dict[str, list[str]]
"""RIDs of elements by element table (``schema:Table``), sorted."""


def list_members(catalog: Catalog, rid: str, *, recurse: bool = False) -> Members:
    """The elements of a dataset by table, nested datasets among them.

    Args:
        catalog: Where to read; for a released version its snapshot (:meth:`ResolvedDataset.reader`).
        rid: The dataset.
        recurse: Whether elements of nested datasets are included, at any depth.

    Returns:
        For each table with members, their RIDs, sorted, each once.
    """
    holders = [rid, *descendants(catalog, [rid])] if recurse else [rid]
    tables = list(catalog.schema().element_tables().items())
    answers = gather(
        [
            partial(
                select,
                catalog,
                how.association.qualified_name,
                where={how.dataset_column: holders},
                columns=[how.element_column],
            )
            for _, how in tables
        ]
    )
    return {
        element: sorted({str(row[how.element_column]) for row in rows})
        for (element, how), rows in zip(tables, answers, strict=True)
        if rows
    }


def member_counts(catalog: Catalog, rid: str) -> dict[str, int]:
    """How many elements a dataset has itself, by table; tables without any are left out. One aggregate a table."""
    tables = list(catalog.schema().element_tables().items())
    counts = gather(
        [partial(count, catalog, how.association.qualified_name, {how.dataset_column: rid}) for _, how in tables]
    )
    return {element: number for (element, _), number in zip(tables, counts, strict=True) if number}


def descendants(catalog: Catalog, rids: Iterable[str]) -> list[str]:
    """The datasets nested in these at any depth, each once; one request a level. A cycle ends where it closes."""
    return _closure(catalog, rids, "Dataset", "Nested_Dataset")


def add_members(
    catalog: Catalog,
    rid: str,
    members: Iterable[str] | Mapping[str, Iterable[str]],
    *,
    description: str = "",
    execution: str | None = None,
) -> Members:
    """Add elements to a dataset; those that are members already stay as they are.

    The dataset is marked as changed (:func:`dml.dataset.releases.mark_dev`) before the first membership is
    written. A repeat adds what is missing, and writes nothing when nothing is.

    Args:
        catalog: Where to write.
        rid: The dataset.
        members: RIDs of any element tables, or RIDs by element table, which spares the look at each RID's table.
        description: What changes, for the development version.
        execution: RID of the execution that makes the change.

    Returns:
        What was added, by table.

    Raises:
        NotFoundError: The dataset or a member does not exist.
        UsageError: A member's table is no element table, or a dataset would be nested in itself.
        ConflictError: The dataset is marked as deleted.
    """
    find_dataset(catalog, rid)
    wanted = by_table(catalog, members)
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
    """Take elements out of a dataset; earlier releases keep them. What is no member is passed over.

    Returns:
        What was removed, by table.

    Raises:
        As :func:`add_members`.
    """
    find_dataset(catalog, rid)
    wanted = by_table(catalog, members)
    absent = _missing(catalog, rid, wanted)
    present = {
        table: kept for table, rids in wanted.items() if (kept := sorted(set(rids) - set(absent.get(table, ()))))
    }
    if present:
        mark_dev(catalog, rid, description=description, execution=execution)
        how = catalog.schema().element_tables()
        for table, rids in present.items():
            where = {how[table].dataset_column: rid, how[table].element_column: rids}
            delete_rows(catalog, how[table].association.qualified_name, where)
    return present


def insert_members(catalog: Catalog, rid: str, members: Mapping[str, Iterable[str]]) -> None:
    """Write memberships, without a look at versions: for a dataset whose first version is still to be sealed."""
    how = catalog.schema().element_tables()
    for table, rids in members.items():
        one = _known(how, table)
        rows = [{one.dataset_column: rid, one.element_column: element} for element in rids]
        insert(catalog, one.association.qualified_name, rows, on_conflict="skip")


def by_table(catalog: Catalog, members: Iterable[str] | Mapping[str, Iterable[str]]) -> Members:
    """Sort elements by their tables, looking up the table of each RID unless the tables are given.

    Raises:
        NotFoundError: A RID is unknown or its row is deleted.
        UsageError: A table is no element table.
    """
    how = catalog.schema().element_tables()
    if isinstance(members, Mapping):
        return {_known(how, table).element.qualified_name: sorted(set(rids)) for table, rids in members.items()}
    wanted = sorted(set(members))
    found = locate(catalog, wanted)
    absent = [rid for rid in wanted if rid not in found or found[rid].deleted]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise NotFoundError(f"No row {absent[0]} in {catalog.target}{more}")
    tables: dict[str, list[str]] = defaultdict(list)
    for rid in wanted:
        tables[found[rid].qualified_name].append(rid)
    return {_known(how, table).element.qualified_name: rids for table, rids in tables.items()}


def _known(how: Mapping[str, Membership], table: str) -> Membership:
    if table in how:
        return how[table]
    named = [one for element, one in how.items() if element.partition(":")[2] == table]
    if len(named) == 1:
        return named[0]
    raise UsageError(
        f"Rows of {table} cannot be members of a dataset",
        hint=f"Element tables are {', '.join(sorted(how))}; `dml dataset element-type {table}` adds it.",
    )


def _missing(catalog: Catalog, rid: str, wanted: Members) -> Members:
    how = catalog.schema().element_tables()
    missing = {}
    for table, rids in wanted.items():
        one = how[table]
        where = {one.dataset_column: rid}
        rows = select(catalog, one.association.qualified_name, where=where, columns=[one.element_column])
        if left := sorted(set(rids) - {str(row[one.element_column]) for row in rows}):
            missing[table] = left
    return missing


def _refuse_cycles(catalog: Catalog, rid: str, nested: list[str]) -> None:
    if not nested:
        return
    gone = [one.rid for one in find_datasets(catalog, nested, deleted=True).values() if one.deleted]
    if gone:
        raise ConflictError(f"Dataset {gone[0]} is marked as deleted and cannot be nested in {rid}")
    above = {rid, *_closure(catalog, [rid], "Nested_Dataset", "Dataset")}
    if closing := sorted(above & set(nested)):
        raise UsageError(f"Dataset {closing[0]} cannot be nested in {rid}: that would nest it in itself")


def _closure(catalog: Catalog, rids: Iterable[str], given: str, wanted: str) -> list[str]:
    start = list(rids)
    seen: dict[str, None] = dict.fromkeys(start)
    level = start
    while level:
        rows = select(catalog, "deriva-ml:Dataset_Dataset", where={given: level}, columns=[wanted])
        level = sorted({str(row[wanted]) for row in rows} - seen.keys())
        seen.update(dict.fromkeys(level))
    return [rid for rid in seen if rid not in start]
