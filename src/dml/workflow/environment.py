"""What the environment says about the code that runs: a container's description, a runner's override, ignored paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dml.errors import UsageError
from dml.workflow.notebook import is_notebook
from dml.workflow.record import WorkflowSource
from dml.workflow.remote import without_credentials

IGNORED_PREFIXES = ("findings/", "outputs/", ".scratch/")
"""Paths of a repository that runs themselves write; changes there do not count as uncommitted code."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_CONTAINER_REPOSITORY = "https://github.com/informatics-isi-edu/deriva-ml-mcp"


def container_source(environ: Mapping[str, str]) -> WorkflowSource | None:
    """What a container of deriva-ml's MCP server says about itself; None outside of one.

    ``DERIVA_MCP_IN_DOCKER=true`` says so; ``DERIVA_MCP_VERSION``, ``_IMAGE_NAME``, ``_IMAGE_DIGEST`` and
    ``_GIT_COMMIT`` describe it.

    Raises:
        UsageError: It names neither its image's digest nor its commit.
    """
    if environ.get("DERIVA_MCP_IN_DOCKER", "").strip().lower() != "true":
        return None
    image, digest = environ.get("DERIVA_MCP_IMAGE_NAME", ""), environ.get("DERIVA_MCP_IMAGE_DIGEST", "")
    commit, version = environ.get("DERIVA_MCP_GIT_COMMIT", ""), environ.get("DERIVA_MCP_VERSION") or None
    if image and digest:
        return WorkflowSource(f"{image}@{digest}", digest, version)
    if commit:
        return WorkflowSource(f"{_CONTAINER_REPOSITORY}/commit/{commit}", digest or commit, version)
    raise UsageError(
        "The container does not say which image it is",
        hint="Set DERIVA_MCP_GIT_COMMIT, or DERIVA_MCP_IMAGE_NAME and DERIVA_MCP_IMAGE_DIGEST.",
    )


def override_source(environ: Mapping[str, str]) -> WorkflowSource | None:
    """What a runner set for the code it started: ``DERIVA_ML_WORKFLOW_URL`` and ``_CHECKSUM``; None when it is not set.

    ``DERIVA_ML_NOTEBOOK_PATH`` names the notebook, from which the work tree and the version are found where there is
    one.
    """
    from dml.workflow.source import WorkflowSource

    url = without_credentials(environ.get("DERIVA_ML_WORKFLOW_URL", "").strip())
    if not url:
        return None
    named = environ.get("DERIVA_ML_NOTEBOOK_PATH", "")
    path = Path(named).absolute() if named else None
    root, version = _project_of(path)
    return WorkflowSource(
        url=url,
        checksum=environ.get("DERIVA_ML_WORKFLOW_CHECKSUM", ""),
        version=version,
        git_root=root,
        path=path,
        is_notebook=path is not None or is_notebook(Path(url)),
    )


def allows_dirty(environ: Mapping[str, str]) -> bool:
    """Whether ``DERIVA_ML_ALLOW_DIRTY`` or ``DERIVA_ML_DRY_RUN`` accepts code that is not committed."""
    names = ("DERIVA_ML_ALLOW_DIRTY", "DERIVA_ML_DRY_RUN")
    return any(environ.get(name, "").strip().lower() in _TRUE for name in names)


def ignored_prefixes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The prefixes of paths that may change: the default ones and those of ``DERIVA_ML_DIRTY_CHECK_IGNORE``."""
    more = [part.strip().removeprefix("./") for part in environ.get("DERIVA_ML_DIRTY_CHECK_IGNORE", "").split(":")]
    return (*IGNORED_PREFIXES, *(part for part in more if part))


def _project_of(path: Path | None) -> tuple[Path | None, str | None]:
    if path is None or not path.parent.is_dir():
        return None, None
    from dml.workflow import git, version

    repository = git.open_repository(path)
    if repository is None:
        return None, version.declared_version(path.parent)
    root = git.work_tree(repository)
    return root, version.project_version(repository, root, dirty=False)
