"""How large a dataset version is before it is fetched, table by table, counted by the server.

The paths that the export's walk takes through the foreign keys are followed by the server itself, each with one
aggregate; requests grow with tables and their references, never with rows. Where a table is come to on one path the
figures are exact; on several paths rows may be counted more than once, and the figure is an upper bound.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from dml.catalog.concurrency import gather
from dml.catalog.read_rows import filtered_paths, read
from dml.catalog.rows import count
from dml.catalog.url import quote, table_path
from dml.dataset.export_scope import Edge, Edges, edges_of
from dml.dataset.lookup import DATASET, ResolvedDataset
from dml.dataset.members import descendants

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Schema

__all__ = ["TableEstimate", "estimate"]

_MOST_PATHS: Final = 6
"""Paths to one table that are counted; a table with more is taken to be needed whole."""

_BYTES_A_VALUE: Final = 20
"""What a value takes in a CSV file, commas included, as a rough mean over catalogs."""


@dataclass(frozen=True)
class TableEstimate:
    """What a bag would hold of one table.

    Attributes:
        table: ``schema:Table``.
        rows: Its rows, at most.
        is_asset: Whether its rows have files.
        asset_bytes: The size of these, at most.
        csv_bytes: The size of the rows as CSV, roughly.
        exact: Whether rows and files are counted exactly.
    """

    table: str
    rows: int
    is_asset: bool
    asset_bytes: int
    csv_bytes: int
    exact: bool


def estimate(catalog: Catalog, source: ResolvedDataset) -> list[TableEstimate]:
    """The tables a bag of a dataset version would hold, those without rows left out, by name.

    Args:
        catalog: Where to count: at the version's snapshot, live for a development version.
        source: The version.
    """
    reader = source.reader(catalog)
    schema = reader.schema()
    edges = edges_of(schema, source.spec.exclude_tables)
    datasets = [source.rid, *descendants(reader, [source.rid])]
    paths = _paths(edges)
    calls = [
        (table, partial(_count_path, reader, schema, datasets, table, path))
        for table, found in paths.items()
        if len(found) <= _MOST_PATHS
        for path in found
    ]
    bounded = {table for table, found in paths.items() if len(found) > _MOST_PATHS}
    vocabularies = {name for table in paths for name in edges.terms.get(table, ())}
    calls += [(table, partial(_count_whole, reader, schema, table)) for table in sorted(bounded | vocabularies)]
    counted: dict[str, list[_Count]] = defaultdict(list)
    for (table, _), one in zip(calls, gather([call for _, call in calls]), strict=True):
        if one.rows:
            counted[table].append(one)
    # Vocabularies come whole, but only those that a row may refer to.
    used = {name for table in counted for name in edges.terms.get(table, ())}
    return [
        _combined(schema, table, found, bounded=table in bounded)
        for table, found in sorted(counted.items())
        if table in used or table not in vocabularies
    ]


@dataclass(frozen=True)
class _Count:
    rows: int
    bytes: int
    exact: bool


_Path = tuple[tuple[str, str, str], ...]
"""Steps: column of the table before, next table, its column."""


def _paths(edges: Edges) -> dict[str, set[_Path]]:
    """Every way in which the walk comes to a table, no table twice on one; one with very many is not gone beyond."""
    found: dict[str, set[_Path]] = defaultdict(set)
    queue: deque[tuple[str, _Path, frozenset[str], bool]] = deque([(DATASET, (), frozenset({DATASET}), True)])
    while queue:
        table, path, passed, owns = queue.popleft()
        if path in found[table] or len(found[table]) > _MOST_PATHS:
            continue
        found[table].add(path)
        for edge, goes_on in _onward(edges, table, owns):
            inward = edge.table != table
            other = edge.table if inward else edge.other
            if other not in passed:
                step = (edge.key, other, edge.column) if inward else (edge.column, other, edge.key)
                queue.append((other, (*path, step), passed | {other}, goes_on))
    return found


def _onward(edges: Edges, table: str, owns: bool) -> Iterable[tuple[Edge, bool]]:
    """The references that are followed from a table, and whether what they lead to owns rows in turn."""
    member = edges.members.get(table)
    if owns:
        yield from ((edge, True) for edge in edges.owned.get(table, ()))
        if member is not None and member.other != DATASET:
            yield member, True
    for edge in edges.outward.get(table, ()):
        if not (owns and member is not None and edge == member):
            yield edge, False


def _count_path(reader: Catalog, schema: Schema, datasets: list[str], table: str, path: _Path) -> _Count:
    links = "".join(
        f"/({quote(column)})=({table_path(other)}:{quote(other_column)})" for column, other, other_column in path
    )
    found = schema.table(table)
    wanted = "/n:=cnt(RID),d:=cnt_d(RID)" + (",b:=sum(Length)" if found.is_asset else "")
    head = f"/aggregate/{table_path(DATASET)}"
    parts = [
        row for one in filtered_paths(reader, head, {"RID": datasets}, links + wanted) for row in read(reader, one)
    ]
    pairs, rows = sum(int(row["n"] or 0) for row in parts), sum(int(row["d"] or 0) for row in parts)
    size = sum(int(row.get("b") or 0) for row in parts)
    if pairs > rows:
        size = -(-size * rows // pairs)
    return _Count(rows, size, exact=pairs == rows and len(parts) == 1)


def _count_whole(reader: Catalog, schema: Schema, table: str) -> _Count:
    if not schema.table(table).is_asset:
        return _Count(count(reader, table), 0, exact=True)
    row = read(reader, f"/aggregate/{table_path(table)}/n:=cnt(RID),b:=sum(Length)")[0]
    return _Count(int(row["n"] or 0), int(row["b"] or 0), exact=True)


def _combined(schema: Schema, table: str, counts: list[_Count], *, bounded: bool) -> TableEstimate:
    found = schema.table(table)
    rows = sum(one.rows for one in counts)
    return TableEstimate(
        table=table,
        rows=rows,
        is_asset=found.is_asset,
        asset_bytes=sum(one.bytes for one in counts),
        csv_bytes=rows * len(found.columns) * _BYTES_A_VALUE,
        exact=len(counts) == 1 and counts[0].exact and not bounded,
    )
