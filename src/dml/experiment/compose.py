"""Compose a project's Hydra configuration with its own interpreter.

``compose_worker`` does the work in another process. It composes but never instantiates, so only what the configuration
modules import is loaded. An error in these modules becomes a problem with its file and line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dml.errors import UsageError
from dml.experiment.composition import ComposeRequest, Composition, ConfigProblem, Function, Job
from dml.experiment.project import Project
from dml.experiment.worker_process import WorkerResult, run_worker
from dml.safe_text import safe

__all__ = ["DEFAULT_TIMEOUT", "compose"]

DEFAULT_TIMEOUT: Final = 60.0
"""Default time limit, in seconds; configuration modules that import a large framework need many."""

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
"""A frame of a traceback as faulthandler prints it."""


def compose(project: Project, request: ComposeRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Composition:
    """Compose a project's configuration. Runs the user's configuration modules in a separate process.

    Whatever these do (print, raise, exit, loop), the result is a ``Composition``, with a problem if need be, within the
    time limit. If the project has no ``.venv`` and the ``python`` of the PATH lacks hydra-zen, dml's own interpreter is
    tried.

    Args:
        project: The project to compose.
        request: The request.
        timeout: Time limit, in seconds.

    Raises:
        UsageError: The time limit is not positive.
        DmlError: The interpreter cannot be started.
    """
    if timeout <= 0:
        raise UsageError(f"the timeout must be positive, not {timeout:g} s", hint="Use --timeout SECONDS.")
    result = _run(project, request, timeout)
    if _lacks_hydra(project, result):
        project = replace(project, interpreter=Path(sys.executable))
        result = _run(project, request, timeout)
    return _composition(project, request, result, timeout)


def _run(project: Project, request: ComposeRequest, timeout: float) -> WorkerResult:
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


def _lacks_hydra(project: Project, result: WorkerResult) -> bool:
    """Whether the interpreter of the PATH lacks what is needed to compose, and dml's own may be tried."""
    if project.uses_venv or result.answer is None or str(project.interpreter) == sys.executable:
        return False
    missing = {error.get("module") for error in result.answer.get("errors", ())}
    return bool(missing & {"hydra_zen", "hydra", "dml"})


def _composition(project: Project, request: ComposeRequest, result: WorkerResult, timeout: float) -> Composition:
    answer = result.answer
    if answer is None:
        return Composition(
            project, request, problems=(_worker_problem(project, result, timeout),), printed=result.printed
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
        printed=result.printed,
    )


def _worker_problem(project: Project, result: WorkerResult, timeout: float) -> ConfigProblem:
    """The problem of a worker that reached its time limit, or that the user's modules ended."""
    if result.timed_out:
        frames = [
            match
            for match in _FRAME.finditer(result.stack)
            if Path(match["file"]).resolve().is_relative_to(project.root.resolve())
            and "site-packages" not in match["file"]
        ]
        frame = frames[0] if frames else None  # faulthandler prints the most recent call first
        return ConfigProblem(
            "worker",
            f"the configuration modules did not finish within {timeout:g} s",
            file=Path(frame["file"]) if frame else None,
            line=int(frame["line"]) if frame else None,
            hint="Fix the loop, or allow more time with --timeout SECONDS.",
            detail=result.stack,
        )
    lines = [line.strip() for line in result.printed.splitlines() if line.strip()]
    reason = f"signal {-result.code}" if result.code < 0 else f"exit code {result.code}"
    last_line = f": {safe(lines[-1], limit=200)}" if lines else ""
    return ConfigProblem(
        "worker",
        f"{project.interpreter} ended with {reason} before the configuration was composed{last_line}",
        hint="It must be Python 3.10 or newer; choose another with --python.",
        detail=result.printed,
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
    text = message if error["stage"] != "import" or kind == "SystemExit" else f"{kind}: {message}"
    return ConfigProblem(
        str(error["stage"]),
        text,
        subject=str(error.get("subject") or ""),
        file=Path(error["file"]) if error.get("file") else None,
        line=error.get("line"),
        hint=_hint(project, error),
        detail=str(error.get("detail") or ""),
    )


def _hint(project: Project, error: Mapping[str, Any]) -> str:
    module = error.get("module")
    if module and error["kind"] in ("ModuleNotFoundError", "ImportError"):
        if project.uses_venv:
            return f"{project.interpreter} has no {module}: run `uv sync`, or install it there with `pip install`."
        return f"{project.interpreter} has no {module}: create the project's .venv (`uv sync`), or use --python."
    if error["stage"] == "compose":
        return "`dml run --list-configs` lists the options."
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
