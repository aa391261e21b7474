"""Changes of schemas and tables: validation of documents, and their application to the draft and to SQLite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict, Forbidden

from dml.embedded.ermrest import sqlite_tables
from dml.embedded.ermrest.columns import new_column
from dml.embedded.ermrest.constraints import with_foreign_key, with_key
from dml.embedded.ermrest.element_documents import (
    Document,
    common_fields,
    read_list,
    read_mapping,
    read_name,
    read_object,
)
from dml.embedded.ermrest.model import SYSTEM_COLUMNS, Column, Schema, Table
from dml.embedded.ermrest.model_change import Change

__all__ = [
    "alter_schema", "alter_table", "create_all", "create_schema", "create_table", "create_tables", "drop_schema",
    "drop_table",
]  # fmt: skip


def create_schema(change: Change, document: Document) -> Schema:
    """Add a schema without its tables; 409 if the name is in use."""
    name = read_name(document, "schema_name", "a schema")
    if change.draft.find_schema(name):
        raise Conflict(f'Schema "{name}" exists already.')
    schema = Schema(change.transaction.next_element(), change.rid(), name, **common_fields(document, "acls"))
    change.draft.put(schema)
    return schema


def alter_schema(change: Change, schema: Schema, document: Any) -> Schema:
    """Rename a schema or replace its comment, annotations, ACLs."""
    described = read_object(document, "a schema")
    changed = replace(schema, **common_fields(described, "acls"))
    if "schema_name" in described:
        name = read_name(described, "schema_name", "a schema")
        if name != schema.name and change.draft.find_schema(name):
            raise Conflict(f'Schema "{name}" exists already.')
        changed = replace(changed, name=name)
    change.draft.put(changed)
    return changed


def drop_schema(change: Change, schema: Schema) -> None:
    """Remove an empty schema; 409 when it has tables."""
    if next(change.draft.tables_of(schema), None):
        raise Conflict(f'Schema "{schema.name}" still has tables.')
    if schema.name == "public":
        raise Forbidden('Schema "public" belongs to the catalog.')
    change.draft.remove(schema)


def create_all(change: Change, documents: list[Any]) -> list[Schema | Table]:
    """Create schemas and tables of a list, which may refer to each other in any order."""
    made: list[Schema | Table] = []
    tables: list[tuple[Schema, Any]] = []
    for document in documents:
        described = read_object(document, "a schema or table")
        if "table_name" in described:
            tables.append((_schema_of(change, described), described))
            continue
        schema = create_schema(change, described)
        made.append(schema)
        for name, table in read_mapping(described, "tables").items():
            tables.append((schema, {"table_name": name, **read_object(table, "a table")}))
    listed = {id(document) for document in documents}
    created = create_tables(change, tables)
    return made + [table for table, (_, document) in zip(created, tables, strict=True) if id(document) in listed]


def _schema_of(change: Change, document: Document) -> Schema:
    name = read_name(document, "schema_name", "a table")
    schema = change.draft.find_schema(name)
    if schema is None:
        raise Conflict(f'Schema "{name}" does not exist.')
    return schema


def create_table(change: Change, schema: Schema, document: Any) -> Table:
    """Add a table with its columns, keys and foreign keys."""
    return create_tables(change, [(schema, document)])[0]


def create_tables(change: Change, wanted: list[tuple[Schema, Any]]) -> list[Table]:
    """Add tables that may refer to each other."""
    numbers = []
    for schema, document in wanted:
        table = _new_table(change, schema, read_object(document, "a table"))
        change.draft.put(table)
        for key in read_list(document, "keys"):
            table = with_key(change, table, key)
        if not table.has_key(frozenset(column.rid for column in table.columns if column.name == "RID")):
            table = with_key(change, table, {"unique_columns": ["RID"]})
        numbers.append(table.id)
    for number, (_, document) in zip(numbers, wanted, strict=True):
        for foreign_key in read_list(document, "foreign_keys"):
            with_foreign_key(change, change.draft.tables[number], foreign_key)
    made = [change.draft.tables[number] for number in numbers]
    for table in made:
        sqlite_tables.create_table(change.connection, table, change.draft)
    return made


def _new_table(change: Change, schema: Schema, document: Document) -> Table:
    name = read_name(document, "table_name", "a table")
    if document.get("schema_name", schema.name) != schema.name:
        raise BadRequest(f'Table "{name}" names another schema than "{schema.name}".')
    if document.get("kind", "table") != "table":
        raise BadRequest("Only tables can be created, no views.")
    if change.draft.find_table(schema.name, name):
        raise Conflict(f'Table "{schema.name}:{name}" exists already.')
    columns: list[Column] = []
    count = 0
    for described in read_list(document, "column_definitions"):
        given = read_name(read_object(described, "a column"), "name", "a column")
        count += given not in SYSTEM_COLUMNS
        columns.append(new_column(change, described, given if given in SYSTEM_COLUMNS else f"c{count}"))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise BadRequest(f'A column of table "{name}" is defined twice.')
    missing = set(SYSTEM_COLUMNS).difference(names)
    if missing:
        raise BadRequest(f'Table "{name}" must define the system columns {", ".join(sorted(missing))}.')
    if len(columns) > 1500:
        raise BadRequest("A table can have at most 1500 columns.")
    common = common_fields(document, "acls", "acl_bindings")
    rid, number = change.rid(), change.transaction.next_element()
    return Table(number, rid, schema.id, name, tuple(columns), columns_made=count, **common)


def alter_table(change: Change, table: Table, document: Any) -> Table:
    """Rename or move a table, or replace its comment, annotations, ACLs; other parts are left as they are."""
    described = read_object(document, "a table")
    schema = change.draft.schemas[table.schema]
    if "schema_name" in described and described["schema_name"] != schema.name:
        schema = _schema_of(change, described)
    name = read_name(described, "table_name", "a table") if "table_name" in described else table.name
    taken = change.draft.find_table(schema.name, name)
    if taken is not None and taken.id != table.id:
        raise Conflict(f'Table "{schema.name}:{name}" exists already.')
    changed = replace(table, schema=schema.id, name=name, **common_fields(described, "acls", "acl_bindings"))
    change.draft.put(changed)
    return changed


def drop_table(change: Change, table: Table) -> None:
    """Remove a table; its rows stay in older snapshots. 409 when another table refers to it."""
    others = {other.name for other, _ in change.draft.referring(table) if other.id != table.id}
    if others:
        raise Conflict(f'Table "{table.name}" is still referred to by {", ".join(sorted(others))}.')
    if change.draft.schemas[table.schema].name == "public" and table.name.startswith("ERMrest_"):
        raise Forbidden(f'Table "{table.name}" belongs to the catalog.')
    sqlite_tables.empty(change.connection, table)
    change.draft.remove(table)
