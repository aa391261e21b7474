"""What executions there are and how they are: from the registry alone, in a number of queries that does not grow.

Nothing here writes or asks a catalog; a registry that does not exist is an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.errors import NotFoundError
from dml.execution.status import ExecutionStatus, effective_status
from dml.execution.unrecorded import find_unrecorded
from dml.execution.upload_progress import UploadUnderWay, uploads_under_way
from dml.workspace import assets, executions, features, inputs, journal, liveness
from dml.workspace.assets import AssetRow
from dml.workspace.executions import SWEEP, ExecutionRow
from dml.workspace.features import FeatureRow
from dml.workspace.inputs import InputRecord
from dml.workspace.journal import JournalEntry
from dml.workspace.liveness import Liveness
from dml.workspace.pending import Pending, pending_work

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class LocalExecution:
    """One execution of the workspace, for a list.

    Attributes:
        row: Its row in the registry.
        pending: What waits to be uploaded.
        uploaded: How many of its files the catalog has.
        liveness: Its runner, as far as one was recorded.
        workflow_name: Name of its workflow as its configuration says; empty when it does not.
        input_count: How many inputs it was given.
    """

    row: ExecutionRow
    pending: Pending
    uploaded: int
    liveness: Liveness | None
    workflow_name: str
    input_count: int

    @property
    def rid(self) -> str:
        """RID."""
        return self.row.rid

    @property
    def status(self) -> str:
        """Its status, verbatim."""
        return self.row.status

    @property
    def life(self) -> str:
        """``running``, ``elsewhere`` (another host), ``dead``, ``unknown`` (Running, by whom is not recorded) or
        empty."""
        if effective_status(self.row.status) is not S.RUNNING:
            return ""
        return self.liveness.state if self.liveness is not None else "unknown"

    @property
    def remark(self) -> str:
        """What a list says about it in a few words: the error, why it is dead, its progress, or its description."""
        row = self.row
        if self.life == "dead" and self.liveness is not None:
            return self.liveness.reason
        shown = row.error or row.reason or row.status_detail or row.description or ""
        return f"{shown} (status not synced)" if row.sync_pending else shown

    @property
    def next_command(self) -> str:
        """The next sensible command; empty when there is none."""
        status = effective_status(self.row.status)
        is_over = status in (S.UPLOADED, S.ABORTED, None) or self.life in ("running", "elsewhere")
        if SWEEP in self.row.extra and not is_over:
            return f"dml run --resume {self.rid}"
        match status:
            case S.CREATED:
                return f"dml exec start {self.rid}"
            case S.RUNNING if self.life == "dead":
                return f"dml exec resume {self.rid} --commit"
            case S.RUNNING:
                return f"dml exec stop {self.rid}" if self.life == "unknown" else ""
            case S.STOPPED | S.PENDING_UPLOAD | S.FAILED:
                return f"dml exec commit {self.rid}"
            case S.UPLOADED:
                return f"dml exec commit {self.rid}" if self.pending else f"dml lineage {self.rid}"
        return ""

    def to_mapping(self) -> dict[str, Any]:
        """The summary as JSON values."""
        row = self.row
        return {
            "rid": row.rid,
            "status": row.status,
            "liveness": self.life or None,
            "workflow": {"rid": row.workflow_rid, "name": self.workflow_name or None},
            "description": row.description,
            "detail": row.status_detail,
            "error": row.error,
            "reason": row.reason,
            "sync_pending": row.sync_pending,
            "dirty": row.dirty,
            "created_at": row.created_at,
            "last_activity": row.last_activity,
            "start_time": row.start_time,
            "stop_time": row.stop_time,
            "duration": row.duration,
            "download_duration": row.download_duration,
            "upload_duration": row.upload_duration,
            "inputs": self.input_count,
            "uploaded_files": self.uploaded,
            "pending": {
                "files": self.pending.files,
                "bytes": self.pending.bytes,
                "unsized": self.pending.unsized,
                "features": self.pending.features,
            },
            "next": self.next_command or None,
        }


@dataclass(frozen=True)
class ExecutionDetails:
    """Everything the workspace knows about one execution.

    Attributes:
        summary: As in a list.
        configuration: The recorded configuration, as JSON.
        inputs: As they were declared.
        assets: Its outputs, staged and uploaded.
        features: Its staged feature rows.
        journal: The last entries.
        directory: Where its files are.
        upload: How far the commit is that some process runs now, if one does.
        unrecorded: Files in the directory that no record knows, as paths below it.
    """

    summary: LocalExecution
    configuration: Mapping[str, Any]
    inputs: tuple[InputRecord, ...]
    assets: tuple[AssetRow, ...]
    features: tuple[FeatureRow, ...]
    journal: tuple[JournalEntry, ...]
    directory: Path
    upload: UploadUnderWay | None = None
    unrecorded: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """The details as JSON values."""
        workflow = self.configuration.get("workflow")
        return {
            **self.summary.to_mapping(),
            "workflow": {
                **self.summary.to_mapping()["workflow"],
                "url": workflow.get("url") if isinstance(workflow, Mapping) else None,
                "version": workflow.get("version") if isinstance(workflow, Mapping) else None,
            },
            "directory": str(self.directory),
            "upload": self.upload.to_mapping() if self.upload is not None else None,
            "unrecorded": list(self.unrecorded),
            "input_list": [
                {"kind": one.kind, "rid": one.rid, "version": one.version, "state": one.state, "path": one.path}
                for one in self.inputs
            ],
            "outputs": [
                {
                    "key": one.key,
                    "status": one.status,
                    "rid": one.rid,
                    "types": list(one.asset_types),
                    "bytes": one.identity.size if one.identity else None,
                    "error": one.error,
                    "source": one.source,
                }
                for one in self.assets
            ],
            "feature_rows": {
                status: sum(row.status == status for row in self.features)
                for status in ("pending", "failed", "uploaded")
            },
            "last_journal": [{"at": entry.at, "kind": entry.kind, "message": entry.message} for entry in self.journal],
        }


def list_local(
    session: WorkspaceSession,
    *,
    statuses: Iterable[str] | None = None,
    since: datetime | None = None,
    pending: bool | None = None,
) -> list[LocalExecution]:
    """The executions of the workspace, the latest first.

    Args:
        session: Where.
        statuses: Only in one of these.
        since: Only with activity since then.
        pending: Only with, or only without, outputs that are not uploaded.
    """
    rows = executions.list_executions(session.registry, statuses=statuses, since=since, pending=pending)
    return _summaries(session, rows)


def details_of(session: WorkspaceSession, rid: str, *, journal_entries: int = 5) -> ExecutionDetails:
    """Everything the workspace knows about one execution.

    Raises:
        NotFoundError: It knows none of this RID.
    """
    row = executions.find_execution(session.registry, rid)
    if row is None:
        raise NotFoundError(
            f"The workspace {session.workspace.root} has no execution {rid}",
            hint=f"If the catalog has it: dml exec resume {rid}. Those here: dml exec list.",
        )
    summary = _summaries(session, [row])[0]
    # What a run that is under way has written is its own affair until it ends.
    alive = summary.liveness is not None and summary.liveness.state != "dead"
    return ExecutionDetails(
        summary=summary,
        configuration=_configuration(row),
        inputs=tuple(inputs.list_inputs(session.registry, rid)),
        assets=tuple(assets.list_assets(session.registry, rid)),
        features=tuple(features.list_features(session.registry, rid)),
        journal=tuple(journal.entries(session.registry, rid, limit=journal_entries)),
        directory=session.workspace.execution_directory(rid),
        upload=uploads_under_way(session, [row]).get(rid),
        unrecorded=() if alive else tuple(str(path) for path in find_unrecorded(session, rid)),
    )


def _summaries(session: WorkspaceSession, rows: list[ExecutionRow]) -> list[LocalExecution]:
    rids = [row.rid for row in rows]
    waiting = pending_work(session.registry, rids)
    living = liveness.list_liveness(session.registry, rids)
    uploaded: dict[str, int] = {}
    only = rids[0] if len(rids) == 1 else None
    for asset in assets.list_assets(session.registry, only, statuses=["uploaded"]) if rids else ():
        uploaded[asset.execution_rid] = uploaded.get(asset.execution_rid, 0) + 1
    return [
        LocalExecution(
            row=row,
            pending=waiting.get(row.rid, Pending()),
            uploaded=uploaded.get(row.rid, 0),
            liveness=living.get(row.rid),
            workflow_name=_workflow_name(_configuration(row)) or str(row.extra.get("workflow_name", "")),
            input_count=_input_count(_configuration(row)),
        )
        for row in rows
    ]


def _configuration(row: ExecutionRow) -> Mapping[str, Any]:
    try:
        document = json.loads(row.config_json)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _workflow_name(configuration: Mapping[str, Any]) -> str:
    workflow = configuration.get("workflow")
    return str(workflow.get("name") or "") if isinstance(workflow, Mapping) else ""


def _input_count(configuration: Mapping[str, Any]) -> int:
    lists = (configuration.get("datasets"), configuration.get("assets"))
    return sum(len(one) for one in lists if isinstance(one, list))
