"""Changes of columns: validation of documents, and their application to the draft and to SQLite."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict, Forbidden

from dml.embedded.ermrest import sqlite_tables
from dml.embedded.ermrest.constraints import drop_foreign_key, drop_key
from dml.embedded.ermrest.element_documents import checked_default, common_fields, read_name, read_object, read_type
from dml.embedded.ermrest.model import SYSTEM_COLUMNS, Column, Table
from dml.embedded.ermrest.model_change import Change
from dml.embedded.ermrest.values import Type

__all__ = ["add_column", "alter_column", "drop_column", "new_column"]


def new_column(change: Change, document: Any, stored: str) -> Column:
    """The column a document describes."""
    described = read_object(document, "a column")
    kind = read_type(described.get("type"))
    nullok, default = described.get("nullok", True), described.get("default")
    if nullok is None:
        nullok = True
    if not isinstance(nullok, bool):
        raise BadRequest('"nullok" must be true or false.')
    name = read_name(described, "name", "a column")
    return Column(
        rid=change.rid(),
        stored=stored,
        name=name,
        type=kind,
        nullok=nullok,
        default=checked_default(kind, default),
        **common_fields(described, "acls", "acl_bindings"),
    )


def add_column(change: Change, table: Table, document: Any) -> Column:
    """Add a column; rows there already get its default. 409 for NOT NULL without default when there are rows."""
    name = read_name(read_object(document, "a column"), "name", "a column")
    if table.find_column(name):
        raise Conflict(f'Column "{name}" exists already.')
    column = new_column(change, document, f"c{table.columns_made + 1}")
    changed = replace(table, columns=(*table.columns, column), columns_made=table.columns_made + 1)
    change.draft.put(changed)
    sqlite_tables.add_column(change.connection, changed, column)
    if column.default is not None:
        _fill(change, changed, column)
    if not column.nullok:
        _refuse_nulls(change, changed, column)
    sqlite_tables.follow(change.connection, changed)
    return column


def _fill(change: Change, table: Table, column: Column) -> None:
    rows = change.connection.execute(f"SELECT id, RID FROM t{table.id:d}").fetchall()  # noqa: S608
    template = column.type.name in ("ermrest_curie", "ermrest_uri")
    value = column.type.from_json(column.default)
    values = [(str(column.default).replace("{RID}", rid) if template else value, number) for number, rid in rows]
    change.connection.executemany(f"UPDATE t{table.id:d} SET {column.stored} = ? WHERE id = ?", values)  # noqa: S608


def _refuse_nulls(change: Change, table: Table, column: Column) -> None:
    found = f"SELECT 1 FROM t{table.id:d} WHERE {column.stored} IS NULL LIMIT 1"  # noqa: S608
    if change.connection.execute(found).fetchone():
        raise Conflict(f'Column "{column.name}" of table "{table.name}" holds NULL in some rows.')


def alter_column(change: Change, table: Table, column: Column, document: Any) -> Column:
    """Rename a column, change its type where its values allow it, NULL, default, comment, annotations, ACLs."""
    described = read_object(document, "a column")
    changed = replace(column, **common_fields(described, "acls", "acl_bindings"))
    if "name" in described:
        name = read_name(described, "name", "a column")
        if name != column.name and table.find_column(name):
            raise Conflict(f'Column "{name}" exists already.')
        changed = replace(changed, name=name)
    kind = read_type(described["type"]) if "type" in described else column.type
    nullok = described.get("nullok", column.nullok)
    if not isinstance(nullok, bool):
        raise BadRequest('"nullok" must be true or false.')
    default = described.get("default", column.default)
    if column.name in SYSTEM_COLUMNS and (changed.name, kind, nullok) != (column.name, column.type, column.nullok):
        raise Forbidden(f'System column "{column.name}" cannot be changed.')
    changed = replace(changed, type=kind, nullok=nullok, default=checked_default(kind, default))
    if kind.storage != column.type.storage or kind.name in ("int2", "int4", "color_rgb_hex"):
        changed, table = _converted(change, table, column, changed)
    result = table.with_column(changed)
    change.draft.put(result)
    if not nullok:
        _refuse_nulls(change, result, changed)
    sqlite_tables.follow(change.connection, result)
    return changed


def _converted(change: Change, table: Table, column: Column, changed: Column) -> tuple[Column, Table]:
    """Keep the values in a new column of the file, so that history still reads the old ones."""
    if column.type == changed.type:
        return changed, table
    parts = [*table.foreign_keys, *(one for _, one in change.draft.referring(table))]
    if any(column.rid in (*part.columns, *part.referenced) for part in parts):
        raise Conflict(f'Column "{column.name}" takes part in a foreign key; its type cannot change.')
    changed = replace(changed, stored=f"c{table.columns_made + 1}")
    table = replace(table, columns_made=table.columns_made + 1).with_column(changed)
    sqlite_tables.add_column(change.connection, table, changed)
    values = []
    for number, old in change.connection.execute(f"SELECT id, {column.stored} FROM t{table.id:d}").fetchall():  # noqa: S608
        try:
            new = None if old is None else changed.type.from_text(_as_text(column.type, changed.type, old))
        except ValueError as error:
            raise Conflict(f'Column "{column.name}" cannot become {changed.type.name}: {error}.') from None
        values.append((new, number))
    change.connection.executemany(f"UPDATE t{table.id:d} SET {changed.stored} = ? WHERE id = ?", values)  # noqa: S608
    return changed, table


def _as_text(old: Type, new: Type, stored: Any) -> str:
    if new.family == "json" and old.family in ("json", "array"):
        return str(stored)
    if new.family == "json":
        return json.dumps(old.show(stored))
    return old.csv_text(stored) if old.family != "boolean" else ("true" if stored else "false")


def drop_column(change: Change, table: Table, column: Column) -> None:
    """Remove a column with its own keys and foreign keys; 409 when another table refers to it."""
    if column.name in SYSTEM_COLUMNS:
        raise Forbidden(f'System column "{column.name}" cannot be removed.')
    for key in [candidate for candidate in table.keys if column.rid in candidate.columns]:
        drop_key(change, table, key)
        table = change.draft.tables[table.id]
    for foreign_key in [candidate for candidate in table.foreign_keys if column.rid in candidate.columns]:
        drop_foreign_key(change, table, foreign_key)
        table = change.draft.tables[table.id]
    changed = replace(table, columns=tuple(other for other in table.columns if other.rid != column.rid))
    change.draft.put(changed)
    sqlite_tables.follow(change.connection, changed)
