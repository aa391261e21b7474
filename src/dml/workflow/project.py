"""The source of a workflow that is known by its name only: the project it is run from, as a whole.

``dml exec create`` may be told a workflow's name and nothing about a script. What can be recorded then is the commit of
the repository around it; outside a repository, nothing but the name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from dml.errors import NotFoundError
from dml.safe_text import safe
from dml.workflow import environment
from dml.workflow.record import WorkflowSource

__all__ = ["describe_project", "version_of_project"]


def describe_project(
    name: str, directory: Path, *, allow_dirty: bool = False, environ: Mapping[str, str] = os.environ
) -> WorkflowSource:
    """Where a workflow without a script came from. Reads files and runs git; writes nothing.

    In a repository the URL shows its tree at the newest commit, with the workflow's name as the fragment: workflows of
    different names in one project stay apart. Outside of one, or where it has no commit, the URL is a ``tag:`` URI (RFC
    4151) made of the name, and ``is_dirty`` says that the code is not recorded. There is no checksum, since no
    file is known. A container and the environment's override come first, as for a script.

    Args:
        name: The workflow's name.
        directory: Where it is run from.
        allow_dirty: Accept uncommitted changes, and a repository without a remote.
        environ: The environment.

    Raises:
        ConflictError: Uncommitted changes (the paths are listed), or no remote.
        DmlError: git is not installed or refuses the repository.
    """
    from dml.workflow import git, version

    found = environment.container_source(environ) or environment.override_source(environ)
    if found is not None:
        return found
    allowed = allow_dirty or environment.allows_dirty(environ)
    repository = git.open_repository(directory / "any")
    root = None if repository is None else git.work_tree(repository)
    if repository is None or root is None or not repository.head.is_valid():
        return WorkflowSource(_named(name), "", version.declared_version(directory), is_dirty=True)
    dirty = git.dirty_paths(repository, environment.ignored_prefixes(environ))
    if dirty and not allowed:
        raise git.uncommitted(root, dirty)
    link = git.link_to_tree(repository, allow_missing=allowed)
    return WorkflowSource(
        url=f"{link}#{quote(name)}" if link else _named(name),
        checksum="",
        version=version.project_version(repository, root, dirty=bool(dirty)),
        git_root=root,
        dirty_paths=tuple(dirty),
        is_dirty=bool(dirty) or not link,
    )


def version_of_project(directory: Path) -> str:
    """The version of the project in a directory: from its repository's tags, else as ``pyproject.toml`` declares it.

    Raises:
        NotFoundError: It has none.
    """
    from dml.workflow import git, version

    repository = git.open_repository(directory / "any")
    root = None if repository is None else git.work_tree(repository)
    if repository is None or root is None or not repository.head.is_valid():
        found = version.declared_version(directory)
    else:
        dirty = bool(git.dirty_paths(repository, environment.ignored_prefixes(os.environ)))
        found = version.project_version(repository, root, dirty=dirty)
    if found is None:
        raise NotFoundError(f"{safe(directory)} has no version", hint="dml bump patch makes the first tag.")
    return found


def _named(name: str) -> str:
    return f"tag:deriva-dml,2026:workflow/{quote(name, safe='')}"
