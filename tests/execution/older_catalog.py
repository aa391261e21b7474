"""A catalog as deriva-ml 1.34 makes it, on the embedded server, with the executions of the workspace it left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from requests.adapters import BaseAdapter

from dml.catalog.administration import create_catalog
from dml.catalog.connection import Catalog, connect
from dml.catalog.documents import ColumnDefinition, table_document
from dml.catalog.model import ForeignKey
from dml.catalog.rows import insert
from dml.catalog.vocabulary import insert_terms
from dml.embedded.application import open_application
from dml.embedded.transport import WsgiAdapter

SCHEMA = Path(__file__).parents[1] / "data" / "ml-schema-1.34.json"
TERMS = {
    "Asset_Role": ("Input", "Output"),
    "Asset_Type": (
        "Deriva_Config",
        "Execution_Asset",
        "Execution_Metadata",
        "File",
        "Metrics_File",
        "Model_File",
        "Runtime_Env",
    ),
    "Execution_Status": ("Created", "Running", "Stopped", "Failed", "Pending_Upload", "Uploaded", "Aborted"),
    "Workflow_Type": ("Training",),
}
STATUSES = {"4T2": "Uploaded", "4V4": "Created", "4VP": "Stopped", "4W8": "Running", "4WT": "Failed"}
"""The executions of the workspace and what the catalog held when it was left."""


def transport() -> BaseAdapter:
    """Carries requests for any host to the embedded application."""
    return WsgiAdapter(open_application())


def make_catalog() -> Catalog:
    """Catalog 44 in the shape of 1.34: no *_Duration, no Dataset_Execution.Dataset_Version, no stand-in rows."""
    target = create_catalog("local", "44")
    catalog = connect(target)
    tables = json.loads(SCHEMA.read_text())
    documents = {name: _document(name, table) for name, table in tables.items()}
    catalog.post_json("/schema", [{"schema_name": "deriva-ml", "comment": "", "annotations": {}, "tables": documents}])
    catalog.refresh_schema()
    for name, terms in TERMS.items():
        insert_terms(catalog, f"deriva-ml:{name}", dict.fromkeys(terms, "A term"))
    insert(catalog, "deriva-ml:Workflow", [{"RID": "4SY", "Name": "Train"}], keep_rids=True)
    rows = [{"RID": rid, "Workflow": "4SY", "Status": status} for rid, status in STATUSES.items()]
    insert(catalog, "deriva-ml:Execution", rows, keep_rids=True)
    return catalog


def _document(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    columns = [
        ColumnDefinition(
            one["name"], one["type"], one["nullok"], one.get("default"), annotations=one.get("annotations", {})
        )
        for one in table["columns"]
    ]
    keys = list(_references(name, table))
    return table_document(f"deriva-ml:{name}", columns, table["keys"], keys)


def _references(name: str, table: Mapping[str, Any]) -> Iterator[ForeignKey]:
    for one in table["foreign_keys"]:
        if (name, one["columns"]) == ("Dataset", ["Version"]):
            continue  # closes a circle of tables, and nothing here needs it
        yield ForeignKey(
            tuple(one["columns"]),
            one["references"],
            tuple(one["referenced_columns"]),
            one["on_delete"],
            one["on_update"],
        )
