"""Executions of this workspace: create, resume, list, commit and remove them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dml.api.execution import Execution
from dml.api.execution_snapshot import ExecutionSnapshot, WorkspacePendingSummary, list_snapshots, pending_summaries
from dml.deprecation import warn_deprecated
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
    """Create an execution; nothing is downloaded and nothing runs yet. Writes the registry, workspace and catalog.

    Args:
        configuration: The whole configuration; the other arguments must be left out, except a workflow that it lacks.
        datasets: Input datasets, specifications or ``RID`` or ``RID@VERSION``.
        assets: Input assets, specifications or ``RID`` or ``RID:cache``, and local files.
        workflow: A ``Workflow``, or the URL or checksum of a registered one.
        description: The purpose of the run, Markdown.
        dry_run: Check the inputs and download them like a real run, but write nothing to the catalog; the RID of a dry
            run is ``0000``.

    Raises:
        TypeError: A configuration is given together with its parts.
        UsageError: There is no workflow, or an input is not of the kind it is used as.
        NotFoundError: An input or a vocabulary term does not exist.
        ConflictError: The code has uncommitted changes.
    """
    from dataclasses import replace

    from dml.execution.creation import CreateOptions, create

    registered = self.lookup_workflow_by_url(workflow) if isinstance(workflow, str) else workflow
    if configuration is None:
        configuration = ExecutionConfiguration(
            workflow=registered,
            description=description or "",
            datasets=[DatasetSpec.of(spec) for spec in datasets or ()],
            assets=[AssetSpec.parse(spec) if isinstance(spec, str) else spec for spec in assets or ()],
        )
    elif datasets is not None or assets is not None or description is not None:
        raise TypeError("give either a configuration or its parts, not both")
    elif registered is not None:
        if configuration.workflow is not None:
            raise TypeError("the configuration already has a workflow")
        configuration = replace(configuration, workflow=registered)
    if dry_run:
        from dml.api.dry_run import begin_dry_run

        return begin_dry_run(self._dry_run_session(), configuration, owner=self)
    row = create(self.session, configuration, CreateOptions(hydra_directory=self.hydra_runtime_output_dir))
    execution = _execution(self, row.rid)
    _save_execution_rid(self, execution)
    return execution


def resume_execution(self: DerivaML, execution_rid: str) -> Execution:
    """An execution of this workspace, with its registry and catalog reconciled.

    An execution that only the catalog has is added to the workspace. Writes the registry and the catalog.

    Raises:
        NotFoundError: Neither the workspace nor the catalog has it.
        ConflictError: The registry and the catalog contradict each other.
    """
    from dml.execution.resume import resume

    resume(self.session, execution_rid)
    return _execution(self, execution_rid)


def restore_execution(self: DerivaML, execution_rid: str) -> Execution:
    """Deprecated name of ``resume_execution``."""
    warn_deprecated("restore_execution", "resume_execution")
    return self.resume_execution(execution_rid)


def list_executions(
    self: DerivaML,
    *,
    status: str | Iterable[str] | None = None,
    workflow_rid: str | None = None,
    mode: str | None = None,
    since: datetime | None = None,
) -> list[ExecutionSnapshot]:
    """The executions of this workspace, newest first; sends no request and writes nothing.

    Args:
        status: Executions in this status, or in any of several.
        workflow_rid: Executions of this workflow.
        mode: Executions in this mode, ``online`` or ``offline``.
        since: Executions with activity since this time.
    """
    statuses = None if status is None else [status] if isinstance(status, str) else list(status)
    return list_snapshots(self._read_session(), statuses=statuses, workflow_rid=workflow_rid, mode=mode, since=since)


def find_incomplete_executions(self: DerivaML) -> list[ExecutionSnapshot]:
    """The executions of this workspace that are neither uploaded nor aborted."""
    complete = (ExecutionStatus.UPLOADED, ExecutionStatus.ABORTED)
    return [snapshot for snapshot in self.list_executions() if effective_status(snapshot.status) not in complete]


def pending_summary(self: DerivaML) -> WorkspacePendingSummary:
    """What the executions of this workspace still have to upload; sends no request."""
    return pending_summaries(self._read_session())


def commit_pending_executions(
    self: DerivaML, *, execution_rids: Sequence[str] | None = None, clean_folder: bool = False
) -> UploadReport:
    """Upload the pending outputs of several executions; one that fails does not affect the others.

    Args:
        execution_rids: The executions; when None, all with pending work that are neither running nor aborted.
        clean_folder: Remove local files that the catalog has confirmed.
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
    """Remove the local files of finished executions, if nothing is lost by that. Writes the workspace.

    Their rows in the registry stay. Files that were never uploaded are not removed.

    Args:
        older_than: Executions without activity since this time, or for this long.
        status: Executions in this status, or in any of several.
        delete_working_dir: Remove the files; when False they are only counted.
        execution_rids: Consider only these; one that is not finished is an error then.

    Returns:
        The number of executions whose files were, or would be, removed.

    Raises:
        ConflictError: An execution in ``execution_rids`` is not finished.
    """
    from dml.execution.gc import collect, find_candidates

    statuses = None if status is None else {status} if isinstance(status, str) else set(status)
    limit = datetime.now(UTC) - older_than if isinstance(older_than, timedelta) else older_than
    last_activity = (
        {} if limit is None else {snapshot.rid: snapshot.last_activity for snapshot in self.list_executions()}
    )
    selected = [
        candidate
        for candidate in find_candidates(self.session, execution_rids)
        if not candidate.discards
        and (statuses is None or candidate.status in statuses)
        and (limit is None or _is_before(last_activity.get(candidate.rid), limit))
    ]
    if delete_working_dir:
        for candidate in selected:
            collect(self.session, candidate)
    return len(selected)


def _is_before(time: datetime | None, limit: datetime) -> bool:
    bound = limit if limit.tzinfo is not None else limit.replace(tzinfo=UTC)
    return time is not None and time < bound


def _execution(ml: DerivaML, rid: str) -> Execution:
    return Execution(ml.session, rid, clean_execution_dir=ml.clean_execution_dir, owner=ml)


def _save_execution_rid(ml: DerivaML, execution: Execution) -> None:
    """Write the execution's RID for the program that asked for it with ``DERIVA_ML_SAVE_EXECUTION_RID``."""
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
