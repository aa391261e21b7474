"""Finds the rows that belong to a dataset: its members, what describes them, and what all of these refer to.

The rules, for foreign keys of one column:

* a dataset brings its versions, types and memberships, and each membership brings its member;
* a member *owns* the rows that refer to it (feature values, files of a subject, associations), and these own theirs;
* every row brings the rows it refers to. It does not own them: a subject that is reached from an image does not bring
  its other images;
* executions and workflows are brought as rows, but nothing is followed from them;
* memberships are followed from the dataset's side only, so a shared member does not bring other datasets;
* vocabularies that any of these rows may refer to come whole.

The number of requests depends on tables, not on rows: a few RIDs are requested individually, many by reading the table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from dml.catalog.rows import Row, select
from dml.catalog.schema import DATASET, EXECUTION, WORKFLOW
from dml.dataset.records import DATASET_TYPE, DATASET_VERSION

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Schema, Table

__all__ = ["Reference", "References", "RowSource", "RowsByTable", "TableReader", "collect_rows", "references_of"]

RowsByTable = dict[str, dict[str, Row]]
"""Rows by RID, by ``schema:Table``."""

_TERMINAL: Final = frozenset({EXECUTION, WORKFLOW})
"""Tables from which nothing is followed."""

_USAGE: Final = frozenset({"deriva-ml:Dataset_Execution", "deriva-ml:Execution_Execution"})
"""Tables that record how things were used, which goes on after a release and is no part of it."""

_SYSTEM_SCHEMAS: Final = frozenset({"public", "www"})

_OWNED_BY_DATASETS: Final = frozenset({DATASET_VERSION, DATASET_TYPE, "deriva-ml:Directory_Dataset"})
"""Tables whose rows a dataset owns, besides its memberships."""


class RowSource(Protocol):
    """Provides the rows of tables."""

    def matching(self, table: str, column: str, values: set[str]) -> list[Row]:
        """The rows of a table whose column holds one of the values."""

    def whole(self, table: str) -> list[Row]:
        """All rows of a table."""


@dataclass(frozen=True)
class Reference:
    """A foreign key of one column: ``table.column`` refers to ``target.target_column``."""

    table: str
    column: str
    target: str
    target_column: str


@dataclass(frozen=True)
class References:
    """The foreign keys of a schema, sorted by the rules above.

    Attributes:
        outward: By table, the references that its rows follow.
        owned: By table, the references to it from rows that it owns.
        members: By membership table, the reference to the member.
        vocabularies: By table, the vocabularies that its rows refer to.
    """

    outward: Mapping[str, tuple[Reference, ...]]
    owned: Mapping[str, tuple[Reference, ...]]
    members: Mapping[str, Reference]
    vocabularies: Mapping[str, tuple[str, ...]]


def references_of(schema: Schema, exclude: Iterable[str] = ()) -> References:
    """Sort the foreign keys of a schema.

    Args:
        schema: The schema.
        exclude: Tables to leave out, as ``schema:Table`` or by name.
    """
    excluded = set(exclude)
    tables = {
        name: table
        for name, table in schema.tables.items()
        if table.schema.lower() not in _SYSTEM_SCHEMAS and not {name, table.name} & excluded
    }
    memberships = {member.association.qualified_name: member for member in schema.element_tables().values()}
    outward: dict[str, list[Reference]] = defaultdict(list)
    owned: dict[str, list[Reference]] = defaultdict(list)
    vocabularies: dict[str, list[str]] = defaultdict(list)
    members: dict[str, Reference] = {}
    for name, table in tables.items():
        membership = memberships.get(name)
        for reference in _single_column_references(table):
            if reference.target not in tables:
                continue
            if tables[reference.target].is_vocabulary:
                vocabularies[name].append(reference.target)
                continue
            if name not in _TERMINAL:
                outward[name].append(reference)
            if membership is not None and reference.column == membership.element_column:
                members[name] = reference
            elif _is_owned(reference, is_membership=membership is not None):
                owned[reference.target].append(reference)
    return References(
        outward={name: tuple(references) for name, references in outward.items()},
        owned={name: tuple(references) for name, references in owned.items()},
        members=members,
        vocabularies={name: tuple(names) for name, names in vocabularies.items()},
    )


def collect_rows(source: RowSource, references: References, datasets: Iterable[str]) -> RowsByTable:
    """The rows that belong to datasets.

    Args:
        source: Where to read.
        references: The foreign keys.
        datasets: RIDs of the datasets, nested ones included.

    Returns:
        Rows by RID, by table; tables without rows are left out.
    """
    rows = _owned_rows(source, references, set(datasets))
    _add_referenced_rows(source, references, rows)
    vocabularies = {name for table in rows for name in references.vocabularies.get(table, ())}
    for vocabulary in sorted(vocabularies):
        rows[vocabulary] = _by_rid(source.whole(vocabulary))
    return {table: part for table, part in rows.items() if part}


def _single_column_references(table: Table) -> list[Reference]:
    return [
        Reference(table.qualified_name, key.columns[0], key.table, key.referenced[0])
        for key in table.foreign_keys
        if len(key.columns) == 1
    ]


def _is_owned(reference: Reference, *, is_membership: bool) -> bool:
    """Whether the referring row belongs to the row that it refers to."""
    if reference.table in _TERMINAL | _USAGE or reference.table == DATASET or reference.target in _TERMINAL:
        return False
    return reference.target != DATASET or is_membership or reference.table in _OWNED_BY_DATASETS


def _owned_rows(source: RowSource, references: References, datasets: set[str]) -> RowsByTable:
    """The datasets, their members, and the rows that these own, level by level."""
    owned: RowsByTable = defaultdict(dict)
    level: RowsByTable = {DATASET: _by_rid(source.matching(DATASET, "RID", datasets))}
    while level:
        for table, rows in level.items():
            owned[table].update(rows)
        found: RowsByTable = defaultdict(dict)
        for table, rows in level.items():
            for reference in references.owned.get(table, ()):
                values = _values(rows, reference.target_column)
                found[reference.table].update(_matching(source, reference.table, reference.column, values))
            member = references.members.get(table)
            if member is not None and member.target != DATASET:
                values = _values(rows, member.column)
                found[member.target].update(_matching(source, member.target, member.target_column, values))
        level = _new_rows(found, owned)
    return owned


def _add_referenced_rows(source: RowSource, references: References, rows: RowsByTable) -> None:
    """Add what rows refer to, and what those refer to, until nothing new is found."""
    level: RowsByTable = dict(rows)
    while level:
        wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
        for table, part in level.items():
            for reference in references.outward.get(table, ()):
                wanted[reference.target, reference.target_column] |= _values(part, reference.column)
        found: RowsByTable = defaultdict(dict)
        for (table, column), values in wanted.items():
            missing = values - _values(rows.get(table, {}), column)
            found[table].update(_matching(source, table, column, missing))
        level = _new_rows(found, rows)
        for table, part in level.items():
            rows[table].update(part)


def _matching(source: RowSource, table: str, column: str, values: set[str]) -> dict[str, Row]:
    return _by_rid(source.matching(table, column, values)) if values else {}


def _values(rows: Mapping[str, Row], column: str) -> set[str]:
    return {str(value) for row in rows.values() if (value := row[column]) is not None}


def _by_rid(rows: Iterable[Row]) -> dict[str, Row]:
    return {str(row["RID"]): row for row in rows}


def _new_rows(found: RowsByTable, known: RowsByTable) -> RowsByTable:
    new = {
        table: {rid: row for rid, row in rows.items() if rid not in known.get(table, {})}
        for table, rows in found.items()
    }
    return {table: rows for table, rows in new.items() if rows}


class TableReader:
    """Reads rows from a catalog: a few values by a condition, many by reading the table once.

    The third request for a table reads it whole, so the number of requests for each table is bounded.
    """

    _MAX_VALUES = 300
    _MAX_CONDITIONS = 2

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tables: dict[str, list[Row]] = {}
        self._conditions: Counter[str] = Counter()

    def matching(self, table: str, column: str, values: set[str]) -> list[Row]:
        """The rows of a table whose column holds one of the values."""
        is_small = len(values) <= self._MAX_VALUES and self._conditions[table] < self._MAX_CONDITIONS
        if table not in self._tables and is_small:
            self._conditions[table] += 1
            return select(self._catalog, table, where={column: sorted(values)})
        return [row for row in self.whole(table) if row[column] is not None and str(row[column]) in values]

    def whole(self, table: str) -> list[Row]:
        """All rows of a table, read once."""
        if table not in self._tables:
            self._tables[table] = select(self._catalog, table)
        return self._tables[table]
