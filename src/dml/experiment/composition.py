"""The result of composing a project's Hydra configuration: its jobs, its options and its problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dml.experiment.project import Project

__all__ = ["ComposeRequest", "Composition", "ConfigProblem", "Function", "Job"]


@dataclass(frozen=True)
class ComposeRequest:
    """A request to compose a configuration.

    Attributes:
        config_name: Name of the main configuration.
        overrides: Hydra overrides, which may include ``+multirun=NAME``.
        multirun: Whether the overrides describe a sweep even without ``+multirun``.
        job_limit: The most jobs of a sweep to compose; all are counted.
        others: Also compose every other experiment, sweep and notebook of the project.
        packages: Also list the packages that are installed in the project's environment.
    """

    config_name: str = "deriva_model"
    overrides: tuple[str, ...] = ()
    multirun: bool = False
    job_limit: int = 1000
    others: bool = False
    packages: bool = False


@dataclass(frozen=True)
class ConfigProblem:
    """A problem of the user's configuration.

    Attributes:
        stage: When it occurred: ``import``, ``compose``, ``setup`` or ``worker``.
        message: What is wrong, one sentence.
        subject: The module, override or configuration that it is about.
        file: The user's file; None when the problem has no location.
        line: The line in that file; None when it is unknown.
        hint: What to do about it; empty when there is no suggestion.
        detail: The whole text of the error, if it is longer than the message.
    """

    stage: str
    message: str
    subject: str = ""
    file: Path | None = None
    line: int | None = None
    hint: str = ""
    detail: str = ""

    def location(self, project: Project) -> str:
        """The file and line, such as ``src/configs/datasets.py:31``; empty when there is no file."""
        if self.file is None:
            return ""
        return f"{project.relative(self.file)}:{self.line}" if self.line else project.relative(self.file)


@dataclass(frozen=True)
class Function:
    """The function that a run calls.

    Attributes:
        key: The config group that names it, ``model_config`` or ``script_config``.
        target: Dotted name of the function.
        file: The file that defines it; None when it was not found.
        line: The line of the definition; None when it is unknown.
        parameters: Names of the parameters; None when they are unknown.
        any_keyword: Whether it accepts arbitrary keywords.
    """

    key: str
    target: str
    file: Path | None
    line: int | None = None
    parameters: tuple[str, ...] | None = None
    any_keyword: bool = False

    def takes(self, name: str) -> bool:
        """Whether it accepts a keyword."""
        return self.any_keyword or name in (self.parameters or ())


@dataclass(frozen=True)
class Job:
    """One job of a run; a sweep has several.

    Attributes:
        number: Sequence number in the sweep, from 0.
        overrides: The overrides of the job, without those of Hydra's own settings.
        config: The composed configuration without the node ``hydra``; empty when it did not compose.
        choices: The option chosen for each config group.
        missing: Keys that have no value (``???``).
        problem: Why it did not compose, or which interpolation failed; None without a problem.
    """

    number: int
    overrides: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    problem: ConfigProblem | None = None

    @property
    def composed(self) -> bool:
        """Whether there is a configuration."""
        return bool(self.config)


@dataclass(frozen=True)
class Composition:
    """The composed configuration of a project, or the problems that prevented it.

    Attributes:
        project: The project, with the interpreter that composed it.
        request: The request.
        problems: Problems that prevented the composition; empty when there are none.
        jobs: The jobs that were composed.
        job_count: Number of jobs, including those that were not composed.
        is_sweep: Whether this is a sweep.
        api: The library that the configurations import, ``dml`` or ``deriva_ml``; None for neither.
        overrides: The overrides, with those of the named multirun in place of ``+multirun``.
        hydra_overrides: Overrides of Hydra's own settings, for a sweep.
        sweep_name: Name of the multirun; empty when it has none.
        launcher: Class name of the sweep's launcher; empty for a single run.
        sweeper: Class name of the sweep's sweeper; empty for a single run.
        function: The function that the run calls; None when none is configured.
        groups: The options of each config group.
        multiruns: The overrides of each named multirun.
        multirun_descriptions: The description of each named multirun.
        notebooks: Names of the notebook configurations.
        others: Problems of other experiments, sweeps and notebooks.
        python: Version of the project's interpreter; empty when it is unknown.
        packages: Version of each installed package; empty unless requested.
        printed: The last part of what the user's modules printed.
    """

    project: Project
    request: ComposeRequest
    problems: tuple[ConfigProblem, ...] = ()
    jobs: tuple[Job, ...] = ()
    job_count: int = 0
    is_sweep: bool = False
    api: str | None = None
    overrides: tuple[str, ...] = ()
    hydra_overrides: tuple[str, ...] = ()
    sweep_name: str = ""
    launcher: str = ""
    sweeper: str = ""
    function: Function | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multiruns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multirun_descriptions: Mapping[str, str] = field(default_factory=dict)
    notebooks: tuple[str, ...] = ()
    others: tuple[ConfigProblem, ...] = ()
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    printed: str = ""

    @property
    def loaded(self) -> bool:
        """Whether the configuration modules could be imported, even if the configuration does not compose."""
        return all(problem.stage == "compose" for problem in self.problems)

    @property
    def configs(self) -> list[Mapping[str, Any]]:
        """The configurations of the jobs that composed."""
        return [job.config for job in self.jobs if job.composed]

    @property
    def uses_basic_sweeper(self) -> bool:
        """Whether Hydra's own sweeper is used, which determines all jobs before the first one runs."""
        return self.sweeper.endswith("BasicSweeper")
