"""How a sweep stands, job by job, and ending its parent by its children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import select
from dml.execution.commit import CommitOptions
from dml.execution.status import ExecutionStatus, effective_status
from dml.nesting.execution_summaries import read_runs
from dml.nesting.tree import NESTING

if TYPE_CHECKING:
    from dml.api.execution import Execution
    from dml.catalog.connection import Catalog

__all__ = ["JobState", "end_parent", "job_states"]

S = ExecutionStatus


@dataclass(frozen=True)
class JobState:
    """How a job of a sweep stands.

    Attributes:
        sequence: Its place; None for a child that has none.
        rid: Its execution, the best of those that tried it; None when it was not begun.
        status: That execution's status.
        detail: What it last said.
    """

    sequence: int | None
    rid: str | None
    status: str | None
    detail: str = ""

    @property
    def done(self) -> bool:
        """Whether its outputs are in the catalog."""
        return effective_status(self.status) is S.UPLOADED

    def describe(self) -> str:
        """``job 3 (6A8) Failed: NaN loss``."""
        if self.rid is None:
            return f"job {self.sequence} was not begun"
        where = f"job {self.sequence} ({self.rid})" if self.sequence is not None else self.rid
        return f"{where} {self.status}" + (f": {self.detail}" if self.detail else "")


_RANK = {S.UPLOADED: 5, S.PENDING_UPLOAD: 4, S.STOPPED: 3, S.RUNNING: 2, S.CREATED: 1}


def job_states(catalog: Catalog, parent: str, job_count: int | None = None) -> list[JobState]:
    """How each job stands, by its place; of several that tried one job the furthest counts, then the latest.

    Args:
        catalog: Where to read; two or three requests.
        parent: RID of the parent.
        job_count: How many jobs there are to be; those that were not begun are in the result too.
    """
    links = select(catalog, NESTING, where={"Execution": parent}, columns=["Nested_Execution", "Sequence"])
    runs = read_runs(catalog, [str(link["Nested_Execution"]) for link in links])
    best: dict[object, tuple[int, str, JobState]] = {}
    for link in links:
        rid, sequence = str(link["Nested_Execution"]), link["Sequence"]
        run = runs[rid]
        status = effective_status(run.status)
        rank = (_RANK.get(status, 0) if status else 0, run.created)
        key: object = rid if sequence is None else int(sequence)
        state = JobState(None if sequence is None else int(sequence), rid, run.status, run.status_detail)
        if key not in best or rank > best[key][:2]:
            best[key] = (*rank, state)
    for number in range(job_count or 0):
        best.setdefault(number, (0, "", JobState(number, None, None)))
    states = [state for _, _, state in best.values()]
    return sorted(states, key=lambda one: (one.sequence is None, one.sequence or 0, one.rid or ""))


def end_parent(
    parent: Execution, job_count: int | None = None, *, complete: bool = True
) -> tuple[bool, list[JobState]]:
    """Uploaded when every job is, otherwise Failed with which jobs and why. Writes registry and catalog.

    Args:
        parent: The parent, in whatever status it is.
        job_count: How many jobs there were to be; None when that is not known.
        complete: Whether these are all; not so when a sweeper that chooses while it runs was interrupted.

    Returns:
        Whether all are done, and how each job stands.
    """
    states = job_states(parent.session.catalog, parent.execution_rid, job_count)
    left = [state for state in states if not state.done]
    status = effective_status(parent.status)
    if not left and states and complete:
        if status is S.RUNNING:
            parent.execution_stop()
        if status is not S.UPLOADED:
            parent.commit_output_assets(options=CommitOptions(ends_sweep=True))
        return True, states
    message = failure_message(left, len(states), complete=complete)
    if status in (S.RUNNING, S.PENDING_UPLOAD, S.FAILED):
        parent.update_status(S.FAILED, error=message) if status is not S.FAILED else _say_again(parent, message)
    return False, states


def _say_again(parent: Execution, message: str) -> None:
    from dml.execution import lifecycle

    lifecycle.fail(parent.session, parent.execution_rid, message)


def failure_message(left: Sequence[JobState], total: int, *, complete: bool = True) -> str:
    """Which jobs are not done and why, the first few of them."""
    if not total:
        return "no job of the sweep was begun"
    if not left and not complete:
        return f"the sweep ended before its sweeper had chosen every job; {total} are uploaded"
    shown = "; ".join(state.describe() for state in left[:5])
    more = f"; and {len(left) - 5} more" if len(left) > 5 else ""
    return f"{len(left)} of {total} jobs are not uploaded: {shown}{more}"
