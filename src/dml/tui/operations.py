"""What actions on executions do: the functions of the command line, called in a thread; and commits in a process apart.

Each returns one line for people. A commit is ``dml exec commit RID`` in a separate session, so that it survives the
dashboard however that ends.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import ConflictError
from dml.execution import gc, lifecycle
from dml.execution import resume as resuming
from dml.execution.cleanup import refuse_unrecorded
from dml.execution.status import ExecutionStatus
from dml.execution.sync import push_all
from dml.formatting import format_size, pluralize
from dml.tui.cache_operations import CacheOperations
from dml.tui.processes import Ended, ProcessEnvironment, end, went_well_or_was_ended
from dml.tui.progress_records import ProgressRecords, last_words
from dml.tui.run_operations import RunOperations
from dml.workspace.execution_lock import lock_state
from dml.workspace.executions import get_execution
from dml.workspace.process import process_state
from dml.workspace.session import WorkspaceSession

if TYPE_CHECKING:
    from dml.execution.lifecycle import Transition
    from dml.target import Target

CANCELLED = "the upload was cancelled"


class Operations:
    """The operations on one workspace.

    Args:
        target: The catalog.
        directory: The workspace's directory.
        cache: Directory of the cache; None for the workspace's own.

    Attributes:
        cache: The operations on its cache.
        runs: Starting experiments.
        ended: Called from a thread when a process begun here ended: what it did, its last words, whether it went well.
    """

    def __init__(self, target: Target, directory: Path, cache: Path | None = None) -> None:
        self._session = ProcessEnvironment(target, directory, cache)
        self._target, self._directory = target, directory
        self.cache = CacheOperations(self._session)
        self.runs = RunOperations(self._session, self._tell)
        self.ended: Ended = lambda title, words, went_well: None  # noqa: ARG005

    def resume(self, rid: str) -> str:
        """``dml exec resume RID``."""
        with self._working() as session:
            found = resuming.resume(session, rid)
        return f"{rid}: {'; '.join(found.actions) or 'nothing to do'}"

    def stop(self, rid: str) -> str:
        """``dml exec stop RID``."""
        with self._working() as session:
            return _describe(lifecycle.stop(session, rid))

    def abort(self, rid: str) -> str:
        """``dml exec abort RID``."""
        with self._working() as session:
            return _describe(lifecycle.abort(session, rid))

    def sync(self) -> str:
        """``dml exec sync``."""
        with self._working() as session:
            errors = push_all(session)
        if errors:
            return f"{pluralize(len(errors), 'status', 'statuses')} not synced to the catalog: {errors[0][1].message}"
        return "every status is synced to the catalog"

    def collect(self, rid: str) -> str:
        """``dml exec gc RID``."""
        with self._working() as session:
            candidates = gc.find_candidates(session, [rid])
            for candidate in candidates:
                refuse_unrecorded(session, candidate.rid, ())
            freed = sum(gc.collect(session, candidate) for candidate in candidates)
        return f"{rid}: {format_size(freed)} freed" if freed else f"{rid}: nothing to do"

    def commit(self, rid: str) -> str:
        """``dml exec commit RID``, in a separate process; returns once it runs."""
        records = ProgressRecords(self._directory)
        path = records.begin(rid)
        child = self._session.begin(["exec", "commit", rid, "--progress", "json"], record=path)
        records.name_process(rid, child.pid)
        watch = threading.Thread(target=self._await_end, args=(rid, child, path), name=f"dml-tui-{rid}", daemon=True)
        watch.start()
        return f"{rid}: the upload runs as process {child.pid}"

    def pause(self, rid: str) -> str:
        """End the process that commits an execution; the next commit goes on where it stopped.

        Raises:
            ConflictError: No process of this machine commits it.
        """
        with WorkspaceSession.reading(self._target, self._directory) as session:
            lock = lock_state(session.workspace, rid, session.registry)
        holder = lock.holder if lock.locked else None
        if holder is None or process_state(holder) != "alive" or holder.pid == os.getpid():
            raise ConflictError(f"no process of this machine uploads {rid}", hint=f"dml exec show {rid}")
        end(holder)
        return f"{rid}: the upload is paused; commit resumes it"

    def cancel(self, rid: str) -> str:
        """End the process that commits an execution, if there is one, and mark it Failed."""
        with WorkspaceSession.reading(self._target, self._directory) as session:
            locked = lock_state(session.workspace, rid, session.registry).locked
        if locked:
            self.pause(rid)
        with self._working() as session:
            row = get_execution(session.registry, rid)
            return _describe(lifecycle.change(session, row, ExecutionStatus.FAILED, error=CANCELLED))

    def _await_end(self, rid: str, child: subprocess.Popen[bytes], record: Path) -> None:
        """Wait for a commit, so that none stays behind ended, and pass on why it failed; a pause is no failure."""
        if not went_well_or_was_ended(child.wait()):
            self._tell(f"commit {rid}", last_words(record) or f"{rid}: the upload failed", False)

    def _tell(self, title: str, words: str, went_well: bool) -> None:
        self.ended(title, words, went_well)

    def _working(self) -> WorkspaceSession:
        return WorkspaceSession.writing(self._target, self._directory, cache=self._session.cache)


def _describe(result: Transition) -> str:
    text = f"{result.row.rid} is {result.row.status}"
    return f"{text}; status not synced to the catalog: {result.sync_error.message}" if result.sync_error else text
