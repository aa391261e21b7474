"""The model of a catalog: schemas, tables, columns, keys and foreign keys, as immutable records.

Internally a table or column is identified by a number that never changes (``t12``, ``c3``); names occur
only in documents and URLs. A rename therefore changes one record, no name reaches SQL, and older snapshots
still read the columns they had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.exceptions import Conflict

from dml.embedded.ermrest.values import Type

__all__ = ["SYSTEM_COLUMNS", "Column", "ForeignKey", "Key", "Model", "Root", "Schema", "Table"]

SYSTEM_COLUMNS = ("RID", "RCT", "RMT", "RCB", "RMB")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Root:
    """The annotations and ACLs of the catalog itself."""

    annotations: Document
    acls: Document


@dataclass(frozen=True, slots=True)
class Schema:
    """A namespace of tables."""

    id: int
    rid: str
    name: str
    comment: str | None = None
    annotations: Document = field(default_factory=dict)
    acls: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``stored`` names it in SQLite and changes when its values had to be converted."""

    rid: str
    stored: str
    name: str
    type: Type
    nullok: bool = True
    default: Any = None
    comment: str | None = None
    annotations: Document = field(default_factory=dict)
    acls: Document = field(default_factory=dict)
    acl_bindings: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """A unique key over columns given by their RIDs."""

    rid: str
    name: str
    columns: tuple[str, ...]
    comment: str | None = None
    annotations: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to the key of a table; columns are given by their RIDs, pair by pair."""

    rid: str
    name: str
    columns: tuple[str, ...]
    table: int
    referenced: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    comment: str | None = None
    annotations: Document = field(default_factory=dict)
    acls: Document = field(default_factory=dict)
    acl_bindings: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns in order, its keys and its foreign keys."""

    id: int
    rid: str
    schema: int
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    columns_made: int = 0
    comment: str | None = None
    annotations: Document = field(default_factory=dict)
    acls: Document = field(default_factory=dict)
    acl_bindings: Document = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """The column with a name; 409 if it does not exist."""
        for column in self.columns:
            if column.name == name:
                return column
        raise Conflict(f'Table "{self.name}" has no column "{name}".')

    def find_column(self, name: str) -> Column | None:
        """The column with a name; None if it does not exist."""
        return next((column for column in self.columns if column.name == name), None)

    def by_rid(self, rid: str) -> Column:
        """The column with that RID, which a key or foreign key of this table names."""
        return next(column for column in self.columns if column.rid == rid)

    def names(self, rids: tuple[str, ...]) -> list[str]:
        """The names of columns given by RID."""
        return [self.by_rid(rid).name for rid in rids]

    def has_key(self, rids: frozenset[str]) -> bool:
        """Whether columns with these RIDs (and perhaps others) identify one row."""
        return any(rids.issuperset(key.columns) for key in self.keys)

    def with_column(self, column: Column) -> Table:
        """This table with one column replaced, found by its RID."""
        return replace(self, columns=tuple(column if other.rid == column.rid else other for other in self.columns))


class Model:
    """One version of the model, with lookup by name.

    Read-only by convention, except for the copy that a change works on (``draft``), where ``put`` and
    ``remove`` record which elements to write.
    """

    def __init__(self, version: int, root: Root, schemas: Mapping[int, Schema], tables: Mapping[int, Table]) -> None:
        self.version = version
        self.root = root
        self.schemas = dict(schemas)
        self.tables = dict(tables)
        self.changed: set[tuple[str, int]] = set()
        self._index()

    def _index(self) -> None:
        self._schema_names = {schema.name: schema.id for schema in self.schemas.values()}
        self._table_names = {(table.schema, table.name): table.id for table in self.tables.values()}
        self._referring: dict[int, list[tuple[Table, ForeignKey]]] | None = None

    def draft(self) -> Model:
        """A copy to change."""
        return Model(self.version, self.root, self.schemas, self.tables)

    def put(self, element: Root | Schema | Table) -> None:
        """Add or replace an element of this draft."""
        if isinstance(element, Root):
            self.root = element
            self.changed.add(("catalog", 0))
        elif isinstance(element, Schema):
            self.schemas[element.id] = element
            self.changed.add(("schema", element.id))
        else:
            self.tables[element.id] = element
            self.changed.add(("table", element.id))
        self._index()

    def remove(self, element: Schema | Table) -> None:
        """Remove an element from this draft."""
        if isinstance(element, Schema):
            del self.schemas[element.id]
            self.changed.add(("schema", element.id))
        else:
            del self.tables[element.id]
            self.changed.add(("table", element.id))
        self._index()

    def find_schema(self, name: str) -> Schema | None:
        """The schema with a name; None if it does not exist."""
        schema_id = self._schema_names.get(name)
        return None if schema_id is None else self.schemas[schema_id]

    def find_table(self, schema: str, name: str) -> Table | None:
        """The table with a qualified name; None if it does not exist."""
        schema_id = self._schema_names.get(schema)
        table_id = None if schema_id is None else self._table_names.get((schema_id, name))
        return None if table_id is None else self.tables[table_id]

    def tables_named(self, name: str) -> list[Table]:
        """The tables with a name, in all schemas."""
        return [table for table in self.tables.values() if table.name == name]

    def tables_of(self, schema: Schema) -> Iterator[Table]:
        """The tables of a schema."""
        return (table for table in self.tables.values() if table.schema == schema.id)

    def referring(self, table: Table) -> list[tuple[Table, ForeignKey]]:
        """The foreign keys that reference a table, each with the table it belongs to."""
        if self._referring is None:
            referring: dict[int, list[tuple[Table, ForeignKey]]] = {}
            for referrer in self.tables.values():
                for foreign_key in referrer.foreign_keys:
                    referring.setdefault(foreign_key.table, []).append((referrer, foreign_key))
            self._referring = referring
        return self._referring.get(table.id, [])

    def qualified(self, table: Table) -> tuple[str, str]:
        """Schema and name of a table."""
        return self.schemas[table.schema].name, table.name
