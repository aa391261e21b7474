"""Monitor a run in progress through the registry: its execution, and what that is doing.

The output of the project's process is arbitrary, but every process of a workspace records its progress in the
registry. A thread reads it there and updates a display. Nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from dml.errors import DmlError
from dml.execution.status import ExecutionStatus, effective_status

if TYPE_CHECKING:
    from types import TracebackType

    from dml.target import Target
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["RunDisplay", "RunMonitor", "RunProgress", "saved_rid"]

INTERVAL: Final = 1.0
"""Seconds between two readings of the registry."""

S = ExecutionStatus


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run.

    Attributes:
        seconds: Seconds since the project's process was started.
        rid: RID of the execution; in a sweep, of the job that was started last. None before there is one.
        phase: ``starting``, ``downloading inputs``, ``running``, ``committing``, or the status of a finished execution.
        detail: The last progress message of the model.
        parent: RID of the sweep's parent; None for a single run.
        jobs: Number of jobs of this run; when that is unknown, the number of jobs that were started.
        jobs_done: Number of jobs that are uploaded.
        files, files_sent: Files of the commits in progress, over all jobs; 0 without a commit.
        bytes, bytes_sent: Bytes of these files.
    """

    seconds: float = 0.0
    rid: str | None = None
    phase: str = "starting"
    detail: str = ""
    parent: str | None = None
    jobs: int = 0
    jobs_done: int = 0
    files: int = 0
    files_sent: int = 0
    bytes: int = 0
    bytes_sent: int = 0


class RunDisplay(Protocol):
    """A display of a run's progress; called from one thread."""

    def show(self, progress: RunProgress) -> None:
        """Display the progress."""

    def close(self) -> None:
        """Remove the display; the run has ended."""


class RunMonitor:
    """A context manager around the project's process that updates a display every second.

    Args:
        display: The display to update.
        target: The catalog of the run.
        workspace: Directory of the workspace.
        saved: The file to which the process writes the RID of its execution.
        parent: RID of the sweep's parent; None for a single run.
        jobs: Number of jobs of the sweep; 0 when it is unknown.
        interval: Seconds between two updates.
        clock: Returns the current time in seconds.
    """

    def __init__(
        self,
        display: RunDisplay,
        target: Target,
        workspace: Path,
        saved: Path,
        parent: str | None = None,
        jobs: int = 0,
        *,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._display = display
        self._location = (target, workspace)
        self._saved = saved
        self._interval, self._clock = interval, clock
        self._began, self._since = clock(), datetime.now(UTC)
        self._total = jobs
        self._progress = RunProgress(parent=parent, jobs=jobs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._update, name="dml-run-monitor", daemon=True)

    def __enter__(self) -> RunMonitor:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._display.close()

    def _update(self) -> None:
        while True:
            last = self._ended.is_set()
            # A registry that does not exist yet, or is being written, is read again the next time.
            with contextlib.suppress(DmlError):
                self._progress = self._read()
            self._display.show(replace(self._progress, seconds=self._clock() - self._began))
            if last:
                return
            self._ended.wait(self._interval)

    def _read(self) -> RunProgress:
        from dml.execution.upload_progress import uploads_under_way
        from dml.workspace.session import WorkspaceSession

        with WorkspaceSession.reading(*self._location) as session:
            rows = self._rows(session)
            if not rows:
                return self._progress
            latest = max(rows, key=lambda row: (not _is_over(row), row.created_at or self._since, row.rid))
            uploads = uploads_under_way(session, rows)
        return replace(
            self._progress,
            rid=latest.rid,
            phase="committing" if latest.rid in uploads else _phase(latest),
            detail=latest.status_detail or "",
            jobs=self._total or len(rows),
            jobs_done=sum(effective_status(row.status) is S.UPLOADED for row in rows),
            files=sum(len(upload.files) for upload in uploads.values()),
            files_sent=sum(upload.files_sent for upload in uploads.values()),
            bytes=sum(upload.bytes_total for upload in uploads.values()),
            bytes_sent=sum(upload.bytes_sent for upload in uploads.values()),
        )

    def _rows(self, session: WorkspaceSession) -> list[ExecutionRow]:
        """The execution of a single run, or the jobs of a sweep that this run started."""
        from dml.execution.finish_creation import NESTED_IN
        from dml.workspace.executions import find_execution, list_executions

        if self._progress.parent is not None:
            started = list_executions(session.registry, since=self._since)
            return [row for row in started if row.extra.get(NESTED_IN) == self._progress.parent]
        rid = saved_rid(self._saved)
        row = None if rid is None else find_execution(session.registry, rid)
        return [] if row is None else [row]


def saved_rid(path: Path) -> str | None:
    """The RID that a run has written to its file; None when it has not created an execution yet."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    rid = document.get("execution_rid") if isinstance(document, dict) else None
    return str(rid) if rid else None


def _is_over(row: ExecutionRow) -> bool:
    return effective_status(row.status) not in (S.CREATED, S.RUNNING, S.STOPPED, S.PENDING_UPLOAD)


def _phase(row: ExecutionRow) -> str:
    match effective_status(row.status):
        case S.CREATED:
            return "downloading inputs"
        case S.RUNNING:
            return "running"
        case S.STOPPED | S.PENDING_UPLOAD:
            return "committing"
        case _:
            return row.status
