"""Commits as any process of this workspace runs them: put together from the registry, the locks and, for those that a
dashboard began, the record of progress they write.

The registry tells the bytes of every file, and what a commit waits for; the record tells bytes more often, and the
outcome of each file. Only looks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from dml.execution.status import ExecutionStatus, effective_status
from dml.tui.progress_records import ProgressRecord, ProgressRecords
from dml.tui.state import Commit, FileProgress
from dml.tui.transfer_rates import Rates
from dml.workspace.execution_lock import LockState, lock_state
from dml.workspace.process import process_state
from dml.workspace.staged_progress import StagedProgress, list_staged_progress
from dml.workspace.uploads import list_uploads
from dml.workspace.waits import Wait, list_waits

if TYPE_CHECKING:
    from dml.execution.local_list import LocalExecution
    from dml.workspace.layout import Workspace
    from dml.workspace.registry import Registry


class CommitReader:
    """Reads the commits of one workspace again and again; keeps what is needed to tell rates."""

    def __init__(self, workspace: Workspace, registry: Registry, records: ProgressRecords) -> None:
        self._workspace = workspace
        self._registry = registry
        self._records = records
        self._rates = Rates()

    def read(self, summaries: Iterable[LocalExecution], now: float) -> tuple[Commit, ...]:
        """The commits that are under way or were interrupted.

        Args:
            summaries: The executions of the workspace.
            now: Seconds of a monotonic clock.
        """
        candidates, begun = [], {job.execution_rid for job in list_uploads(self._registry)}
        for one in summaries:
            is_pending = effective_status(one.status) is ExecutionStatus.PENDING_UPLOAD
            if is_pending or one.rid in begun:
                lock = self._lock(one.rid)
                if is_pending or lock.locked:
                    candidates.append((one, lock))
        files: dict[str, list[StagedProgress]] = {one.rid: [] for one, _ in candidates}
        for file in list_staged_progress(self._registry, list(files)):
            files[file.execution_rid].append(file)
        waits = list_waits(self._registry) if any(lock.locked for _, lock in candidates) else {}
        found = tuple(self._commit(one, lock, files[one.rid], waits.get(one.rid), now) for one, lock in candidates)
        kept: set[Hashable] = {(one.rid, file.key) for one in found for file in one.files}
        self._rates.forget_all_but(kept | {one.rid for one in found})
        return found

    def _lock(self, rid: str) -> LockState:
        # The holder's name is taken out of the file when it is done, so most files need no closer look.
        path = self._workspace.lock_path(rid)
        if not path.exists() or not path.stat().st_size:
            return LockState(False, None)
        return lock_state(self._workspace, rid, self._registry)

    def _commit(
        self,
        one: LocalExecution,
        lock: LockState,
        staged: Sequence[StagedProgress],
        waiting: Wait | None,
        now: float,
    ) -> Commit:
        holder = lock.holder if lock.locked else None
        told = waiting if lock.locked else None  # what an interrupted commit told is over
        record = self._records.of(one.rid) if lock.locked else None
        if record is not None and (holder is None or record.pid != holder.pid):
            record = None  # another process goes on where that one stopped
        files = tuple(self._file(one.rid, file, lock.locked, record, now) for file in staged)
        rate = self._rates.observe(one.rid, sum(file.done for file in files), now) if lock.locked else None
        return Commit(
            rid=one.rid,
            workflow_name=one.workflow_name,
            holder=holder,
            reachable=holder is not None and process_state(holder) == "alive",
            files=files,
            rate=rate,
            retries=told.repeats if told is not None else 0,
            note=told.note if told is not None else "",
            error=one.row.error or "",
        )

    def _file(
        self, rid: str, file: StagedProgress, is_running: bool, record: ProgressRecord | None, now: float
    ) -> FileProgress:
        told = record.files.get(file.key) if record is not None else None
        done = max(
            file.sent if is_running else file.confirmed,  # a commit that stopped sends the rest of a piece again
            min(told.done, file.size or told.done) if told is not None else 0,
        )
        sending = is_running and file.is_uploading and file.status != "uploaded"
        if told is not None and told.outcome:
            state, sending = told.outcome, False
        elif file.status == "uploaded":
            state = "sent"
        elif file.status == "failed" and not sending:
            state = "failed"
        else:
            state = "sending" if sending else "waiting"
        if sending and file.is_sent:
            state = "sent"
        rate = self._rates.observe((rid, file.key), done, now) if state == "sending" else None
        return FileProgress(
            key=file.key,
            state=state,
            size=file.size,
            done=done,
            chunk=min(file.chunks_done + 1, file.chunks) if state == "sending" else 0,
            chunks=file.chunks,
            rate=rate,
            error=file.error or "",
        )
