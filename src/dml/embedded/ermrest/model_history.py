"""The model in the file: elements as JSON documents, each with the span of time in which it was current."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import asdict
from typing import Any

from dml.embedded.ermrest.model import Column, ForeignKey, Key, Model, Root, Schema, Table
from dml.embedded.ermrest.storage import Transaction
from dml.embedded.ermrest.times import END_OF_TIME
from dml.embedded.ermrest.values import find_type

__all__ = ["ModelLedger", "record"]


def _column(document: dict[str, Any]) -> Column:
    return Column(**{**document, "type": find_type(document["type"])})


def _key(document: dict[str, Any]) -> Key:
    return Key(**{**document, "columns": tuple(document["columns"])})


def _foreign_key(document: dict[str, Any]) -> ForeignKey:
    spread = {"columns": tuple(document["columns"]), "referenced": tuple(document["referenced"])}
    return ForeignKey(**{**document, **spread})


def _table(document: dict[str, Any]) -> Table:
    parts = {
        "columns": tuple(map(_column, document["columns"])),
        "keys": tuple(map(_key, document["keys"])),
        "foreign_keys": tuple(map(_foreign_key, document["foreign_keys"])),
    }
    return Table(**{**document, **parts})


def _document(element: Root | Schema | Table) -> str:
    document = asdict(element)
    for column in document.get("columns", ()):
        column["type"] = column["type"]["name"]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


class ModelLedger:
    """Reads models, keeping the latest few and every element they are made of."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._models: OrderedDict[int, Model] = OrderedDict()
        self._elements: dict[tuple[str, int, int], Root | Schema | Table] = {}

    def after_fork(self) -> None:
        """Make usable in a child process, where another thread may have held the lock."""
        self._guard = threading.Lock()

    def at(self, connection: sqlite3.Connection, version: int) -> Model:
        """The model as the change of that time left it."""
        with self._guard:
            if version in self._models:
                self._models.move_to_end(version)
                return self._models[version]
            model = self._load(connection, version)
            self._models[version] = model
            while len(self._models) > 16:
                self._models.popitem(last=False)
            return model

    def _load(self, connection: sqlite3.Connection, version: int) -> Model:
        current = "began <= :version AND ended > :version"
        listed = f"SELECT kind, id, began FROM element WHERE {current} ORDER BY id"  # noqa: S608
        rows = connection.execute(listed, {"version": version}).fetchall()
        if any(row not in self._elements for row in rows):
            if len(self._elements) > 20_000:
                self._elements.clear()
            wanted = f"SELECT kind, id, began, document FROM element WHERE {current}"  # noqa: S608
            for kind, number, began, text in connection.execute(wanted, {"version": version}):
                if (kind, number, began) not in self._elements:
                    self._elements[kind, number, began] = _element(kind, json.loads(text))
        elements = [self._elements[row] for row in rows]
        root = next((element for element in elements if isinstance(element, Root)), Root({}, {}))
        schemas = {element.id: element for element in elements if isinstance(element, Schema)}
        tables = {element.id: element for element in elements if isinstance(element, Table)}
        return Model(version, root, schemas, tables)


def _element(kind: str, document: dict[str, Any]) -> Root | Schema | Table:
    if kind == "catalog":
        return Root(**document)
    return Schema(**document) if kind == "schema" else _table(document)


def record(transaction: Transaction, draft: Model) -> None:
    """Write what a draft changed, as of the transaction's time."""
    if not draft.changed:
        return
    connection, time = transaction.connection, transaction.time
    for kind, number in sorted(draft.changed):
        connection.execute(
            "UPDATE element SET ended = ? WHERE kind = ? AND id = ? AND ended = ?", (time, kind, number, END_OF_TIME)
        )
        element: Root | Schema | Table | None = draft.root
        if kind != "catalog":
            element = draft.schemas.get(number) if kind == "schema" else draft.tables.get(number)
        if element is not None:
            row = (kind, number, time, END_OF_TIME, _document(element))
            connection.execute("INSERT INTO element VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("INSERT INTO model_change VALUES (?)", (time,))
    connection.execute("UPDATE state SET model = ?", (time,))
