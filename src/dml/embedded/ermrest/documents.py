"""The model as the JSON documents a real server gives."""

from __future__ import annotations

from typing import Any

from dml.embedded.ermrest.model import Column, ForeignKey, Key, Model, Schema, Table

__all__ = [
    "CATALOG_ACLS", "column_document", "foreign_key_document", "key_document", "schema_document", "table_document",
]  # fmt: skip

CATALOG_ACLS = ("owner", "create", "select", "insert", "update", "write", "delete", "enumerate")
CATALOG_RIGHTS = {"owner": True, "create": True}
_TABLE_RIGHTS = {"owner": True, "insert": True, "update": True, "delete": True, "select": True}
_COLUMN_RIGHTS = {"insert": True, "update": True, "delete": True, "select": True}
_FOREIGN_KEY_RIGHTS = {"insert": True, "update": True}


def schema_document(model: Model, schema: Schema) -> dict[str, Any]:
    """A schema with its tables."""
    tables = sorted(model.tables_of(schema), key=lambda table: table.name)
    return {
        "RID": schema.rid,
        "schema_name": schema.name,
        "comment": schema.comment,
        "annotations": schema.annotations,
        "acls": schema.acls,
        "rights": CATALOG_RIGHTS,
        "tables": {table.name: table_document(model, table) for table in tables},
    }


def table_document(model: Model, table: Table) -> dict[str, Any]:
    """A table with its columns, keys and foreign keys."""
    return {
        "RID": table.rid,
        "schema_name": model.schemas[table.schema].name,
        "table_name": table.name,
        "kind": "table",
        "comment": table.comment,
        "annotations": table.annotations,
        "acls": table.acls,
        "acl_bindings": table.acl_bindings,
        "rights": _TABLE_RIGHTS,
        "column_definitions": [column_document(column) for column in table.columns],
        "keys": [key_document(model, table, key) for key in table.keys],
        "foreign_keys": [foreign_key_document(model, table, foreign_key) for foreign_key in table.foreign_keys],
    }


def column_document(column: Column) -> dict[str, Any]:
    """A column."""
    return {
        "RID": column.rid,
        "name": column.name,
        "type": column.type.document(),
        "nullok": column.nullok,
        "default": column.default,
        "comment": column.comment,
        "annotations": column.annotations,
        "acls": column.acls,
        "acl_bindings": column.acl_bindings,
        "rights": _COLUMN_RIGHTS,
    }


def key_document(model: Model, table: Table, key: Key) -> dict[str, Any]:
    """A unique key."""
    return {
        "RID": key.rid,
        "names": [[model.schemas[table.schema].name, key.name]],
        "unique_columns": table.names(key.columns),
        "comment": key.comment,
        "annotations": key.annotations,
    }


def foreign_key_document(model: Model, table: Table, foreign_key: ForeignKey) -> dict[str, Any]:
    """A foreign key."""
    target = model.tables[foreign_key.table]
    return {
        "RID": foreign_key.rid,
        "names": [[model.schemas[table.schema].name, foreign_key.name]],
        "foreign_key_columns": _columns(model, table, foreign_key.columns),
        "referenced_columns": _columns(model, target, foreign_key.referenced),
        "on_delete": foreign_key.on_delete,
        "on_update": foreign_key.on_update,
        "comment": foreign_key.comment,
        "annotations": foreign_key.annotations,
        "acls": foreign_key.acls,
        "acl_bindings": foreign_key.acl_bindings,
        "rights": _FOREIGN_KEY_RIGHTS,
    }


def _columns(model: Model, table: Table, rids: tuple[str, ...]) -> list[dict[str, str]]:
    schema, name = model.qualified(table)
    return [{"schema_name": schema, "table_name": name, "column_name": column} for column in table.names(rids)]
