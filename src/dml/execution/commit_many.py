"""Committing several executions one after the other; a failure of one does not affect the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dml.errors import DmlError
from dml.execution.commit import CommitOptions, commit
from dml.execution.local_list import LocalExecution, list_local
from dml.execution.status import ExecutionStatus, effective_status
from dml.progress import SILENT, Progress
from dml.upload.observer import ProgressCallback
from dml.upload.report import UploadReport, merge_reports
from dml.workspace.executions import SWEEP

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


def committable(session: WorkspaceSession) -> list[LocalExecution]:
    """The executions with pending work that have been started, are not aborted, and are not run by a living process.

    The parent of a sweep is not among them: its status follows from its jobs.
    """
    return [
        execution
        for execution in list_local(session)
        if (execution.pending or effective_status(execution.status) is S.PENDING_UPLOAD)
        and effective_status(execution.status) not in (S.ABORTED, S.CREATED, None)
        and execution.life not in ("running", "elsewhere")
        and (SWEEP not in execution.row.extra or effective_status(execution.status) is S.UPLOADED)
    ]


def commit_several(
    session: WorkspaceSession,
    rids: Sequence[str] | None,
    *,
    options: CommitOptions | None = None,
    clean: bool = False,
    progress: Progress = SILENT,
    callback: ProgressCallback | None = None,
    on_error: Callable[[str, DmlError], None] | None = None,
) -> UploadReport:
    """Commit executions; the error of one is a line in the report's ``errors``.

    Args:
        session: The workspace and its catalog.
        rids: The executions; those of ``committable`` when None, the oldest first.
        options: How each commit works.
        clean: Whether to remove local files that the catalog has confirmed.
        progress: Receives the progress of each file.
        callback: Receives the same as ``UploadProgress``.
        on_error: Called with each execution that could not be committed, and the error.
    """
    if rids is None:
        rids = [execution.rid for execution in reversed(committable(session))]
    reports: list[UploadReport] = []
    for rid in dict.fromkeys(rids):
        try:
            report = commit(session, rid, options, progress=progress, callback=callback)
            if clean:
                from dml.execution.cleanup import remove_local_files

                remove_local_files(session, rid)
            reports.append(report)
        except DmlError as error:
            if on_error is not None:
                on_error(rid, error)
            reports.append(UploadReport(execution_rids=[rid], total_failed=1, errors=[f"execution {rid}: {error}"]))
    return merge_reports(reports)
