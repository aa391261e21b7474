"""Executions of this workspace: creating, resuming, listing, committing, clearing away."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dml.api.execution import Execution
from dml.api.execution_snapshot import ExecutionSnapshot, WorkspacePendingSummary, list_snapshots, pending_summaries
from dml.deprecation import superseded
from dml.execution.configuration import AssetSpec, DatasetSpec, ExecutionConfiguration, LocalFile
from dml.execution.status import ExecutionStatus, effective_status
from dml.execution.workflow import Workflow
from dml.upload.report import UploadReport

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML


def create_execution(
    self: DerivaML,
    configuration: ExecutionConfiguration | None = None,
    *,
    datasets: Sequence[DatasetSpec | str] | None = None,
    assets: Sequence[AssetSpec | LocalFile | str] | None = None,
    workflow: Workflow | str | None = None,
    description: str | None = None,
    dry_run: bool = False,
) -> Execution:
    """Create an execution; nothing is fetched and nothing runs yet. Writes registry, workspace and catalog.

    Args:
        configuration: Everything at once; excludes the others, but for a missing workflow.
        datasets: Input datasets, ``RID`` or ``RID@VERSION``.
        assets: Input assets, ``RID`` or ``RID:cache``, or local files.
        workflow: The code; as text, the URL or checksum of a registered one.
        description: Why it is done, Markdown.
        dry_run: Check and fetch as a real one, and write nothing; its RID is ``0000``.

    Raises:
        TypeError: A configuration and its parts are both given.
        UsageError: There is no workflow, or an input is of the wrong kind.
        NotFoundError: An input or a vocabulary term does not exist.
        ConflictError: The code has uncommitted changes.
    """
    from dataclasses import replace

    from dml.execution.creation import CreateOptions, create

    chosen = self.lookup_workflow_by_url(workflow) if isinstance(workflow, str) else workflow
    if configuration is None:
        configuration = ExecutionConfiguration(
            workflow=chosen,
            description=description or "",
            datasets=[DatasetSpec.of(one) for one in datasets or ()],
            assets=[AssetSpec.parse(one) if isinstance(one, str) else one for one in assets or ()],
        )
    elif datasets is not None or assets is not None or description is not None:
        raise TypeError("give a configuration, or its parts by keyword, not both")
    elif chosen is not None:
        if configuration.workflow is not None:
            raise TypeError("the configuration has a workflow already")
        configuration = replace(configuration, workflow=chosen)
    if dry_run:
        from dml.api.dry_run import begin_dry_run

        return begin_dry_run(self.unopened_session(), configuration, owner=self)
    row = create(self.session, configuration, CreateOptions(hydra_directory=self.hydra_runtime_output_dir))
    return _announced(self, _execution(self, row.rid))


def resume_execution(self: DerivaML, execution_rid: str) -> Execution:
    """An execution of this workspace, registry and catalog brought to agree; one only the catalog knows is adopted.

    Raises:
        NotFoundError: Neither knows it.
        ConflictError: Registry and catalog contradict each other.
    """
    from dml.execution.resume import resume

    resume(self.session, execution_rid)
    return _execution(self, execution_rid)


def restore_execution(self: DerivaML, execution_rid: str) -> Execution:
    """Older name of ``resume_execution``."""
    superseded("restore_execution", "resume_execution")
    return self.resume_execution(execution_rid)


def list_executions(
    self: DerivaML,
    *,
    status: str | Iterable[str] | None = None,
    workflow_rid: str | None = None,
    mode: str | None = None,
    since: datetime | None = None,
) -> list[ExecutionSnapshot]:
    """The executions of this workspace, the latest first; asks no catalog and writes nothing.

    Args:
        status: Only in this status, or one of these.
        workflow_rid: Only of this workflow.
        mode: Only ``online`` or ``offline`` ones.
        since: Only with activity since then.
    """
    statuses = None if status is None else [status] if isinstance(status, str) else list(status)
    return list_snapshots(self.reading(), statuses=statuses, workflow_rid=workflow_rid, mode=mode, since=since)


def find_incomplete_executions(self: DerivaML) -> list[ExecutionSnapshot]:
    """The executions of this workspace that are neither uploaded nor aborted."""
    closed = (ExecutionStatus.UPLOADED, ExecutionStatus.ABORTED)
    return [one for one in self.list_executions() if effective_status(one.status) not in closed]


def pending_summary(self: DerivaML) -> WorkspacePendingSummary:
    """What the executions of this workspace have still to bring to the catalog; asks no catalog."""
    return pending_summaries(self.reading())


def commit_pending_executions(
    self: DerivaML, *, execution_rids: Sequence[str] | None = None, clean_folder: bool = False
) -> UploadReport:
    """Bring the pending outputs of several executions to the catalog; a failure of one leaves the others alone.

    Args:
        execution_rids: Which; when None, all with pending work that are neither alive nor aborted.
        clean_folder: Remove local files the catalog has confirmed.
    """
    from dml.execution.commit_many import commit_several

    return commit_several(self.session, execution_rids, clean=clean_folder)


def gc_executions(
    self: DerivaML,
    *,
    older_than: datetime | timedelta | None = None,
    status: str | Iterable[str] | None = None,
    delete_working_dir: bool = True,
    execution_rids: Sequence[str] | None = None,
) -> int:
    """Remove the local files of executions that are over and lose nothing by it. Writes the workspace.

    The registry keeps its record of them. What was never uploaded is not touched.

    Args:
        older_than: Only without activity since then, or for so long.
        status: Only in this status, or one of these.
        delete_working_dir: Remove; when False they are only counted.
        execution_rids: Only these; one that is not over is an error then.

    Returns:
        How many executions' files were, or would be, removed.

    Raises:
        ConflictError: A named execution is not over.
    """
    from dml.execution.gc import candidates, collect

    statuses = None if status is None else {status} if isinstance(status, str) else set(status)
    limit = datetime.now(UTC) - older_than if isinstance(older_than, timedelta) else older_than
    seen = {one.rid: one.last_activity for one in self.list_executions()} if limit is not None else {}
    chosen = [
        one
        for one in candidates(self.session, execution_rids)
        if not one.discards
        and (statuses is None or one.status in statuses)
        and (limit is None or _is_before(seen.get(one.rid), limit))
    ]
    if delete_working_dir:
        for one in chosen:
            collect(self.session, one)
    return len(chosen)


def _is_before(moment: datetime | None, limit: datetime) -> bool:
    aware = limit if limit.tzinfo is not None else limit.replace(tzinfo=UTC)
    return moment is not None and moment < aware


def _execution(ml: DerivaML, rid: str) -> Execution:
    return Execution(ml.session, rid, clean_execution_dir=ml.clean_execution_dir, owner=ml)


def _announced(ml: DerivaML, execution: Execution) -> Execution:
    """Tell a wrapper that asked for it (``DERIVA_ML_SAVE_EXECUTION_RID``) which execution this is."""
    path = os.environ.get("DERIVA_ML_SAVE_EXECUTION_RID")
    if path:
        document = {
            "hostname": ml.host_name,
            "catalog_id": ml.catalog_id,
            "workflow_rid": execution.workflow_rid,
            "execution_rid": execution.execution_rid,
            "hydra_runtime_output_dir": str(ml.hydra_runtime_output_dir) if ml.hydra_runtime_output_dir else None,
        }
        Path(path).write_text(json.dumps(document))
    return execution
