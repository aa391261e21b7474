"""How a group of executions went: counts by status, and what the parent's own status does not tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dml.nesting.execution_summaries import Run
from dml.nesting.tree import Nesting

__all__ = ["Rollup", "roll_up"]

_MEANING = {"Initializing": "Created", "Pending": "Created", "Completed": "Uploaded", None: "Created"}
"""Words of older catalogs and what they mean today; only for decisions, never shown in place of the word."""

_ORDER = ("Uploaded", "Pending_Upload", "Stopped", "Running", "Created", "Failed", "Aborted")
_ENDED = frozenset({"Uploaded", "Failed", "Aborted"})


@dataclass(frozen=True)
class Rollup:
    """The states of several executions together.

    Attributes:
        total: How many there are.
        counts: By status as the catalog holds it (``none`` for no status), usual order first.
        done: How many need nothing more: uploaded, in the words of older catalogs completed.
        duration: Seconds they ran together; None when no duration is known.
        remarks: What should be looked at, one sentence each.
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
    """Sum up the executions below (or above) the root, each once."""
    runs = [nesting.runs[rid] for rid in nesting.members]
    counts = Counter(run.status or "none" for run in runs)
    known = [status for status in _ORDER if status in counts]
    ordered = {status: counts[status] for status in [*known, *sorted(set(counts) - set(known))]}
    lengths = [run.duration for run in runs if run.duration is not None]
    done = sum(1 for run in runs if meaning(run) == "Uploaded")
    remarks = () if nesting.upwards else tuple(_remarks(nesting.runs[nesting.root], runs))
    return Rollup(len(runs), ordered, done, sum(lengths) if lengths else None, remarks)


def meaning(run: Run) -> str:
    """Today's word for an execution's status."""
    return _MEANING.get(run.status, run.status or "Created")


def _remarks(parent: Run, runs: Iterable[Run]) -> Iterable[str]:
    running = [run.rid for run in runs if meaning(run) == "Running"]
    state = meaning(parent)
    if running and state in {"Stopped", *_ENDED}:
        yield f"{parent.rid} is {parent.status}, but {_some(running)} still said to be running"
    unfinished = [run.rid for run in runs if meaning(run) not in _ENDED]
    if state == "Running" and list(runs) and not unfinished:
        yield f"{parent.rid} is still said to be running, but all its children have ended"
    unreadable = [run.rid for run in runs if not run.readable]
    if unreadable:
        yield f"{_some(unreadable)} gone, or not readable by you"


def _some(rids: list[str]) -> str:
    shown = ", ".join(rids[:5]) + (f" and {len(rids) - 5} more" if len(rids) > 5 else "")
    return f"{shown} {'is' if len(rids) == 1 else 'are'}"
