"""Adopting an execution that the catalog has and the workspace does not."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from dml.asset.associations import execution_associations
from dml.catalog.concurrency import gather
from dml.catalog.rows import select
from dml.catalog.schema import EXECUTION
from dml.errors import NotFoundError
from dml.execution.status import effective_status
from dml.execution.sync import CATALOG_STATUS
from dml.execution.unknown_provenance import DATASET_EXECUTION
from dml.upload.asset_rows import INPUT
from dml.workspace import executions, inputs
from dml.workspace.executions import ExecutionRow
from dml.workspace.inputs import InputRecord

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.workspace.session import WorkspaceSession

__all__ = ["ADOPTED", "adopt_from_catalog"]

ADOPTED = "adopted"
"""In a row's ``extra``: another workspace made the execution, and this one learned of it from the catalog."""


def adopt_from_catalog(session: WorkspaceSession, rid: str) -> ExecutionRow:
    """Make a registry row from the catalog's: workflow, description, status, durations, inputs. Writes the registry.

    Raises:
        NotFoundError: The catalog has no such execution.
    """
    rows = select(session.catalog, EXECUTION, where={"RID": rid})
    if not rows:
        raise NotFoundError(f"{session.target} has no execution {rid}", hint="dml exec list")
    stored = rows[0]
    records = _linked_inputs(session.catalog, rid)
    configuration: dict[str, Any] = {
        "datasets": [{"rid": record.rid, "version": record.version} for record in records if record.kind == "dataset"],
        "assets": [{"rid": record.rid, "cache": False} for record in records if record.kind == "asset"],
        "workflow": None,
        "description": stored.get("Description") or "",
        "argv": [],
        "config_choices": {},
    }
    status = stored.get("Status")
    known_status = effective_status(status)
    with session.registry.transaction():
        row = executions.insert_execution(
            session.registry,
            rid,
            config_json=json.dumps(configuration),
            workflow_rid=stored.get("Workflow"),
            description=stored.get("Description"),
            status=str(known_status) if known_status is not None else str(status),
            duration=stored.get("Execution_Duration") or stored.get("Duration"),
            download_duration=stored.get("Download_Duration"),
            upload_duration=stored.get("Upload_Duration"),
            status_detail=stored.get("Status_Detail"),
            extra={CATALOG_STATUS: status, ADOPTED: True},
        )
        inputs.declare_inputs(session.registry, rid, records)
    return row


def _linked_inputs(catalog: Catalog, rid: str) -> list[InputRecord]:
    """The inputs that the catalog records: one request for datasets, one for their versions, one an asset table."""
    datasets = select(catalog, DATASET_EXECUTION, where={"Execution": rid})
    associations = execution_associations(catalog.schema())
    edges = gather(
        [
            partial(select, catalog, association.table, where={association.other_column: rid, "Asset_Role": INPUT})
            for association in associations
        ]
    )
    versions = _version_texts(catalog, [row["Dataset_Version"] for row in datasets if row.get("Dataset_Version")])
    records = [
        InputRecord(
            "dataset",
            row["Dataset"],
            version=versions.get(row.get("Dataset_Version")),
            version_rid=row.get("Dataset_Version"),
            state="linked",
        )
        for row in datasets
    ]
    for association, rows in zip(associations, edges, strict=True):
        options = {"table": association.asset.qualified_name}
        records += [
            InputRecord("asset", row[association.asset_column], options=options, state="linked") for row in rows
        ]
    return records


def _version_texts(catalog: Catalog, rids: list[str]) -> dict[str | None, str]:
    if not rids:
        return {}
    rows = select(catalog, "deriva-ml:Dataset_Version", where={"RID": rids}, columns=["RID", "Version"])
    return {row["RID"]: row["Version"] for row in rows}
