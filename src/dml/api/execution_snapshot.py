"""The executions of a workspace as frozen values, with exact counts of what they still have to upload.

The names and fields are those of deriva-ml (``ExecutionSnapshot``, ``PendingSummary``). Everything here reads the
registry alone: it sends no request and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dml.workspace import executions
from dml.workspace.pending import StagedCount, count_staged

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = [
    "ExecutionSnapshot",
    "PendingAssetCount",
    "PendingRowCount",
    "PendingSummary",
    "WorkspacePendingSummary",
    "list_snapshots",
    "pending_summaries",
    "pending_summary",
]


@dataclass(frozen=True)
class ExecutionSnapshot:
    """One execution of the workspace, as of the moment it was read; times are timezone-aware, in UTC.

    Attributes:
        rid: RID of the execution.
        workflow_rid: RID of its workflow.
        description: Description of the execution, Markdown.
        status: The status as the registry stores it.
        mode: ``online`` or ``offline``.
        working_dir_rel: ``execution/RID``, below the workspace's ``deriva-ml`` directory.
        start_time, stop_time: When it started and stopped running; None when it has not.
        last_activity: When it last changed in this workspace.
        error: Why it failed, or why its last upload was interrupted.
        sync_pending: Whether the status has not been synced to the catalog yet.
        created_at: When it was created in this workspace.
        pending_rows, failed_rows: Staged feature rows that are waiting for upload, and that the catalog refused.
        pending_files, failed_files: Staged files that are waiting for upload, and whose upload failed.
    """

    rid: str
    workflow_rid: str | None
    description: str | None
    status: str
    mode: str
    working_dir_rel: str
    start_time: datetime | None
    stop_time: datetime | None
    last_activity: datetime | None
    error: str | None
    sync_pending: bool
    created_at: datetime | None
    pending_rows: int
    failed_rows: int
    pending_files: int
    failed_files: int


@dataclass(frozen=True)
class PendingRowCount:
    """Feature rows of one table: how many wait for upload, were refused, and are in the catalog."""

    table: str
    pending: int
    failed: int
    uploaded: int


@dataclass(frozen=True)
class PendingAssetCount:
    """Files of one table: how many wait for upload, failed, and are in the catalog; the bytes still to upload."""

    table: str
    pending_files: int
    failed_files: int
    uploaded_files: int
    total_bytes_pending: int


@dataclass(frozen=True)
class PendingSummary:
    """What one execution has uploaded, and what it still has to upload.

    Attributes:
        execution_rid: RID of the execution.
        rows: Counts of feature rows, one per table.
        assets: Counts of files, one per table.
        diagnostics: Further remarks, one sentence each.
    """

    execution_rid: str
    rows: tuple[PendingRowCount, ...]
    assets: tuple[PendingAssetCount, ...]
    diagnostics: tuple[str, ...] = ()

    @property
    def has_pending(self) -> bool:
        """Whether anything is left to upload; what failed once is tried again."""
        return any(count.pending or count.failed for count in self.rows) or any(
            count.pending_files or count.failed_files for count in self.assets
        )

    def render(self) -> str:
        """The summary as lines of plain text."""
        lines = [f"{self.execution_rid}: {'work is pending' if self.has_pending else 'nothing is pending'}"]
        for asset in self.assets:
            counts = f"{asset.pending_files} pending, {asset.failed_files} failed, {asset.uploaded_files} uploaded"
            lines.append(f"  {asset.table}: files {counts}; {asset.total_bytes_pending} bytes to upload")
        for row in self.rows:
            lines.append(f"  {row.table}: rows {row.pending} pending, {row.failed} failed, {row.uploaded} uploaded")
        return "\n".join([*lines, *(f"  {text}" for text in self.diagnostics)])


@dataclass(frozen=True)
class WorkspacePendingSummary:
    """The summaries of the executions of a workspace that have something left to upload, newest first."""

    executions: tuple[PendingSummary, ...]

    @property
    def has_pending(self) -> bool:
        """Whether any execution has something left to upload."""
        return bool(self.executions)

    def render(self) -> str:
        """The summaries as lines of plain text."""
        return "\n".join(summary.render() for summary in self.executions) or "nothing is pending"


def list_snapshots(
    session: WorkspaceSession,
    *,
    statuses: Iterable[str] | None = None,
    workflow_rid: str | None = None,
    mode: str | None = None,
    since: datetime | None = None,
) -> list[ExecutionSnapshot]:
    """The executions of the workspace, newest first; two queries of the registry.

    Args:
        session: The workspace to read.
        statuses: Executions in one of these statuses; in any when None.
        workflow_rid: Executions of this workflow.
        mode: Executions in this mode, ``online`` or ``offline``.
        since: Executions with activity since this time.
    """
    rows = [
        row
        for row in executions.list_executions(session.registry, statuses=statuses, since=since)
        if workflow_rid in (None, row.workflow_rid) and mode in (None, row.mode)
    ]
    counts = _by_execution(count_staged(session.registry, [row.rid for row in rows]) if rows else [])
    return [_snapshot(row, counts.get(row.rid, [])) for row in rows]


def pending_summary(session: WorkspaceSession, rid: str) -> PendingSummary:
    """What one execution has uploaded and still has to upload.

    Raises:
        NotFoundError: The workspace has no such execution.
    """
    row = executions.get_execution(session.registry, rid)
    return _summary(row, count_staged(session.registry, [rid]))


def pending_summaries(session: WorkspaceSession) -> WorkspacePendingSummary:
    """The summaries of the executions that have something left to upload, newest first."""
    counts = _by_execution(count_staged(session.registry))
    rows = [row for row in executions.list_executions(session.registry) if row.rid in counts]
    summaries = (_summary(row, counts[row.rid]) for row in rows)
    return WorkspacePendingSummary(tuple(summary for summary in summaries if summary.has_pending))


def _by_execution(counts: Sequence[StagedCount]) -> dict[str, list[StagedCount]]:
    by_execution: dict[str, list[StagedCount]] = {}
    for count in counts:
        by_execution.setdefault(count.execution_rid, []).append(count)
    return by_execution


def _number(counts: Iterable[StagedCount], kind: str, status: str) -> int:
    return sum(count.number for count in counts if (count.kind, count.status) == (kind, status))


def _snapshot(row: executions.ExecutionRow, counts: Sequence[StagedCount]) -> ExecutionSnapshot:
    return ExecutionSnapshot(
        rid=row.rid,
        workflow_rid=row.workflow_rid,
        description=row.description,
        status=row.status,
        mode=row.mode,
        working_dir_rel=row.working_dir_rel,
        start_time=row.start_time,
        stop_time=row.stop_time,
        last_activity=row.last_activity,
        error=row.error,
        sync_pending=row.sync_pending,
        created_at=row.created_at,
        pending_rows=_number(counts, "feature", "pending"),
        failed_rows=_number(counts, "feature", "failed"),
        pending_files=_number(counts, "file", "pending"),
        failed_files=_number(counts, "file", "failed"),
    )


def _summary(row: executions.ExecutionRow, counts: Sequence[StagedCount]) -> PendingSummary:
    rows = [PendingRowCount(table, *_states(of_table, "feature")) for table, of_table in _by_table(counts, "feature")]
    assets = []
    unsized = 0
    for table, of_table in _by_table(counts, "file"):
        waiting = [count for count in of_table if count.status != "uploaded"]
        assets.append(PendingAssetCount(table, *_states(of_table, "file"), sum(count.bytes for count in waiting)))
        unsized += sum(count.unsized for count in waiting)
    diagnostics = [f"the size of {unsized} files is not recorded yet"] if unsized else []
    diagnostics += ["its status is not synced to the catalog yet"] if row.sync_pending else []
    diagnostics += [row.error] if row.error else []
    return PendingSummary(row.rid, tuple(rows), tuple(assets), tuple(diagnostics))


def _by_table(counts: Sequence[StagedCount], kind: str) -> Iterable[tuple[str, list[StagedCount]]]:
    tables: dict[str, list[StagedCount]] = {}
    for count in counts:
        if count.kind == kind:
            tables.setdefault(count.table, []).append(count)
    return tables.items()


def _states(counts: Sequence[StagedCount], kind: str) -> tuple[int, int, int]:
    """How many are pending, failed and uploaded."""
    return _number(counts, kind, "pending"), _number(counts, kind, "failed"), _number(counts, kind, "uploaded")
