"""What a check found, and all of it together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["GROUPS", "Report", "Result", "RunSummary", "State", "failed", "ok", "skipped", "warning"]

GROUPS = (
    "configuration",
    "identity",
    "catalog",
    "datasets",
    "assets",
    "inputs",
    "workflow",
    "vocabulary",
    "cache",
    "description",
    "code",
    "environment",
    "sweep",
)
"""The groups of checks, in the order in which they are shown."""


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """What one check found.

    Attributes:
        group: One of ``GROUPS``.
        check: The check's name within its group, for programs.
        state: How it ended.
        message: One sentence.
        fix: The command, or the edit, that mends it; empty when nothing is needed.
        subject: The RID, file or option it is about; empty for the whole.
    """

    group: str
    check: str
    state: State
    message: str
    fix: str = ""
    subject: str = ""


@dataclass(frozen=True)
class RunSummary:
    """What will run, in short; it stands at the end of the report.

    Attributes:
        experiment: What is run: its experiment, sweep or main configuration.
        target: The catalog.
        identity: Who runs it.
        commit: Short hash of the commit; empty outside of git.
        branch: The branch.
        version: The version that will be recorded.
        jobs: How many jobs there are.
        function: The dotted name of what is called.
        parameters: Its parameters in the first job.
        description: What will be recorded.
        datasets: ``RID@VERSION`` → cache tier.
        assets: RID → cache tier.
        bytes_to_fetch: Bytes that are not here yet; None when that is not known.
    """

    experiment: str = ""
    target: str = ""
    identity: str = ""
    commit: str = ""
    branch: str = ""
    version: str = ""
    jobs: int = 1
    function: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    datasets: Mapping[str, str] = field(default_factory=dict)
    assets: Mapping[str, str] = field(default_factory=dict)
    bytes_to_fetch: int | None = None


@dataclass(frozen=True)
class Report:
    """All results of a preflight.

    Attributes:
        results: By group, in the order of ``GROUPS``.
        card: What will run.
        requests: Requests to the catalog's host, HEAD of objects included.
        seconds: How long it took.
    """

    results: tuple[Result, ...]
    card: RunSummary = field(default_factory=RunSummary)
    requests: int = 0
    seconds: float = 0.0

    def count(self, state: State) -> int:
        """How many results are in a state."""
        return sum(result.state is state for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.count(State.FAILED)

    def of(self, group: str) -> list[Result]:
        """The results of one group."""
        return [result for result in self.results if result.group == group]


def ok(group: str, check: str, message: str, *, subject: str = "") -> Result:
    """A check that found all well."""
    return Result(group, check, State.OK, message, "", subject)


def warning(group: str, check: str, message: str, fix: str = "", *, subject: str = "") -> Result:
    """A check that found what may be meant, but often is not."""
    return Result(group, check, State.WARNING, message, fix, subject)


def failed(group: str, check: str, message: str, fix: str = "", *, subject: str = "") -> Result:
    """A check that found what would fail."""
    return Result(group, check, State.FAILED, message, fix, subject)


def skipped(group: str, check: str, reason: str, *, subject: str = "") -> Result:
    """A check that could not look, and why."""
    return Result(group, check, State.SKIPPED, reason, "", subject)
