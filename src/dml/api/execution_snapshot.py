"""The executions of a workspace as frozen values, and what they still have to bring, counted truly.

The names and fields are those that deriva-ml's users know (``ExecutionSnapshot``, ``PendingSummary``). Reads the
registry alone: it asks no catalog and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dml.workspace import executions
from dml.workspace.counts import StagedCount, count_staged

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
    """One execution of the workspace at the moment it was read; times are aware and in UTC.

    Attributes:
        rid: RID.
        workflow_rid: Its workflow.
        description: Markdown.
        status: Verbatim.
        mode: ``online`` or ``offline``.
        working_dir_rel: ``execution/RID``, below the workspace's ``deriva-ml`` directory.
        start_time, stop_time, last_activity, created_at: As the registry has them.
        error: Why it failed, or why its last upload was interrupted.
        sync_pending: Whether the catalog has still to be told the status.
        pending_rows, failed_rows: Staged feature rows that wait, and that were refused.
        pending_files, failed_files: Staged files that wait, and that could not be brought.
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
    """Feature rows of one table: how many wait, were refused, are in the catalog."""

    table: str
    pending: int
    failed: int
    uploaded: int


@dataclass(frozen=True)
class PendingAssetCount:
    """Files of one table: how many wait, could not be brought, are in the catalog; the bytes that are to go up."""

    table: str
    pending_files: int
    failed_files: int
    uploaded_files: int
    total_bytes_pending: int


@dataclass(frozen=True)
class PendingSummary:
    """What one execution has brought to the catalog, and what it has still to bring.

    Attributes:
        execution_rid: The execution.
        rows: Feature rows by table.
        assets: Files by table.
        diagnostics: What there is to say besides, one sentence each.
    """

    execution_rid: str
    rows: tuple[PendingRowCount, ...]
    assets: tuple[PendingAssetCount, ...]
    diagnostics: tuple[str, ...] = ()

    @property
    def has_pending(self) -> bool:
        """Whether anything is still to be brought; what failed once is tried again."""
        return any(one.pending or one.failed for one in self.rows) or any(
            one.pending_files or one.failed_files for one in self.assets
        )

    def render(self) -> str:
        """The summary as lines of plain text."""
        lines = [f"{self.execution_rid}: {'work is pending' if self.has_pending else 'nothing is pending'}"]
        for asset in self.assets:
            counts = f"{asset.pending_files} pending, {asset.failed_files} failed, {asset.uploaded_files} uploaded"
            lines.append(f"  {asset.table}: files {counts}; {asset.total_bytes_pending} bytes to go up")
        for row in self.rows:
            lines.append(f"  {row.table}: rows {row.pending} pending, {row.failed} failed, {row.uploaded} uploaded")
        return "\n".join([*lines, *(f"  {text}" for text in self.diagnostics)])


@dataclass(frozen=True)
class WorkspacePendingSummary:
    """The summaries of the executions of a workspace that have something to bring, the latest first."""

    executions: tuple[PendingSummary, ...]

    @property
    def has_pending(self) -> bool:
        """Whether any of them has."""
        return bool(self.executions)

    def render(self) -> str:
        """The summaries as lines of plain text."""
        return "\n".join(one.render() for one in self.executions) or "nothing is pending"


def list_snapshots(
    session: WorkspaceSession,
    *,
    statuses: Iterable[str] | None = None,
    workflow_rid: str | None = None,
    mode: str | None = None,
    since: datetime | None = None,
) -> list[ExecutionSnapshot]:
    """The executions of the workspace, the latest first, in two queries.

    Args:
        session: Where.
        statuses: Only in one of these.
        workflow_rid: Only of this workflow.
        mode: Only ``online`` or ``offline`` ones.
        since: Only with activity since then.
    """
    rows = [
        row
        for row in executions.list_executions(session.registry, statuses=statuses, since=since)
        if workflow_rid in (None, row.workflow_rid) and mode in (None, row.mode)
    ]
    counts = _by_execution(count_staged(session.registry, [row.rid for row in rows]) if rows else [])
    return [_snapshot(row, counts.get(row.rid, [])) for row in rows]


def pending_summary(session: WorkspaceSession, rid: str) -> PendingSummary:
    """What one execution has brought and has still to bring.

    Raises:
        NotFoundError: The workspace knows no such execution.
    """
    row = executions.get_execution(session.registry, rid)
    return _summary(row, count_staged(session.registry, [rid]))


def pending_summaries(session: WorkspaceSession) -> WorkspacePendingSummary:
    """The summaries of all executions that have something to bring."""
    counts = _by_execution(count_staged(session.registry))
    rows = [row for row in executions.list_executions(session.registry) if row.rid in counts]
    summaries = (_summary(row, counts[row.rid]) for row in rows)
    return WorkspacePendingSummary(tuple(one for one in summaries if one.has_pending))


def _by_execution(counts: Sequence[StagedCount]) -> dict[str, list[StagedCount]]:
    found: dict[str, list[StagedCount]] = {}
    for one in counts:
        found.setdefault(one.execution_rid, []).append(one)
    return found


def _number(counts: Iterable[StagedCount], kind: str, status: str) -> int:
    return sum(one.number for one in counts if (one.kind, one.status) == (kind, status))


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
    def of(kind: str) -> dict[str, list[StagedCount]]:
        tables: dict[str, list[StagedCount]] = {}
        for one in counts:
            if one.kind == kind:
                tables.setdefault(one.table, []).append(one)
        return tables

    def three(kind: str, of_table: Sequence[StagedCount]) -> tuple[int, int, int]:
        return (
            _number(of_table, kind, "pending"),
            _number(of_table, kind, "failed"),
            _number(of_table, kind, "uploaded"),
        )

    assets = [
        PendingAssetCount(table, *three("file", found), sum(one.bytes for one in found if one.status != "uploaded"))
        for table, found in of("file").items()
    ]
    unsized = sum(one.unsized for one in counts if one.kind == "file" and one.status != "uploaded")
    said = [f"the size of {unsized} files is not recorded yet"] if unsized else []
    said += ["the catalog was not told its status yet"] if row.sync_pending else []
    said += [row.error] if row.error else []
    rows = [PendingRowCount(table, *three("feature", found)) for table, found in of("feature").items()]
    return PendingSummary(row.rid, tuple(rows), tuple(assets), tuple(said))
