"""The catalog's part of creating an execution: its row, nesting, input edges and metadata files.

The registry holds everything this needs, so that any later command on the execution can finish an interrupted creation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dml.catalog.rows import insert, select
from dml.catalog.schema import EXECUTION
from dml.errors import ConflictError
from dml.execution import sync
from dml.execution.input_edges import link_inputs
from dml.execution.metadata import EXECUTION_METADATA
from dml.execution.resolve_workflow import forget_workflows
from dml.execution.status import ExecutionStatus
from dml.upload.batch import collect_batch
from dml.upload.files import upload_files
from dml.workspace import assets, executions, intents, journal
from dml.workspace.execution_lock import execution_lock
from dml.workspace.intents import Intent
from dml.workspace.status_change import set_sync_pending

if TYPE_CHECKING:
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["NESTED_AT", "NESTED_IN", "ensure_created", "finish_nesting"]

NESTED_IN = "nested_in"
"""Key in ``extra``: RID of the parent in which the execution was created, recorded before the catalog has the edge."""

NESTED_AT = "nested_at"
"""Key in ``extra``: its position among the children of the parent; None without an order."""


def ensure_created(session: WorkspaceSession, rid: str) -> ExecutionRow:
    """Finish an interrupted creation, and return the execution. Safe to repeat; without an interruption it only reads.

    Raises:
        NotFoundError: The workspace has no such execution.
        ConflictError: The leased RID belongs to another row.
    """
    row = executions.get_execution(session.registry, rid)
    unfinished = intents.find_intents(session.registry, kind=sync.CREATION, execution_rid=rid, unfinished=True)
    if not unfinished or row.status == ExecutionStatus.ABORTED:
        return row
    with execution_lock(session.registry, rid):
        _insert_row(session, row)
        finish_nesting(session, row)
        link_inputs(session, rid)
        _upload_metadata(session, rid)
        return _confirm(session, rid, unfinished)


def finish_nesting(session: WorkspaceSession, row: ExecutionRow) -> None:
    """Nest an execution, whose row the catalog has, in the parent in which it was created, if any. Safe to repeat."""
    parent = row.extra.get(NESTED_IN)
    if parent is not None:
        from dml.nesting.edit import add_nested_execution

        add_nested_execution(session.catalog, str(parent), row.rid, sequence=row.extra.get(NESTED_AT))


def _insert_row(session: WorkspaceSession, row: ExecutionRow) -> None:
    """Insert the execution's row under its leased RID, unless an earlier attempt inserted it."""
    values: dict[str, Any] = {
        "RID": row.rid,
        "Workflow": row.workflow_rid,
        "Description": row.description,
        "Status": ExecutionStatus.CREATED,
    }
    if session.catalog.schema().capabilities.status_detail:
        values["Status_Detail"] = None
    try:
        inserted = insert(session.catalog, EXECUTION, [values], on_conflict="skip", keep_rids=True)
    except ConflictError:
        forget_workflows(session.catalog)  # the workflow may have been deleted since it was looked up
        raise
    if not inserted and not select(session.catalog, EXECUTION, where={"RID": row.rid}, columns=["RID"]):
        raise ConflictError(f"The RID {row.rid} that was leased for this execution belongs to another row")


def _upload_metadata(session: WorkspaceSession, rid: str) -> None:
    keys = [
        asset.key
        for asset in assets.list_assets(session.registry, rid)
        if asset.asset_table == EXECUTION_METADATA and asset.status != "uploaded" and asset.method == "written"
    ]
    if keys:
        batch = collect_batch(session, rid, keys=keys)
        upload_files(session, rid, batch.files, look_up_first=False)


def _confirm(session: WorkspaceSession, rid: str, unfinished: Sequence[Intent]) -> ExecutionRow:
    """Record that the catalog has everything and its status is Created; the registry's may have changed since."""
    with session.registry.transaction():
        intents.finish(session.registry, [intent.token for intent in unfinished])
        set_sync_pending(session.registry, rid, False, if_status=ExecutionStatus.CREATED)
        journal.append(session.registry, "request", "the catalog has the execution", execution_rid=rid)
        extra = {sync.CATALOG_STATUS: str(ExecutionStatus.CREATED)}
        return executions.update_execution(session.registry, rid, extra=extra)
