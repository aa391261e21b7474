"""Starting deriva-ml's own runners for the projects that are written for it, in the project's environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dml import directories
from dml.experiment.launch import JobRequest, Launched, run_process
from dml.workspace.scratch import ScratchDirectory, scratch_root

if TYPE_CHECKING:
    from dml.experiment.composition import Composition
    from dml.experiment.launch import UploadObserver
    from dml.experiment.project import Project

__all__ = ["run_their_notebook", "run_theirs"]


def run_theirs(
    composition: Composition,
    arguments: Sequence[str],
    *,
    allow_dirty: bool = False,
    shows: bool = False,
    watch: UploadObserver | None = None,
) -> Launched:
    """Run a project written for deriva-ml by ``deriva-ml-run``.

    Args:
        composition: What was composed there.
        arguments: Overrides and flags, passed on.
        allow_dirty: Whether uncommitted changes are accepted.
        shows, watch: As in ``JobRequest``.

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
    return _run(project, command, JobRequest(allow_dirty=allow_dirty, shows=shows, watch=watch))


def run_their_notebook(
    composition: Composition,
    notebook: Path,
    words: Sequence[str],
    *,
    allow_dirty: bool = False,
    shows: bool = False,
    watch: UploadObserver | None = None,
) -> Launched:
    """Run a notebook of a project written for deriva-ml by ``deriva-ml-run-notebook``.

    That runner registers the notebook's checksum as its own library computes it, and the notebook calls that library's
    ``run_notebook()``, which expects to be started by it.

    Args:
        composition: What was composed there; its main configuration has the notebook's name.
        notebook: The notebook, absolute.
        words: Its options and overrides, passed on.
        allow_dirty: Whether uncommitted changes are accepted.
        shows, watch: As in ``JobRequest``.

    Raises:
        DmlError: The runner cannot be started.
    """
    project = composition.project
    runner = _runner(project, "deriva-ml-run-notebook", "deriva_ml.run_notebook")
    command = [*runner, str(notebook), *(["--allow-dirty"] if allow_dirty else []), *words]
    return _run(project, command, JobRequest(allow_dirty=allow_dirty, shows=shows, watch=watch))


def _runner(project: Project, script: str, module: str) -> list[str]:
    path = project.interpreter.with_name(script)
    return [str(path)] if os.access(path, os.X_OK) else [str(project.interpreter), "-m", module]


def _run(project: Project, command: Sequence[str], request: JobRequest) -> Launched:
    # It looks for the Jupyter kernel of the active environment.
    told = {"VIRTUAL_ENV": str(project.interpreter.parent.parent)} if project.is_own else {}
    with ScratchDirectory(scratch_root(directories.cache_directory()), "run") as folder:
        return run_process(command, project.root, folder / "execution.json", request, told)
