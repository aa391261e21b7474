"""The size of a dataset version before it is fetched, table by table, counted by the server.

The server follows the foreign-key paths of an export itself, each with one aggregate; the number of requests depends on
tables and their references, not on rows. Where one path leads to a table the numbers are exact. Where several do, rows
may be counted more than once, and the numbers are upper bounds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dml.catalog.concurrency import gather
from dml.catalog.read_rows import filtered_paths, read
from dml.catalog.rows import count
from dml.catalog.schema import DATASET
from dml.catalog.url import quote, table_path
from dml.dataset.export_scope import Reference, References, references_of
from dml.dataset.members import descendants

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Schema
    from dml.dataset.records import ResolvedDataset

__all__ = ["Estimate", "TableEstimate", "estimate"]

_MAX_PATHS: Final = 6
"""Paths to one table that are counted; a table with more is counted whole."""

_BYTES_PER_VALUE: Final = 20
"""Rough mean size of a value in a CSV file, with its comma."""


@dataclass(frozen=True)
class TableEstimate:
    """What a bag would hold of one table.

    Attributes:
        table: ``schema:Table``.
        rows: Number of rows, at most.
        is_asset: Whether its rows have files.
        asset_bytes: Size of the files, at most.
        csv_bytes: Approximate size of the rows as CSV.
        exact: Whether rows and files are counted exactly.
    """

    table: str
    rows: int
    is_asset: bool
    asset_bytes: int
    csv_bytes: int
    exact: bool


@dataclass(frozen=True)
class Estimate:
    """What a bag of a dataset version would hold, by table."""

    tables: tuple[TableEstimate, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def assets(self) -> int:
        """Number of files."""
        return sum(table.rows for table in self.tables if table.is_asset)

    @property
    def asset_bytes(self) -> int:
        """Size of all files."""
        return sum(table.asset_bytes for table in self.tables)

    @property
    def csv_bytes(self) -> int:
        """Approximate size of the rows as CSV."""
        return sum(table.csv_bytes for table in self.tables)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form, with the keys of deriva-ml's ``estimate_bag_size``."""
        return {
            "tables": {
                table.table: {
                    "row_count": table.rows,
                    "is_asset": table.is_asset,
                    "asset_bytes": table.asset_bytes,
                    "csv_bytes": table.csv_bytes,
                    "exact": table.exact,
                }
                for table in self.tables
            },
            "total_rows": self.rows,
            "total_asset_bytes": self.asset_bytes,
            "total_csv_bytes": self.csv_bytes,
            "total_estimated_bytes": self.asset_bytes + self.csv_bytes,
        }


def estimate(catalog: Catalog, source: ResolvedDataset) -> Estimate:
    """The tables that a bag of a dataset version would hold, by name; those without rows are left out.

    Args:
        catalog: Where to count: at the version's snapshot, live for a development version.
        source: The version.
    """
    reader = source.reader(catalog)
    schema = reader.schema()
    references = references_of(schema, source.spec.exclude_tables)
    datasets = [source.rid, *descendants(reader, [source.rid])]
    paths = _paths(references)
    # Tables with too many paths, and vocabularies, are counted whole.
    crowded = {table for table, routes in paths.items() if len(routes) > _MAX_PATHS}
    vocabularies = {name for table in paths for name in references.vocabularies.get(table, ())}
    calls = [
        (table, partial(_count_path, reader, schema, datasets, table, path))
        for table, routes in paths.items()
        if table not in crowded
        for path in routes
    ]
    calls += [(table, partial(_count_whole, reader, schema, table)) for table in sorted(crowded | vocabularies)]
    counts: dict[str, list[_Count]] = defaultdict(list)
    for (table, _), result in zip(calls, gather([call for _, call in calls]), strict=True):
        if result.rows:
            counts[table].append(result)
    # An export takes vocabularies whole, but only those that a row may refer to.
    used = {name for table in counts for name in references.vocabularies.get(table, ())}
    return Estimate(
        tuple(
            _table_estimate(schema, table, results, crowded=table in crowded)
            for table, results in sorted(counts.items())
            if table in used or table not in vocabularies
        )
    )


@dataclass(frozen=True)
class _Count:
    rows: int
    bytes: int
    exact: bool


_Path = tuple[tuple[str, str, str], ...]
"""Steps of a join: column of the previous table, next table, its column."""


def _paths(references: References) -> dict[str, set[_Path]]:
    """Every path on which an export reaches a table without passing a table twice.

    A table with more than ``_MAX_PATHS`` paths is not followed further, or their number would explode.
    """
    paths: dict[str, set[_Path]] = defaultdict(set)
    queue: deque[tuple[str, _Path, frozenset[str], bool]] = deque([(DATASET, (), frozenset({DATASET}), True)])
    while queue:
        table, path, passed, owns = queue.popleft()
        if path in paths[table] or len(paths[table]) > _MAX_PATHS:
            continue
        paths[table].add(path)
        for reference, owns_next in _next_references(references, table, owns):
            is_inward = reference.table != table
            target = reference.table if is_inward else reference.target
            if target not in passed:
                columns = (reference.target_column, reference.column)
                near, far = columns if is_inward else reversed(columns)
                queue.append((target, (*path, (near, target, far)), passed | {target}, owns_next))
    return paths


def _next_references(references: References, table: str, owns: bool) -> Iterable[tuple[Reference, bool]]:
    """The references that an export follows from a table, and whether the rows they lead to own rows in turn."""
    member = references.members.get(table)
    if owns:
        yield from ((reference, True) for reference in references.owned.get(table, ()))
        if member is not None and member.target != DATASET:
            yield member, True
    for reference in references.outward.get(table, ()):
        if not (owns and member is not None and reference == member):
            yield reference, False


def _count_path(reader: Catalog, schema: Schema, datasets: list[str], table: str, path: _Path) -> _Count:
    """Count the rows of a table that one path reaches.

    A row may be reached several times on one path. The aggregate counts both pairs and distinct rows; the size of the
    files is summed over pairs and scaled down. Datasets that do not fit one URL are counted in parts, which may
    overlap.
    """
    joins = "".join(
        f"/({quote(column)})=({table_path(target)}:{quote(target_column)})" for column, target, target_column in path
    )
    aggregate = "/n:=cnt(RID),d:=cnt_d(RID)" + (",b:=sum(Length)" if schema.table(table).is_asset else "")
    head = f"/aggregate/{table_path(DATASET)}"
    urls = filtered_paths(reader, head, {"RID": datasets}, joins + aggregate)
    parts = [row for url in urls for row in read(reader, url)]
    pairs, rows = sum(int(row["n"] or 0) for row in parts), sum(int(row["d"] or 0) for row in parts)
    size = sum(int(row.get("b") or 0) for row in parts)
    if pairs > rows:
        size = -(-size * rows // pairs)  # rounded up
    return _Count(rows, size, exact=pairs == rows and len(parts) == 1)


def _count_whole(reader: Catalog, schema: Schema, table: str) -> _Count:
    if not schema.table(table).is_asset:
        return _Count(count(reader, table), 0, exact=True)
    row = read(reader, f"/aggregate/{table_path(table)}/n:=cnt(RID),b:=sum(Length)")[0]
    return _Count(int(row["n"] or 0), int(row["b"] or 0), exact=True)


def _table_estimate(schema: Schema, table: str, counts: list[_Count], *, crowded: bool) -> TableEstimate:
    definition = schema.table(table)
    rows = sum(part.rows for part in counts)
    return TableEstimate(
        table=table,
        rows=rows,
        is_asset=definition.is_asset,
        asset_bytes=sum(part.bytes for part in counts),
        csv_bytes=rows * len(definition.columns) * _BYTES_PER_VALUE,
        exact=len(counts) == 1 and counts[0].exact and not crowded,
    )
