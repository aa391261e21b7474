"""What actions work on, and what makes sense for it."""

from __future__ import annotations

from dataclasses import dataclass

from dml.cache.entries import CacheEntry
from dml.execution.local_list import LocalExecution
from dml.execution.status import ExecutionStatus, effective_status
from dml.tui.live_project_reader import CheckState
from dml.tui.state import Commit

S = ExecutionStatus


@dataclass(frozen=True)
class ActionTarget:
    """What an action would work on.

    Attributes:
        rid: Its RID; empty for an experiment, which has none yet.
        summary: The execution as this workspace knows it; None for anything else.
        commit: Its upload, while there is one.
        cached: The entry of the cache, where that is meant.
        check: The experiment of the project with its checks, where that is meant.
    """

    rid: str
    summary: LocalExecution | None = None
    commit: Commit | None = None
    cached: CacheEntry | None = None
    check: CheckState | None = None

    @property
    def name(self) -> str:
        """What commands call it: a version in the cache is more than its RID, an experiment is its overrides."""
        if self.check is not None:
            return self.check.experiment.typed
        return self.cached.name if self.cached is not None else self.rid

    @property
    def called(self) -> str:
        """What people call it."""
        return self.check.experiment.name if self.check is not None else self.name

    @property
    def rids(self) -> list[str]:
        """The rows that it stands for: itself, or the inputs of an experiment once they are known."""
        if self.check is not None:
            return self.check.inputs
        return [self.rid] if self.rid else []

    @property
    def status(self) -> ExecutionStatus | None:
        """What its status counts as; None when it is no execution of this workspace."""
        return effective_status(self.summary.status) if self.summary is not None else None


def can_commit(subject: ActionTarget) -> bool:
    """Whether there is something to commit, and nobody does."""
    one = subject.summary
    if one is None or (subject.commit is not None and subject.commit.holder is not None):
        return False
    if subject.status is S.UPLOADED:
        return bool(one.pending)
    return subject.status in (S.STOPPED, S.FAILED, S.PENDING_UPLOAD) or one.life == "dead"


def can_resume(subject: ActionTarget) -> bool:
    """Whether it lost its process, or the catalog does not know its status."""
    one = subject.summary
    idle = subject.commit is None or subject.commit.holder is None
    return one is not None and idle and (one.life in ("dead", "unknown") or one.row.sync_pending)


def can_abort(subject: ActionTarget) -> bool:
    """Whether it may be given up."""
    one = subject.summary
    if one is None or one.life in ("running", "elsewhere"):
        return False
    return subject.status in (S.CREATED, S.RUNNING, S.STOPPED, S.FAILED)


def can_stop(subject: ActionTarget) -> bool:
    """Whether it runs and nobody can tell whether its process lives."""
    return subject.summary is not None and subject.summary.life == "unknown"


def is_over(subject: ActionTarget) -> bool:
    """Whether nothing more will come of it, so that its files may go."""
    one = subject.summary
    return one is not None and (subject.status is S.ABORTED or (subject.status is S.UPLOADED and not one.pending))


def can_interrupt(subject: ActionTarget) -> bool:
    """Whether a process of this machine commits it."""
    return subject.commit is not None and subject.commit.reachable


def can_cancel(subject: ActionTarget) -> bool:
    """Whether its upload may be given up from here."""
    commit = subject.commit
    return commit is not None and (commit.holder is None or commit.reachable)


def is_entry(subject: ActionTarget) -> bool:
    """Whether it is a bag or an asset of the cache."""
    return subject.cached is not None and subject.cached.kind in ("bag", "asset")


def can_warm(subject: ActionTarget) -> bool:
    """Whether something of it is missing here."""
    item = subject.cached
    return item is not None and item.kind == "bag" and (bool(item.missing) or item.tier != "cached_materialized")


def is_pinned(subject: ActionTarget) -> bool:
    """Whether it is kept whatever is cleared."""
    return subject.cached is not None and subject.cached.pinned


def has_row(subject: ActionTarget) -> bool:
    """Whether it stands for rows of the catalog."""
    return bool(subject.rids)


def has_lineage(subject: ActionTarget) -> bool:
    """Whether its lineage can be asked for: the catalog has a row of it."""
    return bool(subject.rid) and (subject.cached is None or is_entry(subject))


def can_check(subject: ActionTarget) -> bool:
    """Whether it is an experiment that is not being checked."""
    return subject.check is not None and not subject.check.is_running


def can_run(subject: ActionTarget) -> bool:
    """Whether it is an experiment that was checked and would not fail."""
    check = subject.check
    return check is not None and not check.is_running and check.report is not None and check.report.passed


def has_fixes(subject: ActionTarget) -> bool:
    """Whether the checks said what mends something."""
    return subject.check is not None and bool(subject.check.fixes)
