"""The tables of SQLite behind a table of the model: rows, older versions of rows, indexes and triggers.

``t12`` holds the rows of table 12 and ``h12`` every version of them, earlier ones and the current one,
with the span of time ``[began, ended)`` in which it holds: a snapshot is read from ``h12`` alone, by
indexes like those of ``t12``. Triggers keep the history, so that rows changed by a
cascade are remembered like those changed by a request. Nothing is ever dropped from the file:
an old snapshot still reads the columns and tables of its time.
"""

from __future__ import annotations

import sqlite3

from werkzeug.exceptions import Conflict

from dml.embedded.ermrest.model import Column, ForeignKey, Model, Table
from dml.embedded.ermrest.times import END_OF_TIME

__all__ = ["add_column", "create_table", "empty", "follow", "rebuild"]

_NOW = "(SELECT time FROM state)"


def _stored_columns(connection: sqlite3.Connection, table: Table) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info(t{table.id:d})") if row[1] not in ("id", "began")]


def create_table(connection: sqlite3.Connection, table: Table, model: Model) -> None:
    """Make the tables for a new table of the model, with its constraints."""
    columns = [column.stored for column in table.columns]
    _create_rows(connection, f"t{table.id:d}", columns, table, model)
    connection.execute(
        f"CREATE TABLE h{table.id:d} (id INTEGER, began INTEGER, ended INTEGER, {', '.join(columns)}, "
        "PRIMARY KEY (id, began)) WITHOUT ROWID"
    )
    connection.execute(f"CREATE INDEX h{table.id:d}_rid ON h{table.id:d} (RID, began)")
    connection.execute("INSERT INTO change VALUES (?, ?)", (table.id, 0))
    _create_triggers(connection, table, columns)
    follow(connection, table)


def _create_rows(connection: sqlite3.Connection, name: str, columns: list[str], table: Table, model: Model) -> None:
    clauses = ["id INTEGER PRIMARY KEY", "began INTEGER NOT NULL", *columns]
    clauses += [_reference(table, foreign_key, model) for foreign_key in table.foreign_keys]
    connection.execute(f"CREATE TABLE {name} ({', '.join(clauses)})")


def _reference(table: Table, foreign_key: ForeignKey, model: Model) -> str:
    target = model.tables[foreign_key.table]
    own = ", ".join(table.by_rid(rid).stored for rid in foreign_key.columns)
    theirs = ", ".join(target.by_rid(rid).stored for rid in foreign_key.referenced)
    return (
        f"FOREIGN KEY ({own}) REFERENCES t{target.id:d} ({theirs}) ON DELETE {foreign_key.on_delete} "
        f"ON UPDATE {foreign_key.on_update} DEFERRABLE INITIALLY DEFERRED"
    )


def _create_triggers(connection: sqlite3.Connection, table: Table, columns: list[str]) -> None:
    number, listed = f"{table.id:d}", ", ".join(columns)
    remember = (
        f"INSERT INTO h{number} (id, began, ended, {listed}) "  # noqa: S608
        f"SELECT id, began, {END_OF_TIME}, {listed} FROM t{number} WHERE id = NEW.id"
    )
    # A row version created in this transaction was never visible to a reader, so it leaves no history.
    end = (
        f"DELETE FROM h{number} WHERE id = OLD.id AND began = OLD.began AND began = {_NOW}; "  # noqa: S608
        f"UPDATE h{number} SET ended = {_NOW} WHERE id = OLD.id AND began = OLD.began"
    )
    touch = f"UPDATE change SET time = {_NOW} WHERE tid = {number} AND time <> {_NOW}"  # noqa: S608
    connection.execute(f"""CREATE TRIGGER t{number}_inserted AFTER INSERT ON t{number} BEGIN
        INSERT INTO location VALUES (NEW.RID, NEW.began, {END_OF_TIME}, {number}); {remember}; {touch}; END""")  # noqa: S608
    # The nested UPDATE does not fire this trigger again: SQLite's recursive_triggers is off by default.
    connection.execute(f"""CREATE TRIGGER t{number}_updated AFTER UPDATE ON t{number} BEGIN
        {end};
        UPDATE t{number} SET began = {_NOW}, RMT = (SELECT time_text FROM state), RMB = (SELECT client FROM state)
            WHERE id = NEW.id;
        {remember}; {touch}; END""")  # noqa: S608
    connection.execute(f"""CREATE TRIGGER t{number}_deleted AFTER DELETE ON t{number} BEGIN
        {end};
        UPDATE location SET ended = {_NOW} WHERE rid = OLD.RID AND tid = {number} AND ended = {END_OF_TIME};
        {touch}; END""")  # noqa: S608


def _index_columns(table: Table) -> dict[str, bool]:
    """The column lists to index, and whether each is unique."""
    indexes: dict[str, bool] = {}
    for foreign_key in table.foreign_keys:
        indexes[", ".join(table.by_rid(rid).stored for rid in foreign_key.columns)] = False
    for key in table.keys:
        indexes[", ".join(table.by_rid(rid).stored for rid in key.columns)] = True
    return indexes


def follow(connection: sqlite3.Connection, table: Table) -> None:
    """Make indexes and NOT NULL checks match the model; 409 if existing rows violate them."""
    name = f"t{table.id:d}"
    wanted = {
        f"{name}_{'u' if unique else 'i'}_{columns.replace(', ', '_')}": columns
        for columns, unique in _index_columns(table).items()
    }
    listed = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    present = {row[0] for row in connection.execute(listed, (name,))}
    for gone in present - set(wanted):
        connection.execute(f"DROP INDEX {gone}")
    for index in set(wanted) - present:
        unique = "UNIQUE " if index.startswith(f"{name}_u_") else ""
        try:
            connection.execute(f"CREATE {unique}INDEX {index} ON {name} ({wanted[index]})")
        except sqlite3.IntegrityError:
            raise Conflict(f'Rows of table "{table.name}" share values that the key would make unique.') from None
        if wanted[index] != "RID":
            connection.execute(f"CREATE INDEX IF NOT EXISTS h{index[1:]} ON h{table.id:d} ({wanted[index]})")
    connection.execute(f"DROP TRIGGER IF EXISTS {name}_required")
    required = [column.stored for column in table.columns if not column.nullok]
    if required:
        nulls = " OR ".join(f"NEW.{stored} IS NULL" for stored in required)
        connection.execute(
            f"CREATE TRIGGER {name}_required BEFORE UPDATE OF {', '.join(required)} ON {name} WHEN {nulls} "
            f"BEGIN SELECT RAISE(ABORT, 'NOT NULL constraint failed'); END"
        )


def add_column(connection: sqlite3.Connection, table: Table, column: Column) -> None:
    """Add a column to rows and history; ``table`` already has it."""
    for name in (f"t{table.id:d}", f"h{table.id:d}"):
        connection.execute(f"ALTER TABLE {name} ADD COLUMN {column.stored}")
    for event in ("inserted", "updated", "deleted"):
        connection.execute(f"DROP TRIGGER t{table.id:d}_{event}")
    _create_triggers(connection, table, _stored_columns(connection, table))


def rebuild(connection: sqlite3.Connection, table: Table, model: Model) -> None:
    """Recreate the table of rows with its current foreign keys.

    SQLite cannot add a foreign key to an existing table. Its foreign key checks are off during the rebuild, so
    the rows are checked here: 409 if a row refers to a row that does not exist.
    """
    name, columns = f"t{table.id:d}", _stored_columns(connection, table)
    copied = f"id, began, {', '.join(columns)}"
    _create_rows(connection, f"r{table.id:d}", columns, table, model)
    connection.execute(f"INSERT INTO r{table.id:d} ({copied}) SELECT {copied} FROM {name}")  # noqa: S608
    connection.execute(f"DROP TABLE {name}")
    connection.execute(f"ALTER TABLE r{table.id:d} RENAME TO {name}")
    _create_triggers(connection, table, columns)
    follow(connection, table)
    check_references(connection, table)


def check_references(connection: sqlite3.Connection, table: Table) -> None:
    """Check the foreign keys of all rows of a table; 409 if a referenced row does not exist."""
    if connection.execute(f"PRAGMA foreign_key_check(t{table.id:d})").fetchone():
        raise Conflict(f'Rows of table "{table.name}" refer to rows that do not exist.')


def empty(connection: sqlite3.Connection, table: Table) -> None:
    """Move all rows of a table that is being dropped into its history."""
    connection.execute(f"DELETE FROM t{table.id:d}")  # noqa: S608
