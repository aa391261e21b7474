"""Reading the workspace for the dashboard: cheap to ask whether it changed, lean when it did. Leaves no trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import DmlError, NotFoundError
from dml.execution.local_list import LocalExecution, details_of
from dml.execution.status import ExecutionStatus, effective_status
from dml.execution.unrecorded import LOG_NAME
from dml.tui.progress_records import ProgressRecords
from dml.tui.state import Details, Local
from dml.tui.upload_states import CommitReader
from dml.workspace.connection import Fingerprint, fingerprint
from dml.workspace.liveness import Liveness, list_liveness
from dml.workspace.overviews import ExecutionOverview, list_overviews

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

JOURNAL_LINES = 30
LOG_LINES = 50
_LOG_BYTES = 16_384


class LocalReader:
    """Reads one workspace again and again from one thread.

    Args:
        place: Opened for reading.
    """

    def __init__(self, session: WorkspaceSession) -> None:
        self._session = session
        self._briefs: dict[str, ExecutionOverview] = {}
        self._summaries: dict[str, LocalExecution] = {}
        self._seen: Fingerprint | None = None
        self._commits = CommitReader(session.workspace, session.registry, ProgressRecords(session.workspace.root))
        self._state = Local()

    def has_changed(self) -> bool:
        """Whether the registry was written since the last read; three calls of stat(2)."""
        return self._seen is None or fingerprint(self._session.workspace.registry_path) != self._seen

    @property
    def is_busy(self) -> bool:
        """Whether something may change that the registry's file does not show: a process may end, bytes may move."""
        return bool(self._state.commits) or any(one.life for one in self._state.executions)

    def read(self, now: float) -> Local:
        """What the workspace says; when it cannot be read, what it said before, and why.

        Args:
            now: Seconds of a monotonic clock, for rates.
        """
        seen = fingerprint(self._session.workspace.registry_path)
        try:
            summaries = self._read_summaries()
            commits = self._commits.read(summaries, now)
        except DmlError as error:
            self._state = replace(self._state, problem=error.message)
        else:
            self._seen = seen
            self._state = Local(summaries, commits, loaded=True)
        return self._state

    def details(self, rid: str) -> Details:
        """One execution closely; without anything found when the workspace does not know it (any more)."""
        try:
            found = details_of(self._session, rid, journal_entries=JOURNAL_LINES)
        except NotFoundError:
            return Details(rid, None)
        log = self._session.workspace.execution_directory(rid) / LOG_NAME
        return Details(rid, found, tuple(last_lines(log)))

    def _read_summaries(self) -> tuple[LocalExecution, ...]:
        briefs = list_overviews(self._session.registry, self._briefs)
        running = [one.row.rid for one in briefs if effective_status(one.row.status) is ExecutionStatus.RUNNING]
        living = list_liveness(self._session.registry, running) if running else {}
        summaries = {one.row.rid: self._summary(one, living.get(one.row.rid)) for one in briefs}
        self._briefs = {one.row.rid: one for one in briefs}
        self._summaries = summaries
        return tuple(summaries.values())

    def _summary(self, brief: ExecutionOverview, living: Liveness | None) -> LocalExecution:
        """The summary made before when it says the same, so that widgets see at a glance what changed."""
        rid = brief.row.rid
        before = self._summaries.get(rid)
        if before is not None and self._briefs.get(rid) is brief and before.liveness == living:
            return before
        return LocalExecution(brief.row, brief.pending, brief.uploaded, living, brief.workflow_name, brief.inputs)


def last_lines(path: Path) -> Iterable[str]:
    """The end of a program's log; what a carriage return overwrote is left out. Empty when there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.splitlines()[-LOG_LINES:]] if text else []
