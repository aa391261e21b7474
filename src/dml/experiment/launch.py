"""Starting the project's own process with dml's runners; ``launch_theirs`` has those of deriva-ml."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml import directories
from dml.errors import DmlError
from dml.experiment.project import Project
from dml.experiment.run_monitor import saved_rid
from dml.experiment.worker_process import clean_environment
from dml.safe_text import safe
from dml.workspace.scratch import ScratchDirectory, scratch_root

if TYPE_CHECKING:
    from dml.target import Target

__all__ = [
    "JobRequest",
    "Launched",
    "NotebookRequest",
    "SweepPlace",
    "hydra_places",
    "run_dml_project",
    "run_notebook_file",
    "run_process",
]

SAVED = "DERIVA_ML_SAVE_EXECUTION_RID"
"""Environment variable of deriva-ml: the file in which a run writes which execution it is."""


UploadObserver = Callable[[Path], AbstractContextManager[object]]


@dataclass(frozen=True)
class Launched:
    """How the project's process ended.

    Attributes:
        code: Its exit code; negative for a signal.
        execution: RID of the execution that it made; None when it made none or several.
    """

    code: int
    execution: str | None = None


@dataclass(frozen=True)
class SweepPlace:
    """Where a sweep is remembered.

    Attributes:
        target: The catalog.
        workspace: The workspace that has the parent.
        parent: RID of the parent.
        done: Place of each job that is uploaded → what its model returned, when that was a number.
    """

    target: Target
    workspace: Path
    parent: str
    done: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobRequest:
    """What ``run_jobs`` is to run; see there.

    Attributes:
        overrides: Of a single job, or what the sweeper of a sweep is given.
        jobs: Of a sweep: place → overrides; None for a single job, and where the project's own sweeper chooses.
        hydra_overrides: Of Hydra's own settings.
        is_sweep: Whether there are several jobs.
        sweep: Where the sweep is remembered; None for a single job and in a dry run.
        flags: Flags of Hydra's command line.
        allow_dirty: Whether uncommitted changes are accepted.
        shows: Whether what it prints is the result; it is talk, on standard error, otherwise.
        watch: Given the file in which the process writes which execution it makes; what it returns is entered while
            the process runs.
    """

    overrides: Sequence[str] = ()
    jobs: Mapping[int, Sequence[str]] | None = None
    hydra_overrides: Sequence[str] = ()
    is_sweep: bool = False
    sweep: SweepPlace | None = None
    flags: Sequence[str] = ()
    allow_dirty: bool = False
    shows: bool = False
    watch: UploadObserver | None = None


@dataclass(frozen=True)
class NotebookRequest:
    """A notebook to run.

    Attributes:
        path: The notebook, absolute.
        config_name: Its configuration.
        overrides: Hydra's overrides.
        parameters: Papermill's parameters.
        kernel: Name of the kernel; the notebook's own when None.
        log_output: Whether what cells print is shown while it runs.
        inspect: Only print its parameters.
        allow_dirty: Whether uncommitted changes are accepted.
        watch: As in ``JobRequest``.
    """

    path: Path
    config_name: str
    overrides: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    kernel: str | None = None
    log_output: bool = False
    inspect: bool = False
    allow_dirty: bool = False
    watch: UploadObserver | None = None


def hydra_places(workspace: Path, now: datetime) -> list[str]:
    """Where Hydra writes: below the workspace, as deriva-ml has it."""
    stamp = now.strftime("%Y-%m-%d_%H-%M-%S")
    return [
        f"hydra.run.dir={_quoted(workspace / 'hydra' / stamp)}",
        f"hydra.sweep.dir={_quoted(workspace / 'hydra-sweep' / stamp)}",
        "hydra.output_subdir=hydra-config",
    ]


def run_dml_project(project: Project, config_name: str, request: JobRequest) -> Launched:
    """Run jobs by ``dml.experiment.run_jobs`` in the project's interpreter, which must have dml.

    Raises:
        DmlError: The interpreter cannot be started.
    """
    document: dict[str, Any] = {
        "config_directory": str(project.config_directory),
        "config_name": config_name,
        "overrides": list(request.overrides),
        "hydra_overrides": list(request.hydra_overrides),
        "flags": list(request.flags),
        "is_sweep": request.is_sweep,
        "jobs": None,
        "sweep": None,
    }
    if request.sweep is not None:
        document["sweep"] = {
            "target": str(request.sweep.target),
            "workspace": str(request.sweep.workspace),
            "parent": request.sweep.parent,
            "done": [[sequence, returned] for sequence, returned in request.sweep.done.items()],
            "starter": os.getpid(),
        }
    if request.jobs is not None:
        document["jobs"] = [
            {"sequence": sequence, "overrides": list(overrides)} for sequence, overrides in sorted(request.jobs.items())
        ]
    with ScratchDirectory(scratch_root(directories.cache_directory()), "run") as folder:
        path = folder / "request.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        command = [str(project.interpreter), "-m", "dml.experiment.run_jobs", str(path)]
        return run_process(command, project.root, folder / "execution.json", request)


def run_notebook_file(project: Project, notebook: NotebookRequest) -> Launched:
    """Run or inspect a notebook by ``dml.experiment.notebook_job`` in the project's interpreter.

    Raises:
        DmlError: The interpreter cannot be started.
    """
    from dml.experiment.notebook_run import CONFIG_DIRECTORY, CONFIG_NAME, NOTEBOOK, OVERRIDES

    with ScratchDirectory(scratch_root(directories.cache_directory()), "notebook") as folder:
        path = folder / "request.json"
        document = {
            "notebook": str(notebook.path),
            "output": str(folder / notebook.path.name),
            "parameters": dict(notebook.parameters),
            "kernel": notebook.kernel,
            "log_output": notebook.log_output,
            "inspect": notebook.inspect,
        }
        path.write_text(json.dumps(document), encoding="utf-8")
        told = {
            NOTEBOOK: str(notebook.path),
            OVERRIDES: json.dumps(list(notebook.overrides)),
            CONFIG_DIRECTORY: str(project.config_directory),
            CONFIG_NAME: notebook.config_name,
        }
        command = [str(project.interpreter), "-m", "dml.experiment.notebook_job", str(path)]
        request = JobRequest(allow_dirty=notebook.allow_dirty, shows=notebook.inspect, watch=notebook.watch)
        return run_process(command, project.root, folder / "execution.json", request, told)


def run_process(
    command: Sequence[str], cwd: Path, saved: Path, request: JobRequest, told: Mapping[str, str] | None = None
) -> Launched:
    """Run a process of the project to its end.

    Args:
        command: The program and its arguments.
        cwd: The working directory.
        saved: Where it writes which execution it makes.
        request: How.
        told: Environment variables besides.

    Raises:
        DmlError: It cannot be started.
    """
    environment = {**clean_environment(), **(told or {}), SAVED: str(saved), "PYTHONUNBUFFERED": "1"}
    if request.allow_dirty:
        environment["DERIVA_ML_ALLOW_DIRTY"] = "true"
    try:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=None if request.shows else 2)
    except OSError as error:
        raise DmlError(f"{safe(command[0])} cannot be started: {error.strerror}") from error
    with request.watch(saved) if request.watch is not None else nullcontext():
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # It reached the process as well, which marks its execution and ends; how it stands is then told.
            _interrupt(process)
            code = -signal.SIGINT
        except BaseException:
            _interrupt(process)
            raise
    return Launched(code, saved_rid(saved))


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.wait()


def _quoted(path: Path) -> str:
    """A path as a value of Hydra's grammar."""
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
