"""Following a run while it is under way, from the registry alone: which execution it is, and what that does now.

The project's process prints what it likes; how far the run is stands in the registry, where every process of a
workspace records it. A thread looks there and tells whoever watches. Nothing is written.
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

__all__ = ["RunMonitor", "RunView", "Watcher", "saved_rid"]

INTERVAL: Final = 1.0
"""Seconds between two looks."""

S = ExecutionStatus


@dataclass(frozen=True)
class RunView:
    """How far a run is.

    Attributes:
        seconds: Since the project's process was started.
        rid: The execution, of a sweep the job that was begun last; None before there is one.
        phase: ``starting``, ``fetching inputs``, ``running``, ``committing``, or its status when it is over.
        detail: The last progress message of the model.
        parent: RID of the sweep's parent; None for a single run.
        jobs: How many jobs this run is to do; where that is not known, how many were begun.
        jobs_done: How many of them are uploaded.
        files, files_sent: Files of the commit under way, over all jobs; 0 when there is none.
        bytes, bytes_sent: Their bytes.
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


class Watcher(Protocol):
    """Whoever is told how far a run is; called in one thread."""

    def show(self, view: RunView) -> None:
        """How far it is now."""

    def close(self) -> None:
        """It has ended."""


class RunMonitor:
    """A context manager around the project's process that tells a watcher every second how far it is.

    Args:
        watcher: Told.
        target: The catalog.
        workspace: Its workspace.
        saved: The file in which the process writes which execution it makes.
        parent: RID of the sweep's parent; None for a single run.
        jobs: How many jobs of the sweep are to run; 0 when that is not known.
        interval: Seconds between two looks.
    """

    def __init__(
        self,
        watcher: Watcher,
        target: Target,
        workspace: Path,
        saved: Path,
        parent: str | None = None,
        jobs: int = 0,
        *,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watcher = watcher
        self._where = (target, workspace)
        self._saved = saved
        self._interval, self._clock = interval, clock
        self._began, self._since = clock(), datetime.now(UTC)
        self._total = jobs
        self._view = RunView(parent=parent, jobs=jobs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="dml-following", daemon=True)

    def __enter__(self) -> RunMonitor:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._watcher.close()

    def _follow(self) -> None:
        while True:
            last = self._ended.is_set()
            # A registry that is being written, or is not there yet, is looked at again.
            with contextlib.suppress(DmlError):
                self._view = self._look()
            self._watcher.show(replace(self._view, seconds=self._clock() - self._began))
            if last:
                return
            self._ended.wait(self._interval)

    def _look(self) -> RunView:
        from dml.execution.upload_progress import uploads_under_way
        from dml.workspace.session import WorkspaceSession

        with WorkspaceSession.reading(*self._where) as session:
            rows = self._rows(session)
            if not rows:
                return self._view
            latest = max(rows, key=lambda row: (not _is_over(row), row.created_at or self._since, row.rid))
            uploads = uploads_under_way(session, rows)
        return replace(
            self._view,
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
        """The execution of a single run, or the jobs of a sweep that this run began."""
        from dml.execution.creation import NESTED_IN
        from dml.workspace.executions import find_execution, list_executions

        if self._view.parent is not None:
            begun = list_executions(session.registry, since=self._since)
            return [row for row in begun if row.extra.get(NESTED_IN) == self._view.parent]
        rid = saved_rid(self._saved)
        row = None if rid is None else find_execution(session.registry, rid)
        return [] if row is None else [row]


def saved_rid(path: Path) -> str | None:
    """The execution that a run has written down in its file; None when it has made none yet."""
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
            return "fetching inputs"
        case S.RUNNING:
            return "running"
        case S.STOPPED | S.PENDING_UPLOAD:
            return "committing"
        case _:
            return row.status
