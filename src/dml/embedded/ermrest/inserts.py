"""Insertion of rows: type checks, default values, system columns and RIDs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict

from dml.embedded.ermrest.index_limits import require_indexable
from dml.embedded.ermrest.model import SYSTEM_COLUMNS, Column, Model, Table
from dml.embedded.ermrest.request_bodies import Rows, check_header
from dml.embedded.ermrest.storage import Transaction
from dml.embedded.ermrest.times import END_OF_TIME
from dml.embedded.ermrest.values import Stored

__all__ = [
    "Named", "Written", "columns_of_keys", "complete_rows", "insert", "read_cell", "require_distinct",
    "require_values", "store_rows",
]  # fmt: skip

Named = tuple[str, Column]
Written = tuple[list[Named], list[Sequence[Stored]]]
"""Output names with their columns, and the rows written."""

_VALUES_AT_ONCE = 999
"""Maximum number of values bound in one statement, within the limit of every SQLite build."""


def columns_of_keys(table: Table) -> set[str]:
    """RIDs of the columns that are part of some key."""
    return {rid for key in table.keys for rid in key.columns}


def read_cell(row: Mapping[str, Any], name: str, column: Column, rows: Rows) -> Stored:
    """A value of the body; a missing array is empty, any other missing value is NULL."""
    try:
        if rows.as_text:
            text = row.get(name)
            return None if text is None else column.type.from_text(text)
        if name not in row:
            return "[]" if column.type.is_array else None
        return column.type.from_json(row[name])
    except (ValueError, RecursionError) as error:
        raise BadRequest(f'Column "{column.name}": {error}.') from None


def require_values(table: Table, columns: Sequence[Column], values: Sequence[Stored]) -> None:
    """Refuse a row with NULL in a NOT NULL column (409) or a value that cannot be indexed (400)."""
    for column, value in zip(columns, values, strict=True):
        if value is None and not column.nullok:
            raise Conflict(f'Column "{column.name}" of table "{table.name}" cannot be NULL.')
    require_indexable(table, columns, values)


def require_distinct(keys: Collection[tuple[Stored, ...]]) -> None:
    """Refuse input rows that share a key (400); as in SQL, NULL does not equal NULL."""
    whole = [key for key in keys if key and None not in key]
    if len(set(whole)) < len(whole):
        raise BadRequest("Multiple input rows share the same unique key information.")


def insert(
    transaction: Transaction,
    model: Model,
    table: Table,
    rows: Rows,
    *,
    defaults: set[str],
    nondefaults: set[str],
    skip_conflicts: bool,
) -> Written:
    """Insert the rows of a body.

    Args:
        transaction: The write this belongs to.
        model: The model as it is.
        table: Where the rows go.
        rows: What was sent.
        defaults: Columns to fill with their default even if a value was sent.
        nondefaults: System columns to take from what was sent.
        skip_conflicts: Leave out rows that conflict with stored ones.

    Raises:
        BadRequest: A value does not fit its type, or two rows have the same key (400).
        Conflict: A row conflicts with what is stored (409).
    """
    for name in defaults:
        table.column(name)
    defaulted = (defaults | set(SYSTEM_COLUMNS)) - nondefaults
    sent = [column for column in table.columns if column.name not in defaulted]
    if not sent:
        raise Conflict("An insertion needs at least one column that is not filled by its default.")
    check_header(rows, {column.name for column in table.columns}, {column.name for column in sent})
    stored = [[read_cell(row, column.name, column, rows) for column in sent] for row in rows.rows]
    of_keys = columns_of_keys(table)
    positions = [index for index, column in enumerate(sent) if column.rid in of_keys]
    require_distinct([tuple(values[index] for index in positions) for values in stored])
    rids = _rids(transaction, model, table, [column.name for column in sent], stored)
    made = complete_rows(transaction, table, sent, stored, rids, defaulted)
    for values in made:
        require_values(table, table.columns, values)
    return [(column.name, column) for column in table.columns], store_rows(transaction, table, made, skip_conflicts)


def _rids(
    transaction: Transaction, model: Model, table: Table, sent: list[str], stored: list[list[Stored]]
) -> list[Stored]:
    """A RID for each row: the sent ones if RID is a sent column, otherwise new ones."""
    if "RID" not in sent:
        return list(transaction.next_rids(len(stored)))
    position = sent.index("RID")
    rids = [values[position] for values in stored]
    lease = model.find_table("public", "ERMrest_RID_Lease")
    used = transaction.connection.execute(
        "SELECT rid FROM location, json_each(?) AS given WHERE rid = given.value AND ended = ? AND tid NOT IN (?, ?)",
        (json.dumps(rids), END_OF_TIME, table.id, lease.id if lease else table.id),
    ).fetchone()
    if used:
        raise Conflict(f'RID "{used[0]}" belongs to a row of another table.')
    return rids


def complete_rows(
    transaction: Transaction,
    table: Table,
    sent: list[Column],
    stored: list[list[Stored]],
    rids: list[Stored],
    defaulted: set[str],
) -> list[list[Stored]]:
    """Whole rows in the order of the table's columns."""
    system: dict[str, Stored] = {
        "RCT": transaction.stamp, "RMT": transaction.stamp, "RCB": transaction.client, "RMB": transaction.client,
    }  # fmt: skip
    positions = {column.rid: index for index, column in enumerate(sent)}
    serials = {column.rid: _serial_start(transaction, table, column) for column in table.columns if _is_serial(column)}
    made = []
    for number, (values, rid) in enumerate(zip(stored, rids, strict=True)):
        row: list[Stored] = []
        for column in table.columns:
            if column.name == "RID":
                row.append(rid)
            elif column.name not in defaulted:
                row.append(values[positions[column.rid]])
            elif column.name in system:
                row.append(system[column.name])
            elif column.rid in serials:
                row.append(serials[column.rid] + number)
            else:
                row.append(_default(column, rid))
        made.append(row)
    return made


def _default(column: Column, rid: Stored) -> Stored:
    if column.default is None:
        return None
    if column.type.name in ("ermrest_curie", "ermrest_uri"):
        return str(column.default).replace("{RID}", str(rid))
    return column.type.from_json(column.default)


def _is_serial(column: Column) -> bool:
    return column.type.name.startswith("serial") and not column.type.is_array


def _serial_start(transaction: Transaction, table: Table, column: Column) -> int:
    highest = f"SELECT max({column.stored}) FROM h{table.id:d}"  # noqa: S608
    (number,) = transaction.connection.execute(highest).fetchone()
    return int(number or 0) + 1


def store_rows(
    transaction: Transaction, table: Table, made: list[list[Stored]], skip_conflicts: bool
) -> list[Sequence[Stored]]:
    """Insert complete rows and return those that were inserted.

    Many rows go in with one statement: SQLite copies every page that a statement with triggers touches, so that it can
    undo the statement alone, and with a statement a row those copies cost three times what the row does.
    """
    columns = ["began", *(column.stored for column in table.columns)]
    beginning = f"INSERT INTO t{table.id:d} ({', '.join(columns)}) VALUES "  # noqa: S608
    ending = " ON CONFLICT DO NOTHING RETURNING RID" if skip_conflicts else ""
    placeholders = f"({', '.join('?' * len(columns))})"
    at_once = max(1, _VALUES_AT_ONCE // len(columns))
    inserted: set[Stored] = set()
    for begin in range(0, len(made), at_once):
        page = made[begin : begin + at_once]
        values = [value for row in page for value in (transaction.time, *row)]
        written = transaction.connection.execute(beginning + ", ".join([placeholders] * len(page)) + ending, values)
        inserted.update(rid for (rid,) in written)
    if not skip_conflicts:
        return list(made)
    rid = next(index for index, column in enumerate(table.columns) if column.name == "RID")
    return [row for row in made if row[rid] in inserted]
