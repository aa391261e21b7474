"""Committing several executions: which ones, one after the other, a failure of one leaving the others alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dml.errors import DmlError
from dml.execution.commit import CommitOptions, commit
from dml.execution.local_list import LocalExecution, list_local
from dml.execution.status import ExecutionStatus, effective_status
from dml.progress import SILENT, Progress
from dml.upload.observer import ProgressCallback
from dml.upload.report import UploadReport, merge
from dml.workspace.executions import SWEEP

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


def committable(session: WorkspaceSession) -> list[LocalExecution]:
    """The executions with pending work that no living process runs and that were neither aborted nor only created.

    The parent of a sweep is none of them: it ends by its jobs.
    """
    return [
        one
        for one in list_local(session)
        if (one.pending or effective_status(one.status) is S.PENDING_UPLOAD)
        and effective_status(one.status) not in (S.ABORTED, S.CREATED, None)
        and one.life not in ("running", "elsewhere")
        and (SWEEP not in one.row.extra or effective_status(one.status) is S.UPLOADED)
    ]


def commit_several(
    session: WorkspaceSession,
    rids: Sequence[str] | None,
    *,
    options: CommitOptions | None = None,
    clean: bool = False,
    progress: Progress = SILENT,
    callback: ProgressCallback | None = None,
    failed: Callable[[str, DmlError], None] | None = None,
) -> UploadReport:
    """Commit executions; what goes wrong with one is a line of the report's ``errors``.

    Args:
        session: Where.
        rids: Which; those of ``committable`` when None, the oldest first.
        options: How.
        clean: Remove local files that the catalog has confirmed.
        progress: Told of each file's bytes.
        callback: Told of the same as ``UploadProgress``.
        failed: Told of each execution that could not be committed, and why.
    """
    wanted = [one.rid for one in reversed(committable(session))] if rids is None else list(dict.fromkeys(rids))
    reports: list[UploadReport] = []
    for rid in wanted:
        try:
            report = commit(session, rid, options, progress=progress, callback=callback)
            if clean:
                from dml.execution.cleanup import clean as remove_files

                remove_files(session, rid)
            reports.append(report)
        except DmlError as error:
            if failed is not None:
                failed(rid, error)
            reports.append(UploadReport(execution_rids=[rid], total_failed=1, errors=[f"execution {rid}: {error}"]))
    return merge(reports)
