"""Roll-up of nested executions: counts by status, and contradictions to the status of the parent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dml.nesting.execution_summaries import ExecutionSummary
from dml.nesting.tree import Nesting

__all__ = ["Rollup", "roll_up"]

_CURRENT_STATUS = {"Initializing": "Created", "Pending": "Created", "Completed": "Uploaded", None: "Created"}
"""Statuses of older catalogs and their current equivalents; used for decisions, never displayed."""

_ORDER = ("Uploaded", "Pending_Upload", "Stopped", "Running", "Created", "Failed", "Aborted")
_ENDED = frozenset({"Uploaded", "Failed", "Aborted"})


@dataclass(frozen=True)
class Rollup:
    """Totals of several executions.

    Attributes:
        total: Number of executions.
        counts: Number by status as in the catalog (``none`` for no status), in the usual order.
        done: Number of uploaded executions, including ``Completed`` ones of older catalogs.
        duration: Sum of the durations in seconds; None when no duration is known.
        remarks: Contradictions to check, one sentence each.
    """

    total: int
    counts: Mapping[str, int]
    done: int
    duration: float | None
    remarks: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """``3 of 4 Uploaded, 1 Failed``."""
        if not self.total:
            return "no nested executions"
        first, *rest = self.counts.items()
        return f"{first[1]} of {self.total} {first[0]}" + "".join(f", {count} {status}" for status, count in rest)


def roll_up(nesting: Nesting) -> Rollup:
    """The totals of the executions below (or above) the root, each counted once."""
    runs = [nesting.runs[rid] for rid in nesting.members]
    counts = Counter(run.status or "none" for run in runs)
    known = [status for status in _ORDER if status in counts]
    ordered = {status: counts[status] for status in [*known, *sorted(set(counts) - set(known))]}
    lengths = [run.duration for run in runs if run.duration is not None]
    done = sum(1 for run in runs if current_status(run) == "Uploaded")
    remarks = () if nesting.upwards else tuple(_remarks(nesting.runs[nesting.root], runs))
    return Rollup(len(runs), ordered, done, sum(lengths) if lengths else None, remarks)


def current_status(run: ExecutionSummary) -> str:
    """The status of an execution in terms of current deriva-ml releases."""
    return _CURRENT_STATUS.get(run.status, run.status or "Created")


def _remarks(parent: ExecutionSummary, runs: Iterable[ExecutionSummary]) -> Iterable[str]:
    running = [run.rid for run in runs if current_status(run) == "Running"]
    status = current_status(parent)
    if running and status in {"Stopped", *_ENDED}:
        yield f"{parent.rid} is {parent.status}, but {_some(running)} still said to be running"
    unfinished = [run.rid for run in runs if current_status(run) not in _ENDED]
    if status == "Running" and list(runs) and not unfinished:
        yield f"{parent.rid} is still said to be running, but all its children have ended"
    unreadable = [run.rid for run in runs if not run.readable]
    if unreadable:
        yield f"{_some(unreadable)} gone, or not readable by you"


def _some(rids: list[str]) -> str:
    shown = ", ".join(rids[:5]) + (f" and {len(rids) - 5} more" if len(rids) > 5 else "")
    return f"{shown} {'is' if len(rids) == 1 else 'are'}"
