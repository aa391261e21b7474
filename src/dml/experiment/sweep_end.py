"""The state of a sweep's jobs, and finishing the parent according to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import select
from dml.execution import lifecycle
from dml.execution.commit import CommitOptions
from dml.execution.status import ExecutionStatus, effective_status
from dml.nesting.execution_summaries import read_summaries
from dml.nesting.tree import NESTING

if TYPE_CHECKING:
    from dml.api.execution import Execution
    from dml.catalog.connection import Catalog

__all__ = ["JobState", "end_parent", "job_states"]

S = ExecutionStatus


@dataclass(frozen=True)
class JobState:
    """The state of a job of a sweep.

    Attributes:
        sequence: Sequence number of the job; None for a child without one.
        rid: RID of its execution, the furthest of several attempts; None when it was not started.
        status: Status of that execution; None when it was not started.
        detail: Last progress message or error of that execution.
    """

    sequence: int | None
    rid: str | None
    status: str | None
    detail: str = ""

    @property
    def done(self) -> bool:
        """Whether the outputs of the job are in the catalog."""
        return effective_status(self.status) is S.UPLOADED

    def describe(self) -> str:
        """The state as text, such as ``job 3 (6A8) Failed: NaN loss``."""
        if self.rid is None:
            return f"job {self.sequence} was not started"
        name = f"job {self.sequence} ({self.rid})" if self.sequence is not None else self.rid
        return f"{name} {self.status}" + (f": {self.detail}" if self.detail else "")


_RANK = {S.UPLOADED: 5, S.PENDING_UPLOAD: 4, S.STOPPED: 3, S.RUNNING: 2, S.CREATED: 1}


def job_states(catalog: Catalog, parent: str, job_count: int | None = None) -> list[JobState]:
    """The state of each job, by sequence number; of several attempts, the furthest and then the latest one counts.

    Args:
        catalog: The catalog to read; two or three requests.
        parent: RID of the parent.
        job_count: Number of jobs of the sweep, so that jobs that were not started are included; None when unknown.
    """
    links = select(catalog, NESTING, where={"Execution": parent}, columns=["Nested_Execution", "Sequence"])
    runs = read_summaries(catalog, [str(link["Nested_Execution"]) for link in links])
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
    return sorted(states, key=lambda state: (state.sequence is None, state.sequence or 0, state.rid or ""))


def end_parent(
    parent: Execution, job_count: int | None = None, *, complete: bool = True
) -> tuple[bool, list[JobState]]:
    """Set the parent to Uploaded if every job is, and otherwise to Failed with the jobs and their errors.

    Writes the registry and the catalog.

    Args:
        parent: The parent, in any status.
        job_count: Number of jobs of the sweep; None when unknown.
        complete: Whether every job has been chosen; False when an adaptive sweeper was interrupted.

    Returns:
        Whether all jobs are done, and the state of each job.
    """
    states = job_states(parent.session.catalog, parent.execution_rid, job_count)
    unfinished = [state for state in states if not state.done]
    status = effective_status(parent.status)
    if not unfinished and states and complete:
        if status is S.RUNNING:
            parent.execution_stop()
        if status is not S.UPLOADED:
            parent.commit_output_assets(options=CommitOptions(ends_sweep=True))
        return True, states
    message = failure_message(unfinished, len(states), complete=complete)
    if status is S.FAILED:
        lifecycle.fail(parent.session, parent.execution_rid, message)  # update_status would keep the old error
    elif status in (S.RUNNING, S.PENDING_UPLOAD):
        parent.update_status(S.FAILED, error=message)
    return False, states


def failure_message(unfinished: Sequence[JobState], total: int, *, complete: bool = True) -> str:
    """The first few unfinished jobs and why they are unfinished, as a sentence."""
    if not total:
        return "no job of the sweep was started"
    if not unfinished and not complete:
        return f"the sweep ended before its sweeper had chosen every job; {total} are uploaded"
    listed = "; ".join(state.describe() for state in unfinished[:5])
    more = f"; and {len(unfinished) - 5} more" if len(unfinished) > 5 else ""
    return f"{len(unfinished)} of {total} jobs are not uploaded: {listed}{more}"
