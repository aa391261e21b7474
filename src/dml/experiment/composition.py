"""A project's configuration, composed by its own interpreter: what each job of a run or sweep is given.

The work is done by ``compose_worker`` in another process, which composes and never instantiates, so neither git nor
the model's framework is touched beyond what the configuration modules import. Errors of those modules are theirs:
each carries file and line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from dml.errors import UsageError
from dml.experiment.project import Project
from dml.experiment.worker_process import Ended, run_worker
from dml.safe_text import safe

__all__ = ["ComposeRequest", "Composition", "ConfigProblem", "Function", "Job", "compose", "compose_or_raise"]

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds; configuration modules that import a large framework take many."""

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)


@dataclass(frozen=True)
class ComposeRequest:
    """What is to be composed.

    Attributes:
        config_name: The main configuration.
        overrides: Hydra's overrides, ``+multirun=NAME`` among them.
        multirun: Whether a sweep is meant even without ``+multirun``.
        job_limit: The most jobs of a sweep that are composed; all are counted.
        others: Also compose every other experiment, sweep and notebook of the project.
        packages: Also list what is installed there.
    """

    config_name: str = "deriva_model"
    overrides: tuple[str, ...] = ()
    multirun: bool = False
    job_limit: int = 1000
    others: bool = False
    packages: bool = False


@dataclass(frozen=True)
class ConfigProblem:
    """Something wrong with the user's configuration.

    Attributes:
        stage: ``import``, ``compose``, ``setup`` or ``worker``.
        message: What is wrong, one sentence.
        subject: The module, override or configuration it was about.
        file: The user's file; None when the problem has no place.
        line: Its line.
        hint: What to do next.
        detail: The whole text of the error, where it is longer.
    """

    stage: str
    message: str
    subject: str = ""
    file: Path | None = None
    line: int | None = None
    hint: str = ""
    detail: str = ""

    def place(self, project: Project) -> str:
        """``src/configs/datasets.py:31``; empty when there is no place."""
        if self.file is None:
            return ""
        return f"{project.shown(self.file)}:{self.line}" if self.line else project.shown(self.file)


@dataclass(frozen=True)
class Function:
    """The function that a run calls.

    Attributes:
        key: ``model_config`` or ``script_config``.
        target: Its dotted name.
        file: Where it is defined; None when it was not found.
        line: The line of its definition; None when the file has none.
        parameters: Names of its parameters; None when they are not known.
        any_keyword: Whether it takes any keyword.
    """

    key: str
    target: str
    file: Path | None
    line: int | None = None
    parameters: tuple[str, ...] | None = None
    any_keyword: bool = False

    def takes(self, name: str) -> bool:
        """Whether it can be called with this keyword."""
        return self.any_keyword or name in (self.parameters or ())


@dataclass(frozen=True)
class Job:
    """One run of the configuration; a sweep has several.

    Attributes:
        number: Place in the sweep, from 0.
        overrides: Its own overrides, Hydra's own settings left out.
        config: The composed configuration without Hydra's node; empty when it did not compose.
        choices: Config group → chosen option.
        missing: Keys that have no value (``???``).
        problem: Why it did not compose, or which interpolation leads nowhere; None when all is well.
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
    """What the worker found.

    Attributes:
        project: Where.
        request: What was asked for.
        problems: What kept it from composing; empty when every job is there.
        jobs: The jobs, as many as were composed.
        job_count: How many jobs there are.
        is_sweep: Whether this is a multirun.
        api: ``dml`` or ``deriva_ml``: whose names the configurations import; None for neither.
        overrides: The overrides with ``+multirun`` replaced by what it stands for.
        hydra_overrides: Those of Hydra's own settings, in a sweep.
        sweep_name: Name of the multirun; empty when it has none.
        launcher: Class of the launcher of a sweep.
        sweeper: Class of the sweeper of a sweep.
        function: What the run calls.
        groups: Config group → options.
        multiruns: Name → overrides.
        multirun_descriptions: Name → description.
        notebooks: Names of notebook configurations.
        others: What else in the project does not compose.
        python: Version of the project's interpreter.
        packages: Installed there, name → version; empty unless asked for.
        printed: What the user's modules printed, the last of it.
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
        """Whether the configuration modules could be loaded, whatever else does not compose."""
        return all(problem.stage == "compose" for problem in self.problems)

    @property
    def configs(self) -> list[Mapping[str, Any]]:
        """The configurations of the jobs that composed."""
        return [job.config for job in self.jobs if job.composed]

    @property
    def has_hydras_sweeper(self) -> bool:
        """Whether Hydra's own sweeper chooses the jobs, all of them before the first one runs."""
        return self.sweeper.endswith("BasicSweeper")


def compose(project: Project, request: ComposeRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Composition:
    """Compose a project's configuration. Runs the user's configuration modules in a process of their own.

    Whatever they do (print, raise, exit, loop) ends as a ``ConfigProblem`` of the result within the time-out. Where
    the project has no ``.venv`` and the ``python`` of the PATH lacks hydra-zen, dml's own interpreter is tried.

    Args:
        project: Where.
        request: What.
        timeout: Seconds the worker may take.

    Raises:
        UsageError: The time-out is not positive.
        DmlError: The interpreter cannot be started.
    """
    if timeout <= 0:
        raise UsageError(f"{timeout:g} seconds are no time-out", hint="Give --timeout a positive number of seconds.")
    ended = _run(project, request, timeout)
    other = _other_interpreter(project, ended)
    if other is not None:
        project = other
        ended = _run(project, request, timeout)
    return _composition(project, request, ended, timeout)


def compose_or_raise(project: Project, request: ComposeRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Composition:
    """As ``compose``, for callers that need every job.

    Raises:
        UsageError: The configuration does not compose; the message has file and line.
    """
    composition = compose(project, request, timeout=timeout)
    found = [*composition.problems, *(job.problem for job in composition.jobs if job.problem and not job.composed)]
    if found:
        first = found[0]
        place = first.place(project)
        raise UsageError(f"{place}: {first.message}" if place else first.message, hint=first.hint)
    return composition


def _run(project: Project, request: ComposeRequest, timeout: float) -> Ended:
    document = {
        "root": str(project.root),
        "config_dir": str(project.config_directory),
        "config_name": request.config_name,
        "overrides": list(request.overrides),
        "multirun": request.multirun,
        "job_limit": request.job_limit,
        "others": request.others,
        "packages": request.packages,
    }
    return run_worker(project.interpreter, document, cwd=project.root, seconds=timeout)


def _other_interpreter(project: Project, ended: Ended) -> Project | None:
    """The project with dml's own interpreter, when the one of the PATH has nothing to compose with."""
    import sys

    if project.is_own or ended.answer is None:
        return None
    missing = {error.get("module") for error in ended.answer.get("errors", ())}
    usual = str(project.interpreter) != sys.executable
    return (
        replace(project, interpreter=Path(sys.executable))
        if missing & {"hydra_zen", "hydra", "dml"} and usual
        else None
    )


def _composition(project: Project, request: ComposeRequest, ended: Ended, timeout: float) -> Composition:
    answer = ended.answer
    if answer is None:
        return Composition(
            project, request, problems=(_without_answer(project, ended, timeout),), printed=ended.printed
        )
    multiruns = answer.get("multiruns") or {}
    return Composition(
        project,
        request,
        problems=tuple(_problem(project, error) for error in answer["errors"]),
        jobs=tuple(_job(project, job) for job in answer["jobs"]),
        job_count=answer.get("job_count") or 0,
        is_sweep=answer.get("mode") == "multirun",
        api=answer.get("api"),
        overrides=tuple(answer.get("overrides") or ()),
        hydra_overrides=tuple(answer.get("hydra_overrides") or ()),
        sweep_name=(answer.get("multirun") or {}).get("name", ""),
        launcher=answer.get("launcher") or "",
        sweeper=answer.get("sweeper") or "",
        function=_function(answer.get("function")),
        groups={group: tuple(names) for group, names in (answer.get("groups") or {}).items()},
        multiruns={name: tuple(spec["overrides"]) for name, spec in multiruns.items()},
        multirun_descriptions={name: spec["description"] for name, spec in multiruns.items()},
        notebooks=tuple(answer.get("notebooks") or ()),
        others=tuple(_problem(project, error) for error in answer["others"]),
        python=answer["python"],
        packages=answer.get("packages") or {},
        printed=ended.printed,
    )


def _without_answer(project: Project, ended: Ended, timeout: float) -> ConfigProblem:
    """The problem of a worker that was stopped, or that the user's modules ended."""
    if ended.timed_out:
        own = [
            match
            for match in _FRAME.finditer(ended.stack)
            if Path(match["file"]).resolve().is_relative_to(project.root.resolve())
            and "site-packages" not in match["file"]
        ]
        place = own[0] if own else None  # faulthandler prints the most recent call first
        return ConfigProblem(
            "worker",
            f"the configuration modules did not end within {timeout:g} s",
            file=Path(place["file"]) if place else None,
            line=int(place["line"]) if place else None,
            hint="Mend the loop, or give them longer with --timeout SECONDS.",
            detail=ended.stack,
        )
    last = [line.strip() for line in ended.printed.splitlines() if line.strip()]
    how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    said = f": {safe(last[-1], limit=200)}" if last else ""
    return ConfigProblem(
        "worker",
        f"{project.interpreter} ended with {how} before the configuration was composed{said}",
        hint="It must be Python 3.10 or newer; name another with --python.",
        detail=ended.printed,
    )


def _job(project: Project, answer: Mapping[str, Any]) -> Job:
    problem = _problem(project, answer["error"]) if answer.get("error") else None
    if problem is None and answer.get("interpolation"):
        problem = ConfigProblem("compose", answer["interpolation"], subject=" ".join(answer["overrides"]))
    return Job(
        number=answer["number"],
        overrides=tuple(answer["overrides"]),
        config=answer.get("config") or {},
        choices=answer.get("choices") or {},
        missing=tuple(answer.get("missing") or ()),
        problem=problem,
    )


def _problem(project: Project, error: Mapping[str, Any]) -> ConfigProblem:
    kind, message = str(error["kind"]), str(error["message"])
    named = message if error["stage"] != "import" or kind == "SystemExit" else f"{kind}: {message}"
    return ConfigProblem(
        str(error["stage"]),
        named,
        subject=str(error.get("subject") or ""),
        file=Path(error["file"]) if error.get("file") else None,
        line=error.get("line"),
        hint=_hint(project, error),
        detail=str(error.get("detail") or ""),
    )


def _hint(project: Project, error: Mapping[str, Any]) -> str:
    module = error.get("module")
    if module and error["kind"] in ("ModuleNotFoundError", "ImportError"):
        if project.is_own:
            return f"{project.interpreter} has no {module}: run `uv sync`, or `pip install` it there."
        return f"{project.interpreter} has no {module}: make the project's .venv (`uv sync`), or name a --python."
    if error["stage"] == "compose":
        return "`dml run --list-configs` shows what there is."
    return ""


def _function(answer: Mapping[str, Any] | None) -> Function | None:
    if not answer:
        return None
    parameters = answer.get("parameters")
    return Function(
        key=answer["key"],
        target=answer["target"],
        file=Path(answer["file"]) if answer.get("file") else None,
        line=answer.get("line"),
        parameters=None if parameters is None else tuple(parameters),
        any_keyword=bool(answer.get("any_keyword")),
    )
