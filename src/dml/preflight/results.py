"""The results of checks, and the report that collects them."""

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
"""The groups of checks, in the order in which they are displayed."""


class State(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """The result of one check.

    Attributes:
        group: The group of the check, one of ``GROUPS``.
        check: Name of the check within its group, for programs.
        state: The outcome.
        message: What was found, one sentence.
        fix: The command or the edit that solves the problem; empty when there is none.
        subject: The RID, file or option that the result is about; empty when it is about the whole run.
    """

    group: str
    check: str
    state: State
    message: str
    fix: str = ""
    subject: str = ""


@dataclass(frozen=True)
class RunSummary:
    """A summary of the run, for the end of the report; what is unknown is empty.

    Attributes:
        experiment: Name of the experiment, sweep or main configuration.
        target: The catalog, as text.
        identity: Display name of the user.
        commit: Short hash of the commit; empty outside git.
        branch: Name of the git branch.
        version: The version that the execution will record.
        jobs: Number of jobs.
        function: Dotted name of the function that is called.
        parameters: Parameters of the function in the first job.
        description: The description that will be recorded.
        datasets: Cache tier by ``RID@VERSION``.
        assets: Cache tier by RID.
        bytes_to_fetch: Bytes to download before the run; None when unknown.
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
    """The results of a preflight.

    Attributes:
        results: The results by group, in the order of ``GROUPS``.
        summary: A summary of the run.
        requests: Number of requests to the catalog's host, including HEAD requests for objects.
        seconds: How long the checks took.
    """

    results: tuple[Result, ...]
    summary: RunSummary = field(default_factory=RunSummary)
    requests: int = 0
    seconds: float = 0.0

    def count(self, state: State) -> int:
        """The number of results with a state."""
        return sum(result.state is state for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.count(State.FAILED)

    def of(self, group: str) -> list[Result]:
        """The results of one group."""
        return [result for result in self.results if result.group == group]


def ok(group: str, check: str, message: str, *, subject: str = "") -> Result:
    """The result of a check that found no problem."""
    return Result(group, check, State.OK, message, "", subject)


def warning(group: str, check: str, message: str, fix: str = "", *, subject: str = "") -> Result:
    """The result of a check that found something that may be intended but often is not."""
    return Result(group, check, State.WARNING, message, fix, subject)


def failed(group: str, check: str, message: str, fix: str = "", *, subject: str = "") -> Result:
    """The result of a check that found something that would make the run fail."""
    return Result(group, check, State.FAILED, message, fix, subject)


def skipped(group: str, check: str, reason: str, *, subject: str = "") -> Result:
    """The result of a check that could not be made, with the reason."""
    return Result(group, check, State.SKIPPED, reason, "", subject)
