"""Start a process of the project with dml's runners; ``launch_deriva_ml`` starts those of deriva-ml."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
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
    "NotebookRequest",
    "ProcessResult",
    "SweepLocation",
    "hydra_directory_overrides",
    "run_dml_project",
    "run_notebook_file",
    "run_process",
]

SAVED = "DERIVA_ML_SAVE_EXECUTION_RID"
"""Environment variable of deriva-ml: the file to which a run writes the RID of its execution."""


_INTERRUPT_SECONDS = 10.0
"""How long an interrupted process may take to end before it is signalled."""

MonitorFactory = Callable[[Path], AbstractContextManager[object]]
"""Called with the file to which the process writes the RID of its execution; the result is entered while it runs."""


@dataclass(frozen=True)
class ProcessResult:
    """The result of a process of the project.

    Attributes:
        code: Exit code; negative for a signal.
        execution: RID of the execution that the process created; None when it created none or several.
    """

    code: int
    execution: str | None = None


@dataclass(frozen=True)
class SweepLocation:
    """Where a sweep is recorded, and how far it is.

    Attributes:
        target: The catalog.
        workspace: Directory of the workspace that has the parent.
        parent: RID of the parent execution.
        done: What the model of each uploaded job returned, by sequence number; None when it was not a number.
    """

    target: Target
    workspace: Path
    parent: str
    done: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobRequest:
    """The jobs that ``run_jobs`` runs.

    Attributes:
        overrides: The overrides of a single job, or those that the sweeper of a sweep receives.
        jobs: The overrides of each job of a sweep, by sequence number; None for a single job, and when the project's
            own sweeper chooses the jobs.
        hydra_overrides: Overrides of Hydra's own settings.
        is_sweep: Whether this is a sweep.
        sweep: Where the sweep is recorded; None for a single job and in a dry run.
        flags: Flags of Hydra's command line.
        allow_dirty: Whether uncommitted changes are accepted.
        prints_result: Whether the output of the process is the result and goes to standard output.
        monitor: Creates the monitor of the process; None without one.
    """

    overrides: Sequence[str] = ()
    jobs: Mapping[int, Sequence[str]] | None = None
    hydra_overrides: Sequence[str] = ()
    is_sweep: bool = False
    sweep: SweepLocation | None = None
    flags: Sequence[str] = ()
    allow_dirty: bool = False
    prints_result: bool = False
    monitor: MonitorFactory | None = None


@dataclass(frozen=True)
class NotebookRequest:
    """A notebook to run.

    Attributes:
        path: Absolute path of the notebook.
        config_name: Name of its configuration.
        overrides: Hydra overrides for the configuration.
        parameters: Parameters for papermill.
        kernel: Name of the kernel; the notebook's own kernel when None.
        log_output: Whether the output of cells is displayed while the notebook runs.
        inspect: Print the parameters of the notebook instead of running it.
        allow_dirty: Whether uncommitted changes are accepted.
        monitor: Creates the monitor of the process; None without one.
    """

    path: Path
    config_name: str
    overrides: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    kernel: str | None = None
    log_output: bool = False
    inspect: bool = False
    allow_dirty: bool = False
    monitor: MonitorFactory | None = None


def hydra_directory_overrides(workspace: Path, now: datetime) -> list[str]:
    """Overrides that let Hydra write to the workspace, in the layout of deriva-ml."""
    stamp = now.strftime("%Y-%m-%d_%H-%M-%S")
    return [
        f"hydra.run.dir={_quoted(workspace / 'hydra' / stamp)}",
        f"hydra.sweep.dir={_quoted(workspace / 'hydra-sweep' / stamp)}",
        "hydra.output_subdir=hydra-config",
    ]


def run_dml_project(project: Project, config_name: str, request: JobRequest) -> ProcessResult:
    """Run jobs with ``dml.experiment.run_jobs`` in the project's interpreter, which must have dml installed.

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


def run_notebook_file(project: Project, notebook: NotebookRequest) -> ProcessResult:
    """Run or inspect a notebook with ``dml.experiment.notebook_job`` in the project's interpreter.

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
        variables = {
            NOTEBOOK: str(notebook.path),
            OVERRIDES: json.dumps(list(notebook.overrides)),
            CONFIG_DIRECTORY: str(project.config_directory),
            CONFIG_NAME: notebook.config_name,
        }
        command = [str(project.interpreter), "-m", "dml.experiment.notebook_job", str(path)]
        request = JobRequest(allow_dirty=notebook.allow_dirty, prints_result=notebook.inspect, monitor=notebook.monitor)
        return run_process(command, project.root, folder / "execution.json", request, variables)


def run_process(
    command: Sequence[str], cwd: Path, saved: Path, request: JobRequest, variables: Mapping[str, str] | None = None
) -> ProcessResult:
    """Run a process of the project to its end.

    Args:
        command: The program and its arguments.
        cwd: The working directory.
        saved: The file to which the process writes the RID of its execution.
        request: Its output, its monitor, and whether uncommitted changes are accepted.
        variables: Additional environment variables.

    Raises:
        DmlError: The process cannot be started.
    """
    environment = {**clean_environment(), **(variables or {}), SAVED: str(saved), "PYTHONUNBUFFERED": "1"}
    if request.allow_dirty:
        environment["DERIVA_ML_ALLOW_DIRTY"] = "true"
    try:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=None if request.prints_result else 2)
    except OSError as error:
        raise DmlError(f"cannot start {safe(command[0])}: {error.strerror}") from error
    with request.monitor(saved) if request.monitor is not None else nullcontext():
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # Ctrl-C in a terminal reaches the process too. A second signal would interrupt it while it marks its
            # execution as Failed, so it gets time to do that first.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_INTERRUPT_SECONDS)
            _interrupt(process)
            code = -signal.SIGINT
        except BaseException:
            _interrupt(process)
            raise
    return ProcessResult(code, saved_rid(saved))


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.wait()


def _quoted(path: Path) -> str:
    """A path as a quoted value in Hydra's override grammar."""
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
