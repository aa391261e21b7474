"""Resuming: registry and catalog brought to agree about an execution, and what was interrupted made ready to go on.

``status.reconcile`` decides about every pair of statuses; here the decision is carried out. An execution that only the
catalog knows, or that deriva-ml left in this workspace, is adopted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dml.catalog.concurrency import gather
from dml.catalog.rows import locate, select, validate_rid
from dml.catalog.schema import EXECUTION
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.execution import lifecycle, sync
from dml.execution.creation import DATASET_EXECUTION, ensure_created
from dml.execution.status import MISSING, ExecutionStatus, Outcome, effective_status, reconcile, shown_status
from dml.upload.asset_rows import INPUT
from dml.workspace import executions, inputs, journal, liveness
from dml.workspace.execution_lock import execution_lock
from dml.workspace.executions import ExecutionRow
from dml.workspace.inputs import InputRecord
from dml.workspace.pending import Pending, pending_work
from dml.workspace.status_change import set_sync_pending

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class Resumed:
    """What a resume found and did.

    Attributes:
        row: The execution afterwards.
        outcome: The decision about registry and catalog.
        actions: What was done, one sentence each; empty when nothing was needed.
        pending: What waits to be uploaded.
    """

    row: ExecutionRow
    outcome: Outcome
    actions: tuple[str, ...]
    pending: Pending


@dataclass
class _Actions:
    done: list[str] = field(default_factory=list)


def resume(session: WorkspaceSession, rid: str, *, wait: float = 0.0) -> Resumed:
    """Bring an execution into a state from which it goes on.

    Finishes an interrupted creation, carries out what ``reconcile`` decides, and takes a run whose process is dead to
    Pending_Upload. Writes registry and catalog; sends no files.

    Args:
        session: Where.
        rid: The execution.
        wait: Seconds to wait for another process that works on it.

    Raises:
        NotFoundError: Neither registry nor catalog knows it.
        UsageError: The RID is malformed, or of something else than an execution.
        ConflictError: Registry and catalog contradict each other; nothing was changed.
        LockedError: Another living process works on it.
    """
    rid = validate_rid(rid)
    with execution_lock(session.registry, rid, wait=wait):
        actions = _Actions()
        outcome = _agree(session, rid, actions)
        _recover(session, rid, actions)
        row = executions.get_execution(session.registry, rid)
        pending = pending_work(session.registry, [rid]).get(rid, Pending())
        if actions.done:
            journal.append(session.registry, "note", f"resumed: {' '.join(actions.done)}", execution_rid=rid)
        return Resumed(row, outcome, tuple(actions.done), pending)


def _agree(session: WorkspaceSession, rid: str, actions: _Actions) -> Outcome:
    row = executions.find_execution(session.registry, rid)
    if row is not None and row.mode != "online":
        return Outcome.NOTHING
    there = sync.catalog_status(session.catalog, rid)
    unfinished = row is not None and sync.creation_unfinished(session, rid)
    decision = reconcile(
        MISSING if row is None else row.status,
        there,
        sync_pending=row is not None and row.sync_pending,
        confirmed=not unfinished,
    )
    match decision.outcome:
        case Outcome.ABSENT:
            raise _unknown(session, rid)
        case Outcome.ASK:
            here = shown_status(row.status) if row else "unknown"
            text = shown_status(there) if there is None or isinstance(there, str) else "not there"
            raise ConflictError(
                f"{rid} is {here} here and {text} in the catalog. {decision.reason} Nothing was changed",
                hint=f"Look at both (`dml exec show {rid}`), then set the catalog's status or create a new execution.",
            )
        case Outcome.ADOPT_NEW:
            adopt_from_catalog(session, rid)
            actions.done.append("Adopted it from the catalog.")
        case Outcome.ADOPT | Outcome.ADOPT_AND_KEEP if row is not None and decision.status is not None:
            sync.adopt(session, row, decision.status, reason=decision.reason)
            actions.done.append(f"Took over {decision.status} from the catalog. {decision.reason}")
        case Outcome.PUSH if row is not None:
            set_sync_pending(session.registry, rid, True, if_status=row.status)
            told = sync.push(session, rid, seen=there)
            if told.problem is not None:
                raise told.problem
            actions.done.append(f"Told the catalog that it is {row.status}.")
        case Outcome.NOTHING if row is not None and row.sync_pending and not unfinished:
            told = sync.push(session, rid, seen=there)
            if told.problem is not None:
                raise told.problem
            actions.done.append("Told the catalog what it had not heard.")
    if unfinished:
        ensure_created(session, rid)
        actions.done.append("Finished its creation.")
    return decision.outcome


def _recover(session: WorkspaceSession, rid: str, actions: _Actions) -> None:
    """Take a run whose process is gone, or was never recorded, to Pending_Upload."""
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is not S.RUNNING:
        return
    runner = liveness.liveness_of(session.registry, rid)
    if runner is not None and lifecycle.runs_here(runner):
        return
    lifecycle.refuse_other_runner(session, rid)
    if runner is None and not row.extra.get("from_deriva_ml") and row.extra.get("created_here"):
        # Started by a command, which ends at once: that nobody beats does not mean that nobody works.
        return
    lifecycle.change(session, rid, S.PENDING_UPLOAD)
    why = runner.reason if runner is not None else "no process is recorded for it"
    actions.done.append(f"Its run is over ({why}): it is Pending_Upload now.")


def adopt_from_catalog(session: WorkspaceSession, rid: str) -> ExecutionRow:
    """Make a registry row of an execution that the catalog has: workflow, description, status, inputs. Writes the
    registry.

    Raises:
        NotFoundError: The catalog has no such execution.
    """
    found = select(session.catalog, EXECUTION, where={"RID": rid})
    if not found:
        raise _unknown(session, rid)
    there = found[0]
    records = _catalog_inputs(session, rid)
    configuration: dict[str, Any] = {
        "datasets": [{"rid": one.rid, "version": one.version} for one in records if one.kind == "dataset"],
        "assets": [{"rid": one.rid, "cache": False} for one in records if one.kind == "asset"],
        "workflow": None,
        "description": there.get("Description") or "",
        "argv": [],
        "config_choices": {},
    }
    status = there.get("Status")
    shown = effective_status(status)
    with session.registry.transaction():
        row = executions.insert_execution(
            session.registry,
            rid,
            config_json=json.dumps(configuration),
            workflow_rid=there.get("Workflow"),
            description=there.get("Description"),
            status=str(shown) if shown is not None else str(status),
            duration=there.get("Execution_Duration") or there.get("Duration"),
            download_duration=there.get("Download_Duration"),
            upload_duration=there.get("Upload_Duration"),
            status_detail=there.get("Status_Detail"),
            extra={sync.CATALOG_STATUS: status, "adopted": True},
        )
        inputs.declare_inputs(session.registry, rid, records)
    return row


def _catalog_inputs(session: WorkspaceSession, rid: str) -> list[InputRecord]:
    """The input edges that the catalog has: one request for datasets, one an asset table."""
    schema = session.catalog.schema()
    datasets = select(session.catalog, DATASET_EXECUTION, where={"Execution": rid})
    calls: list[Any] = []
    names: list[tuple[str, str]] = []
    for asset in schema.asset_tables():
        edges = schema.asset_execution_table(asset)
        asset_key = edges.reference_to(asset.qualified_name) if edges else None
        execution_key = edges.reference_to(EXECUTION) if edges else None
        if edges is not None and asset_key is not None and execution_key is not None:
            where = {execution_key.columns[0]: rid, "Asset_Role": INPUT}
            calls.append(partial(select, session.catalog, edges.qualified_name, where=where))
            names.append((asset.qualified_name, asset_key.columns[0]))
    found = gather(calls)
    versions = _versions(session, [row["Dataset_Version"] for row in datasets if row.get("Dataset_Version")])
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
    for (table, column), rows in zip(names, found, strict=True):
        records += [InputRecord("asset", row[column], options={"table": table}, state="linked") for row in rows]
    return records


def _versions(session: WorkspaceSession, rids: list[str]) -> dict[str | None, str]:
    if not rids:
        return {}
    rows = select(session.catalog, "deriva-ml:Dataset_Version", where={"RID": rids}, columns=["RID", "Version"])
    return {row["RID"]: row["Version"] for row in rows}


def _unknown(session: WorkspaceSession, rid: str) -> NotFoundError | UsageError:
    location = locate(session.catalog, [rid]).get(rid)
    if location is None:
        return NotFoundError(f"Neither the workspace nor {session.target} has an execution {rid}", hint="dml exec list")
    if location.qualified_name != EXECUTION:
        return UsageError(f"{rid} is a row of {location.table}, not an execution", hint="dml exec list")
    return NotFoundError(f"The execution {rid} was deleted from {session.target}", hint="dml exec list")
