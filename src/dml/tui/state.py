"""What the dashboard shows, as immutable snapshots: made by the source's threads, read by widgets, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from dml.execution.local_list import ExecutionDetails, LocalExecution
from dml.workspace.process import ProcessIdentity


@dataclass(frozen=True)
class FileProgress:
    """A file of a commit.

    Attributes:
        key: ``Table/filename``.
        state: ``waiting``, ``sending``, ``sent``, ``failed``, or what the commit called its outcome.
        size: Bytes; None when not recorded.
        done: Bytes that arrived, as far as they are known to this process.
        chunk: Number of the piece in flight, from 1; 0 when none is.
        chunks: Into how many pieces the file is cut; 0 when it is not known.
        rate: Bytes a second; None when there is nothing to measure.
        error: Why it failed.
    """

    key: str
    state: str
    size: int | None
    done: int
    chunk: int = 0
    chunks: int = 0
    rate: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Commit:
    """An execution on its way to the catalog.

    Attributes:
        rid: The execution.
        workflow_name: Of its workflow.
        holder: The process that commits it; None when none does: the upload was interrupted and can go on.
        reachable: Whether the holder runs on this machine, so that it can be told to stop.
        files: Its files by key.
        rate: Bytes a second of all files together; None when there is nothing to measure.
        retries: Requests that were sent again since the commit began.
        note: What it waits for; empty when it goes on.
        error: What stood in the way the last time.
    """

    rid: str
    workflow_name: str
    holder: ProcessIdentity | None
    reachable: bool
    files: tuple[FileProgress, ...]
    rate: float | None = None
    retries: int = 0
    note: str = ""
    error: str = ""

    @property
    def total(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(one.size or 0 for one in self.files)

    @property
    def done(self) -> int:
        """Bytes that arrived."""
        return sum(one.done for one in self.files)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the rest arrives at the present rate; None when unknown."""
        return (self.total - self.done) / self.rate if self.rate else None


@dataclass(frozen=True)
class Local:
    """What the workspace says.

    Attributes:
        executions: The latest first.
        commits: Under way or interrupted.
        problem: Why it could not be read the last time; the rest is then as it was before.
        loaded: Whether it was read at all.
    """

    executions: tuple[LocalExecution, ...] = ()
    commits: tuple[Commit, ...] = ()
    problem: str = ""
    loaded: bool = False


@dataclass(frozen=True)
class Remote:
    """What the catalog says.

    Attributes:
        identity: Who one is there; empty when not signed in or not known yet.
        statuses: Status in the catalog by RID, of the executions that changed last.
        polled_at: When it answered the last time.
        lost_since: Since when it does not answer; None while it does.
        problem: Why not.
    """

    identity: str = ""
    statuses: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    polled_at: datetime | None = None
    lost_since: datetime | None = None
    problem: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether what it says may be old."""
        return self.lost_since is not None


@dataclass(frozen=True)
class Details:
    """One execution closely.

    Attributes:
        rid: Which.
        found: What the workspace knows; None when it knows none of this RID.
        log: The last lines that its program printed, while it runs under ``dml exec run``.
    """

    rid: str
    found: ExecutionDetails | None
    log: tuple[str, ...] = ()
