"""Changes of keys and foreign keys: validation of documents, and their application to the draft and to SQLite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from werkzeug import exceptions
from werkzeug.exceptions import BadRequest, Conflict, Forbidden

from dml.embedded.ermrest import sqlite_tables
from dml.embedded.ermrest.element_documents import Document, common_fields, constraint_name, read_list, read_object
from dml.embedded.ermrest.model import ForeignKey, Key, Table
from dml.embedded.ermrest.model_change import Change

__all__ = [
    "add_foreign_keys", "add_key", "alter_foreign_key", "alter_key", "drop_foreign_key", "drop_key", "with_foreign_key",
    "with_key",
]  # fmt: skip

_ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL")


def with_key(change: Change, table: Table, document: Any) -> Table:
    """Add a key to a table in the draft only, not in SQLite; return the changed table."""
    described = read_object(document, "a key")
    names = read_list(described, "unique_columns")
    if not names or len(set(map(str, names))) < len(names):
        raise BadRequest('"unique_columns" must list the columns of the key, each once.')
    columns = tuple(table.column(str(name)).rid for name in names)
    if any(set(key.columns) == set(columns) for key in table.keys):
        raise Conflict(f'Table "{table.name}" has a key on {", ".join(map(str, names))} already.')
    taken = {key.name for other in change.draft.tables.values() if other.schema == table.schema for key in other.keys}
    name = constraint_name(described, f"{table.name}_{'_'.join(map(str, names))}_key", taken)
    changed = replace(table, keys=(*table.keys, Key(change.rid(), name, columns, **common_fields(described))))
    change.draft.put(changed)
    return changed


def add_key(change: Change, table: Table, document: Any) -> Key:
    """Add a unique key; 409 if the columns have a key already or rows share values."""
    changed = with_key(change, table, document)
    sqlite_tables.follow(change.connection, changed)
    return changed.keys[-1]


def alter_key(change: Change, table: Table, key: Key, document: Any) -> Key:
    """Rename a key or replace its comment and annotations."""
    described = read_object(document, "a key")
    changed = replace(key, **common_fields(described))
    if described.get("names"):
        others = {
            present.name
            for other in change.draft.tables.values()
            if other.schema == table.schema
            for present in other.keys
        } - {key.name}
        changed = replace(changed, name=constraint_name(described, key.name, others))
    change.draft.put(replace(table, keys=tuple(changed if other.rid == key.rid else other for other in table.keys)))
    return changed


def drop_key(change: Change, table: Table, key: Key) -> None:
    """Remove a key; 409 when a foreign key needs it, or when it is the key on RID."""
    if table.names(key.columns) == ["RID"]:
        raise Forbidden(f'The key on RID of table "{table.name}" cannot be removed.')
    for other, foreign_key in change.draft.referring(table):
        if set(foreign_key.referenced) == set(key.columns):
            raise Conflict(f'Key "{key.name}" is needed by foreign key "{foreign_key.name}" of "{other.name}".')
    changed = replace(table, keys=tuple(other for other in table.keys if other.rid != key.rid))
    change.draft.put(changed)
    sqlite_tables.follow(change.connection, changed)


def _side(document: Document, key: str) -> list[dict[str, Any]]:
    columns = [read_object(member, "a foreign key column") for member in read_list(document, key)]
    if not columns:
        raise BadRequest(f'The document of a foreign key needs "{key}".')
    return columns


def _referenced_table(change: Change, table: Table, sides: list[dict[str, Any]]) -> Table:
    own_schema, own_name = change.draft.qualified(table)
    names = {(str(side.get("schema_name", own_schema)), str(side.get("table_name", own_name))) for side in sides}
    if len(names) > 1:
        raise BadRequest("A foreign key must refer to one table.")
    schema, name = names.pop()
    target = change.draft.find_table(schema, name)
    if target is None:
        raise Conflict(f'Referenced table "{schema}:{name}" does not exist.')
    return target


def _action(document: Document, key: str, present: str = "NO ACTION") -> str:
    action = str(document.get(key) or present).upper()
    if action == "SET DEFAULT":
        raise exceptions.NotImplemented("SET DEFAULT is not supported by this catalog; use SET NULL or CASCADE.")
    if action not in _ACTIONS:
        raise BadRequest(f'"{key}" must be one of {", ".join(_ACTIONS)}.')
    return action


def with_foreign_key(change: Change, table: Table, document: Any) -> ForeignKey:
    """Add a foreign key to a table in the draft only, not in SQLite."""
    described = read_object(document, "a foreign key")
    own, theirs = _side(described, "foreign_key_columns"), _side(described, "referenced_columns")
    qualified = change.draft.qualified(table)
    if any(
        (column.get("schema_name", qualified[0]), column.get("table_name", qualified[1])) != qualified for column in own
    ):
        raise BadRequest("The columns of a foreign key must belong to its table.")
    if len(own) != len(theirs):
        raise BadRequest("Both sides of a foreign key must name as many columns.")
    target = _referenced_table(change, table, theirs)
    columns = tuple(table.column(str(column.get("column_name"))).rid for column in own)
    referenced = tuple(target.column(str(column.get("column_name"))).rid for column in theirs)
    if len(set(columns)) < len(columns) or len(set(referenced)) < len(referenced):
        raise BadRequest("A foreign key can name each column once.")
    if not any(set(key.columns) == set(referenced) for key in target.keys):
        raise Conflict(f'Table "{target.name}" has no key on {", ".join(target.names(referenced))}.')
    for own_rid, other_rid in zip(columns, referenced, strict=True):
        if table.by_rid(own_rid).type.storage != target.by_rid(other_rid).type.storage:
            raise Conflict(
                f'"{table.by_rid(own_rid).name}" and "{target.by_rid(other_rid).name}" have different types.'
            )
    pairs = set(zip(columns, referenced, strict=True))
    for present in table.foreign_keys:
        if present.table == target.id and set(zip(present.columns, present.referenced, strict=True)) == pairs:
            raise Conflict(f'Foreign key "{present.name}" exists already on these columns.')
    proposed = f"{table.name}_{'_'.join(table.names(columns))}_fkey"
    foreign_key = ForeignKey(
        rid=change.rid(),
        name=constraint_name(described, proposed, {other.name for other in table.foreign_keys}),
        columns=columns,
        table=target.id,
        referenced=referenced,
        on_delete=_action(described, "on_delete"),
        on_update=_action(described, "on_update"),
        **common_fields(described, "acls", "acl_bindings"),
    )
    change.draft.put(replace(table, foreign_keys=(*table.foreign_keys, foreign_key)))
    return foreign_key


def add_foreign_keys(change: Change, table: Table, documents: list[Any]) -> list[ForeignKey]:
    """Add foreign keys; 409 if one exists already or rows refer to rows that do not exist."""
    made = [with_foreign_key(change, change.draft.tables[table.id], document) for document in documents]
    sqlite_tables.rebuild(change.connection, change.draft.tables[table.id], change.draft)
    return made


def alter_foreign_key(change: Change, table: Table, foreign_key: ForeignKey, document: Any) -> ForeignKey:
    """Rename a foreign key, change its actions, comment, annotations or ACLs."""
    described = read_object(document, "a foreign key")
    changed = replace(
        foreign_key,
        on_delete=_action(described, "on_delete", foreign_key.on_delete),
        on_update=_action(described, "on_update", foreign_key.on_update),
        **common_fields(described, "acls", "acl_bindings"),
    )
    if described.get("names"):
        others = {other.name for other in table.foreign_keys} - {foreign_key.name}
        changed = replace(changed, name=constraint_name(described, foreign_key.name, others))
    result = replace(
        table, foreign_keys=tuple(changed if other.rid == foreign_key.rid else other for other in table.foreign_keys)
    )
    change.draft.put(result)
    if (changed.on_delete, changed.on_update) != (foreign_key.on_delete, foreign_key.on_update):
        sqlite_tables.rebuild(change.connection, result, change.draft)
    return changed


def drop_foreign_key(change: Change, table: Table, foreign_key: ForeignKey) -> None:
    """Remove a foreign key; the columns stay."""
    changed = replace(table, foreign_keys=tuple(other for other in table.foreign_keys if other.rid != foreign_key.rid))
    change.draft.put(changed)
    sqlite_tables.rebuild(change.connection, changed, change.draft)
