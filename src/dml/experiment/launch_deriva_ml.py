"""Start the runners of deriva-ml for a project that is written for it, in the project's environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dml import directories
from dml.experiment.launch import JobRequest, ProcessResult, run_process
from dml.workspace.scratch import ScratchDirectory, scratch_root

if TYPE_CHECKING:
    from dml.experiment.composition import Composition
    from dml.experiment.launch import MonitorFactory
    from dml.experiment.project import Project

__all__ = ["run_deriva_ml_notebook", "run_deriva_ml_project"]


def run_deriva_ml_project(
    composition: Composition,
    arguments: Sequence[str],
    *,
    allow_dirty: bool = False,
    prints_result: bool = False,
    monitor: MonitorFactory | None = None,
) -> ProcessResult:
    """Run a project written for deriva-ml with ``deriva-ml-run``.

    Args:
        composition: The composed configuration of the project.
        arguments: Overrides and flags for the runner.
        allow_dirty: Whether uncommitted changes are accepted.
        prints_result, monitor: The same as in ``JobRequest``.

    Raises:
        DmlError: The runner cannot be started.
    """
    project = composition.project
    command = [
        *_runner(project, "deriva-ml-run", "deriva_ml.run_model"),
        "--config-dir",
        str(project.config_directory),
        "--config-name",
        composition.request.config_name,
        *(["--multirun"] if composition.request.multirun else []),
        *(["--allow-dirty"] if allow_dirty else []),
        *arguments,
    ]
    request = JobRequest(allow_dirty=allow_dirty, prints_result=prints_result, monitor=monitor)
    return _run(project, command, request)


def run_deriva_ml_notebook(
    composition: Composition,
    notebook: Path,
    arguments: Sequence[str],
    *,
    allow_dirty: bool = False,
    prints_result: bool = False,
    monitor: MonitorFactory | None = None,
) -> ProcessResult:
    """Run a notebook of a project written for deriva-ml with ``deriva-ml-run-notebook``.

    The notebook calls deriva-ml's ``run_notebook()``, which expects to be started by that runner, and the runner
    registers the checksum of the notebook as deriva-ml computes it.

    Args:
        composition: The composed configuration of the project; its main configuration has the notebook's name.
        notebook: Absolute path of the notebook.
        arguments: Options and overrides for the runner.
        allow_dirty: Whether uncommitted changes are accepted.
        prints_result, monitor: The same as in ``JobRequest``.

    Raises:
        DmlError: The runner cannot be started.
    """
    project = composition.project
    runner = _runner(project, "deriva-ml-run-notebook", "deriva_ml.run_notebook")
    command = [*runner, str(notebook), *(["--allow-dirty"] if allow_dirty else []), *arguments]
    request = JobRequest(allow_dirty=allow_dirty, prints_result=prints_result, monitor=monitor)
    return _run(project, command, request)


def _runner(project: Project, script: str, module: str) -> list[str]:
    path = project.interpreter.with_name(script)
    return [str(path)] if os.access(path, os.X_OK) else [str(project.interpreter), "-m", module]


def _run(project: Project, command: Sequence[str], request: JobRequest) -> ProcessResult:
    # The runner looks for the Jupyter kernel of the active environment.
    variables = {"VIRTUAL_ENV": str(project.interpreter.parent.parent)} if project.uses_venv else {}
    with ScratchDirectory(scratch_root(directories.cache_directory()), "run") as folder:
        return run_process(command, project.root, folder / "execution.json", request, variables)
