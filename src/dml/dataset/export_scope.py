"""Which rows belong to a dataset: its members, what describes them, and what all of that refers to.

Rules of the walk, over foreign keys of one column:

* a dataset of the export brings its versions, types and memberships, and each membership its member;
* a member *owns* the rows that refer to it (feature values, files of a subject, associations), and these own theirs;
* every row brings the rows it refers to; those are not owned, so a subject reached from an image does not bring
  the subject's other images;
* executions and workflows end the walk: they are brought as rows, and nothing is followed from them;
* memberships are followed from the dataset's side only, so a shared member does not bring other datasets;
* vocabularies that any of this refers to come whole.

Requests grow with tables, not with rows: a few RIDs are asked for as such, many by reading the table once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from dml.catalog.rows import Row, select
from dml.dataset.lookup import DATASET, DATASET_VERSION

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Schema, Table

__all__ = ["Edge", "Edges", "RowSource", "TableReader", "edges_of", "reach"]

Reached = dict[str, dict[str, Row]]
"""Rows by RID, by ``schema:Table``."""

_ENDS: Final = frozenset({"deriva-ml:Execution", "deriva-ml:Workflow"})
_USES: Final = frozenset({"deriva-ml:Dataset_Execution", "deriva-ml:Execution_Execution"})
"""Tables that say how things were used; what happens after a release is no part of it."""

_SERVERS_OWN: Final = frozenset({"public", "www"})
_OF_DATASETS: Final = frozenset({DATASET_VERSION, "deriva-ml:Dataset_Dataset_Type", "deriva-ml:Directory_Dataset"})


class RowSource(Protocol):
    """Where the walk reads."""

    def matching(self, table: str, column: str, values: set[str]) -> list[Row]:
        """The rows of a table whose column holds one of the values."""

    def whole(self, table: str) -> list[Row]:
        """All rows of a table."""


@dataclass(frozen=True)
class Edge:
    """A foreign key of one column: ``table.column`` refers to ``other.key``."""

    table: str
    column: str
    other: str
    key: str


@dataclass(frozen=True)
class Edges:
    """The foreign keys of a schema as the walk follows them.

    Attributes:
        outward: By table, the references its rows follow.
        owned: By table, the references to it whose rows it owns.
        members: By membership table, the reference to the member.
        terms: By table, the vocabularies it refers to.
    """

    outward: Mapping[str, tuple[Edge, ...]]
    owned: Mapping[str, tuple[Edge, ...]]
    members: Mapping[str, Edge]
    terms: Mapping[str, tuple[str, ...]]


def edges_of(schema: Schema, exclude: Iterable[str] = ()) -> Edges:
    """Sort the foreign keys of a schema by the rules of the walk.

    Args:
        schema: The schema.
        exclude: Tables that are left out, as ``schema:Table`` or by name alone.
    """
    excluded = set(exclude)
    tables = {
        name: table
        for name, table in schema.tables.items()
        if table.schema.lower() not in _SERVERS_OWN and not {name, table.name} & excluded
    }
    memberships = {one.association.qualified_name: one for one in schema.element_tables().values()}
    outward: dict[str, list[Edge]] = defaultdict(list)
    owned: dict[str, list[Edge]] = defaultdict(list)
    terms: dict[str, list[str]] = defaultdict(list)
    members: dict[str, Edge] = {}
    for name, table in tables.items():
        for edge in (edge for edge in _references(table) if edge.other in tables):
            membership = memberships.get(name)
            if tables[edge.other].is_vocabulary:
                terms[name].append(edge.other)
                continue
            if name not in _ENDS:
                outward[name].append(edge)
            if membership is not None and edge.column == membership.element_column:
                members[name] = edge
            elif _is_owned(edge, membership is not None):
                owned[edge.other].append(edge)
    return Edges(
        outward={name: tuple(found) for name, found in outward.items()},
        owned={name: tuple(found) for name, found in owned.items()},
        members=members,
        terms={name: tuple(found) for name, found in terms.items()},
    )


def _references(table: Table) -> list[Edge]:
    return [
        Edge(table.qualified_name, key.columns[0], key.table, key.referenced[0])
        for key in table.foreign_keys
        if len(key.columns) == 1
    ]


def _is_owned(edge: Edge, is_membership: bool) -> bool:
    if edge.table in _ENDS | _USES or edge.table == DATASET or edge.other in _ENDS:
        return False
    return edge.other != DATASET or is_membership or edge.table in _OF_DATASETS


def reach(source: RowSource, edges: Edges, datasets: Iterable[str]) -> Reached:
    """The rows that belong to datasets.

    Args:
        source: Where to read.
        edges: The foreign keys, from :func:`edges_of`.
        datasets: RIDs of the datasets, nested ones included.

    Returns:
        Rows by RID, by table; tables without rows are left out.
    """
    reached = _owned(source, edges, set(datasets))
    _add_references(source, edges, reached)
    for vocabulary in sorted(_vocabularies_of(edges, reached)):
        reached[vocabulary] = _by_rid(source.whole(vocabulary))
    return {table: rows for table, rows in reached.items() if rows}


def _owned(source: RowSource, edges: Edges, datasets: set[str]) -> Reached:
    """The datasets, their members, and what these own."""
    owned: Reached = defaultdict(dict)
    fresh: Reached = {DATASET: _by_rid(source.matching(DATASET, "RID", datasets))}
    while fresh:
        for table, rows in fresh.items():
            owned[table].update(rows)
        found: Reached = defaultdict(dict)
        for table, rows in fresh.items():
            for edge in edges.owned.get(table, ()):
                found[edge.table].update(_rows_of(source, edge.table, edge.column, _values(rows, edge.key)))
            if (member := edges.members.get(table)) is not None and member.other != DATASET:
                found[member.other].update(_rows_of(source, member.other, member.key, _values(rows, member.column)))
        fresh = _new(found, owned)
    return owned


def _add_references(source: RowSource, edges: Edges, reached: Reached) -> None:
    """What rows refer to, and what that refers to, until nothing is new."""
    fresh: Reached = dict(reached)
    while fresh:
        wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
        for table, rows in fresh.items():
            for edge in edges.outward.get(table, ()):
                wanted[edge.other, edge.key] |= _values(rows, edge.column)
        found: Reached = defaultdict(dict)
        for (table, key), values in wanted.items():
            missing = values - _values(reached.get(table, {}), key)
            found[table].update(_rows_of(source, table, key, missing))
        fresh = _new(found, reached)
        for table, rows in fresh.items():
            reached[table].update(rows)


def _vocabularies_of(edges: Edges, reached: Reached) -> set[str]:
    return {name for table in reached for name in edges.terms.get(table, ())}


def _rows_of(source: RowSource, table: str, column: str, values: set[str]) -> dict[str, Row]:
    return _by_rid(source.matching(table, column, values)) if values else {}


def _values(rows: Mapping[str, Row], column: str) -> set[str]:
    return {str(value) for row in rows.values() if (value := row[column]) is not None}


def _by_rid(rows: Iterable[Row]) -> dict[str, Row]:
    return {str(row["RID"]): row for row in rows}


def _new(found: Reached, known: Reached) -> Reached:
    kept = {
        table: {rid: row for rid, row in rows.items() if rid not in known.get(table, {})}
        for table, rows in found.items()
    }
    return {table: rows for table, rows in kept.items() if rows}


class TableReader:
    """Reads a catalog for the walk: a few values as a condition, many by reading the table once.

    A table that is asked for again and again is read whole the third time, so the number of requests has a bound for
    each table, whatever its rows.
    """

    _FEW = 300
    _ASKED = 2

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tables: dict[str, list[Row]] = {}
        self._asked: Counter[str] = Counter()

    def matching(self, table: str, column: str, values: set[str]) -> list[Row]:
        """The rows of a table whose column holds one of the values."""
        if table not in self._tables and len(values) <= self._FEW and self._asked[table] < self._ASKED:
            self._asked[table] += 1
            return select(self._catalog, table, where={column: sorted(values)})
        return [row for row in self.whole(table) if row[column] is not None and str(row[column]) in values]

    def whole(self, table: str) -> list[Row]:
        """All rows of a table, read once."""
        if table not in self._tables:
            self._tables[table] = select(self._catalog, table)
        return self._tables[table]
