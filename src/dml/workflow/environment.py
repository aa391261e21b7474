"""Environment variables that describe the running code: a container, a launcher's override, dirty-check options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dml.errors import UsageError
from dml.workflow import git, version
from dml.workflow.notebook import is_notebook
from dml.workflow.record import WorkflowSource
from dml.workflow.remote import without_credentials

IGNORED_PREFIXES = ("findings/", "outputs/", ".scratch/")
"""Directories of a repository that runs write into; changes there do not count as uncommitted code."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_CONTAINER_REPOSITORY = "https://github.com/informatics-isi-edu/deriva-ml-mcp"


def container_source(environ: Mapping[str, str]) -> WorkflowSource | None:
    """The source of the code in a container of deriva-ml's MCP server; None elsewhere.

    ``DERIVA_MCP_IN_DOCKER=true`` marks such a container; ``DERIVA_MCP_VERSION``, ``_IMAGE_NAME``, ``_IMAGE_DIGEST``
    and ``_GIT_COMMIT`` describe its image.

    Raises:
        UsageError: Neither the image's digest nor its commit is set.
    """
    if environ.get("DERIVA_MCP_IN_DOCKER", "").strip().lower() != "true":
        return None
    image, digest = environ.get("DERIVA_MCP_IMAGE_NAME", ""), environ.get("DERIVA_MCP_IMAGE_DIGEST", "")
    commit, release = environ.get("DERIVA_MCP_GIT_COMMIT", ""), environ.get("DERIVA_MCP_VERSION") or None
    if image and digest:
        return WorkflowSource(f"{image}@{digest}", digest, release)
    if commit:
        return WorkflowSource(f"{_CONTAINER_REPOSITORY}/commit/{commit}", digest or commit, release)
    raise UsageError(
        "the image of this container is unknown, so its code cannot be recorded",
        hint="Set DERIVA_MCP_GIT_COMMIT, or DERIVA_MCP_IMAGE_NAME and DERIVA_MCP_IMAGE_DIGEST.",
    )


def override_source(environ: Mapping[str, str]) -> WorkflowSource | None:
    """The source that a launcher set for the code it started; None when ``DERIVA_ML_WORKFLOW_URL`` is not set.

    ``DERIVA_ML_WORKFLOW_CHECKSUM`` is its checksum. ``DERIVA_ML_NOTEBOOK_PATH`` names the notebook, whose repository
    gives the work tree and the version.
    """
    url = without_credentials(environ.get("DERIVA_ML_WORKFLOW_URL", "").strip())
    if not url:
        return None
    notebook = environ.get("DERIVA_ML_NOTEBOOK_PATH", "")
    path = Path(notebook).absolute() if notebook else None
    root, project_version = _find_project(path)
    return WorkflowSource(
        url=url,
        checksum=environ.get("DERIVA_ML_WORKFLOW_CHECKSUM", ""),
        version=project_version,
        git_root=root,
        path=path,
        is_notebook=path is not None or is_notebook(Path(url)),
    )


def allows_dirty(environ: Mapping[str, str]) -> bool:
    """Whether ``DERIVA_ML_ALLOW_DIRTY`` or ``DERIVA_ML_DRY_RUN`` accepts uncommitted code."""
    names = ("DERIVA_ML_ALLOW_DIRTY", "DERIVA_ML_DRY_RUN")
    return any(environ.get(name, "").strip().lower() in _TRUE for name in names)


def ignored_prefixes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Prefixes of paths whose changes are ignored: the defaults and those in ``DERIVA_ML_DIRTY_CHECK_IGNORE``."""
    more = [part.strip().removeprefix("./") for part in environ.get("DERIVA_ML_DIRTY_CHECK_IGNORE", "").split(":")]
    return (*IGNORED_PREFIXES, *(part for part in more if part))


def _find_project(path: Path | None) -> tuple[Path | None, str | None]:
    """The work tree and the version of the project that holds a file."""
    if path is None or not path.parent.is_dir():
        return None, None
    repository = git.open_repository(path)
    if repository is None:
        return None, version.declared_version(path.parent)
    root = git.work_tree(repository)
    return root, version.git_version(repository, root, dirty=False)
