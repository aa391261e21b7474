"""How far a commit is that some process of this workspace runs: from the registry and the lock alone. Only looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.execution.status import ExecutionStatus, effective_status
from dml.workspace.execution_lock import lock_state
from dml.workspace.process import ProcessIdentity
from dml.workspace.staged_progress import StagedProgress, list_staged_progress
from dml.workspace.waits import Wait, list_waits

if TYPE_CHECKING:
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["UploadUnderWay", "uploads_under_way"]


@dataclass(frozen=True)
class UploadUnderWay:
    """A commit that a living process runs, here or on another host.

    Attributes:
        rid: The execution.
        holder: Who runs it; None when that cannot be read.
        files: Its staged files, each with what was sent of it.
        waiting: What it waits for and how often requests were sent again; None when it never had to wait.
    """

    rid: str
    holder: ProcessIdentity | None
    files: tuple[StagedProgress, ...]
    waiting: Wait | None

    @property
    def files_sent(self) -> int:
        """Files whose bytes the store has."""
        return sum(file.is_sent for file in self.files)

    @property
    def bytes_sent(self) -> int:
        """Bytes that were sent."""
        return sum(file.sent for file in self.files)

    @property
    def bytes_total(self) -> int:
        """Bytes of all staged files, as far as their sizes are recorded."""
        return sum(file.size or 0 for file in self.files)

    @property
    def repeats(self) -> int:
        """Requests that were sent again."""
        return self.waiting.repeats if self.waiting is not None else 0

    @property
    def note(self) -> str:
        """What it waits for; empty when it goes on."""
        return self.waiting.note if self.waiting is not None else ""

    def to_mapping(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "by": self.holder.describe() if self.holder is not None else None,
            "files": len(self.files),
            "files_sent": self.files_sent,
            "bytes": self.bytes_total,
            "bytes_sent": self.bytes_sent,
            "repeats": self.repeats,
            "waiting": self.note or None,
        }


def uploads_under_way(session: WorkspaceSession, rows: Iterable[ExecutionRow]) -> dict[str, UploadUnderWay]:
    """The commits under way among these executions, by RID, in three queries and a look at each lock."""
    locks = {
        row.rid: lock_state(session.workspace, row.rid, session.registry)
        for row in rows
        if effective_status(row.status) is ExecutionStatus.PENDING_UPLOAD
    }
    rids = [rid for rid, lock in locks.items() if lock.locked]
    if not rids:
        return {}
    waiting = list_waits(session.registry)
    files: dict[str, list[StagedProgress]] = {rid: [] for rid in rids}
    for file in list_staged_progress(session.registry, rids):
        files[file.execution_rid].append(file)
    return {rid: UploadUnderWay(rid, locks[rid].holder, tuple(files[rid]), waiting.get(rid)) for rid in rids}
