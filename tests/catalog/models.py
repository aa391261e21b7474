"""Schema documents for tests: of the recorded releases of deriva-ml, and of tables that tests define."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dml.catalog.documents import ColumnDefinition, table_document
from dml.catalog.model import ForeignKey, Table
from dml.catalog.schema import ML, Schema

DATA = Path(__file__).parent.parent / "data"
SYSTEM = {"RID", "RCT", "RMT", "RCB", "RMB"}


def recorded(release: str) -> dict[str, Any]:
    """The tables of ``deriva-ml`` as a release creates them."""
    return dict(json.loads((DATA / f"ml-schema-{release}.json").read_text()))


def documents_of(release: str) -> list[dict[str, Any]]:
    """The same as ERMrest table documents."""
    documents = []
    for name, table in recorded(release).items():
        document = table_document(
            f"{ML}:{name}",
            [
                ColumnDefinition(
                    c["name"], c["type"], c["nullok"], c.get("default"), annotations=c.get("annotations", {})
                )
                for c in table["columns"]
            ],
            table["keys"],
            [
                ForeignKey(
                    tuple(key["columns"]),
                    key["references"],
                    tuple(key["referenced_columns"]),
                    key["on_delete"],
                    key["on_update"],
                )
                for key in table["foreign_keys"]
            ],
        )
        documents.append(document)
    return documents


def schema_of(documents: Iterable[dict[str, Any]]) -> Schema:
    """The model made of these tables."""
    schemas: dict[str, Any] = {"public": {"tables": {}}}
    for document in documents:
        part = schemas.setdefault(document["schema_name"], {"tables": {}})
        part["tables"][document["table_name"]] = document
    return Schema.from_document({"schemas": schemas})


def described(table: Table) -> dict[str, Any]:
    """A table in the form of the recordings, so that it can be compared with them."""
    columns = []
    for column in table.columns:
        if column.name in SYSTEM:
            continue
        part: dict[str, Any] = {"name": column.name, "type": column.type, "nullok": column.nullok}
        if column.default is not None:
            part["default"] = column.default
        if column.annotations:
            part["annotations"] = dict(column.annotations)
        columns.append(part)
    keys = sorted(sorted(key) for key in table.keys if key != ("RID",))
    references = [
        {
            "columns": list(key.columns),
            "references": key.table,
            "referenced_columns": list(key.referenced),
            "on_delete": key.on_delete,
            "on_update": key.on_update,
        }
        for key in table.foreign_keys
        if key.columns[0] not in SYSTEM
    ]
    return {
        "columns": columns,
        "keys": keys,
        "foreign_keys": sorted(references, key=lambda key: str(key["columns"])),
    }
