"""Changes of existing rows: update, upsert, clear and delete; each request succeeds or fails as a whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from werkzeug.exceptions import BadRequest, Conflict, Forbidden, NotFound

from dml.embedded.ermrest import path as ast
from dml.embedded.ermrest.grammar import DataPath
from dml.embedded.ermrest.inserts import (
    Named,
    Written,
    columns_of_keys,
    complete_rows,
    read_cell,
    require_distinct,
    require_values,
    store_rows,
)
from dml.embedded.ermrest.model import SYSTEM_COLUMNS, Column, Model, Table
from dml.embedded.ermrest.request_bodies import Rows, check_header
from dml.embedded.ermrest.resolve import Plan
from dml.embedded.ermrest.sql_compiler import compile_targets
from dml.embedded.ermrest.storage import Transaction
from dml.embedded.ermrest.values import Stored

__all__ = ["clear", "delete", "integrity_conflict", "update", "upsert"]


def _matching(column: Column) -> str:
    return f"{column.stored} {'IS' if column.nullok else '='} ?"


def _apply(
    transaction: Transaction,
    table: Table,
    keys: Sequence[Named],
    targets: Sequence[Named],
    inputs: list[tuple[tuple[Stored, ...], tuple[Stored, ...]]],
) -> list[Sequence[Stored]]:
    """Set ``targets`` of the rows that have the keys; rows are found before any is changed."""
    connection = transaction.connection
    find = f"SELECT id FROM t{table.id:d} WHERE {' AND '.join(_matching(column) for _, column in keys)}"  # noqa: S608
    found = [(number, key, values) for key, values in inputs for (number,) in connection.execute(find, key).fetchall()]
    if targets:
        columns = [column for _, column in targets]
        for _, _, values in found:
            require_values(table, columns, values)
        change = f"UPDATE t{table.id:d} SET {', '.join(f'{column.stored} = ?' for column in columns)} WHERE id = ?"  # noqa: S608
        connection.executemany(change, [(*values, number) for number, _, values in found])
    return [(*key, *values) for _, key, values in found]


def update(transaction: Transaction, plan: Plan, path: DataPath, rows: Rows) -> Written:
    """Set columns of the rows named by key columns: ``PUT /attributegroup/table/keys;columns``.

    Raises:
        BadRequest: The path or a value does not fit (400).
        Forbidden: A system column would be changed (403).
        Conflict: The new values conflict with what is stored (409).
    """
    if len(plan.nodes) > 1 or plan.filters:
        raise BadRequest("Rows can only be updated through the path of one table without filters.")
    keys, targets = _named(plan, path.groups), _named(plan, path.outputs)
    if not targets:
        raise BadRequest("An update needs at least one column to set, after the semicolon.")
    for _, column in targets:
        if column.name in SYSTEM_COLUMNS:
            raise Forbidden(f'System column "{column.name}" cannot be updated.')
    inputs_names = [name for name, _ in keys + targets]
    if len(set(inputs_names)) < len(inputs_names):
        raise BadRequest("Each input column must have a name of its own; write alias:=column.")
    check_header(rows, set(inputs_names), set(inputs_names))
    inputs = [
        (
            tuple(read_cell(row, name, column, rows) for name, column in keys),
            tuple(read_cell(row, name, column, rows) for name, column in targets),
        )
        for row in rows.rows
    ]
    require_distinct([key for key, _ in inputs])
    return keys + targets, _apply(transaction, plan.nodes[0].table, keys, targets, inputs)


def _named(plan: Plan, items: ast.Projection) -> list[Named]:
    found: list[Named] = []
    for item in items:
        if not isinstance(item.source, ast.ColumnRef):
            raise BadRequest("Only plain columns can take part in an update.")
        _, column = plan.column(item.source.name)
        found.append((item.alias or column.name, column))
    return found


def upsert(transaction: Transaction, table: Table, rows: Rows) -> Written:
    """Replace rows found by all their key columns, insert the others: ``PUT /entity/table``.

    Raises:
        BadRequest: A value does not fit its type, or two rows have the same key (400).
        Conflict: The table has no key but RID, or values conflict with what is stored (409).
    """
    of_keys = columns_of_keys(table)
    own = [(column.name, column) for column in table.columns if column.name not in SYSTEM_COLUMNS]
    keys = [pair for pair in own if pair[1].rid in of_keys]
    targets = [pair for pair in own if pair[1].rid not in of_keys]
    if not keys:
        raise Conflict("Entity PUT requires at least one client-managed key for input correlation.")
    check_header(rows, {column.name for column in table.columns}, {name for name, _ in own})
    inputs = [
        (
            tuple(read_cell(row, name, column, rows) for name, column in keys),
            tuple(read_cell(row, name, column, rows) for name, column in targets),
        )
        for row in rows.rows
    ]
    require_distinct([key for key, _ in inputs])
    replaced = _apply(transaction, table, keys, targets, inputs)
    known = {tuple(values[: len(keys)]) for values in replaced}
    fresh = [(*key, *values) for key, values in inputs if key not in known]
    inserted: list[Sequence[Stored]] = []
    if fresh:
        sent = [column for _, column in keys + targets]
        new_rids = list[Stored](transaction.next_rids(len(fresh)))
        made = complete_rows(transaction, table, sent, [list(row) for row in fresh], new_rids, set(SYSTEM_COLUMNS))
        for values in made:
            require_values(table, table.columns, values)
        order = [table.columns.index(column) for column in sent]
        inserted = [[values[index] for index in order] for values in store_rows(transaction, table, made, True)]
    return keys + targets, [*replaced, *inserted]


def _targets(transaction: Transaction, plan: Plan) -> list[tuple[int]]:
    query = compile_targets(plan)
    found = [row for row in transaction.connection.execute(query.sql, query.values) if row[0] is not None]
    if not found:
        raise NotFound("No entity matches the path.")
    return found


def delete(transaction: Transaction, plan: Plan) -> None:
    """Delete the entities a path ends on; 404 when there are none, 409 when they are referred to."""
    table = plan.nodes[plan.context].table
    found = _targets(transaction, plan)
    transaction.connection.executemany(f"DELETE FROM t{table.id:d} WHERE id = ?", found)  # noqa: S608


def clear(transaction: Transaction, plan: Plan, path: DataPath) -> None:
    """Set columns of the entities a path ends on to NULL; 404 when there are none."""
    table = plan.nodes[plan.context].table
    columns = []
    for item in path.outputs:
        if not isinstance(item.source, ast.ColumnRef):
            raise BadRequest("Only plain columns can be cleared.")
        node, column = plan.column(item.source.name)
        if node != plan.context:
            raise Conflict(f'Only columns of "{table.name}", where the path ends, can be cleared.')
        if column.name in SYSTEM_COLUMNS:
            raise Forbidden(f'System column "{column.name}" cannot be cleared.')
        if column.rid in columns_of_keys(table):
            raise Conflict(f'Column "{column.name}" is part of a key and cannot be cleared.')
        columns.append(column)
    require_values(table, columns, [None] * len(columns))
    found = _targets(transaction, plan)
    assignments = ", ".join(f"{column.stored} = NULL" for column in columns)
    transaction.connection.executemany(f"UPDATE t{table.id:d} SET {assignments} WHERE id = ?", found)  # noqa: S608


def integrity_conflict(error: sqlite3.IntegrityError, model: Model) -> Conflict:
    """What SQLite says about a broken constraint, with the names of the model."""
    text = str(error)
    if text.startswith("UNIQUE constraint failed: t"):
        first = text.removeprefix("UNIQUE constraint failed: ").split(", ")
        table = model.tables.get(int(first[0].partition(".")[0][1:]))
        if table is not None:
            stored = {column.partition(".")[2] for column in first}
            names = [column.name for column in table.columns if column.stored in stored]
            return Conflict(f'A row of table "{table.name}" with the same {", ".join(names)} exists already.')
    if text.startswith("FOREIGN KEY"):
        return Conflict(
            "Input data violates model: a row would refer to one that does not exist, or still is referred to."
        )
    if text.startswith("NOT NULL"):
        return Conflict("Input data violates model: a column that cannot be NULL would become NULL.")
    return Conflict("Input data violates model.")
