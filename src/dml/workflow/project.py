"""The source of a workflow of which only the name is known: the project it is run from, as a whole.

``dml exec create`` can be given the name of a workflow without a script. The commit of the surrounding repository is
recorded then; outside a repository, the name alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from dml.errors import NotFoundError
from dml.safe_text import safe
from dml.workflow import environment, git, version
from dml.workflow.record import WorkflowSource

__all__ = ["describe_project", "project_version"]


def describe_project(
    name: str, directory: Path, *, allow_dirty: bool = False, environ: Mapping[str, str] = os.environ
) -> WorkflowSource:
    """The source of a workflow without a script. Reads files and runs git; writes nothing.

    In a repository the URL is that of its tree at the newest commit; its fragment is the workflow's name, so that
    workflows of one project have different URLs. Outside a repository, or in one without commits, the URL is a
    ``tag:`` URI (RFC 4151) made of the name, and ``is_dirty`` is true because the code is not recorded. There is no
    checksum. As for a script, a container's description and a launcher's override come first.

    Args:
        name: The workflow's name.
        directory: Where it is run from.
        allow_dirty: Accept uncommitted changes, and a repository without a remote.
        environ: The environment.

    Raises:
        ConflictError: There are uncommitted changes (the paths are listed), or no remote.
        DmlError: git is not installed or refuses the repository.
    """
    source = environment.container_source(environ) or environment.override_source(environ)
    if source is not None:
        return source
    allowed = allow_dirty or environment.allows_dirty(environ)
    repository = git.open_repository(directory / "any")
    root = None if repository is None else git.work_tree(repository)
    if repository is None or root is None or not repository.head.is_valid():
        return WorkflowSource(_tag_uri(name), "", version.declared_version(directory), is_dirty=True)
    dirty = git.dirty_paths(repository, environment.ignored_prefixes(environ))
    if dirty and not allowed:
        raise git.uncommitted_changes(root, dirty)
    link = git.link_to_tree(repository, allow_missing=allowed)
    return WorkflowSource(
        url=f"{link}#{quote(name)}" if link else _tag_uri(name),
        checksum="",
        version=version.git_version(repository, root, dirty=bool(dirty)),
        git_root=root,
        dirty_paths=tuple(dirty),
        is_dirty=bool(dirty) or not link,
    )


def project_version(directory: Path) -> str:
    """The version of the project in a directory: from its repository's tags, else as declared in ``pyproject.toml``.

    Raises:
        NotFoundError: The project has neither.
        DmlError: git is not installed or refuses the repository.
    """
    repository = git.open_repository(directory / "any")
    root = None if repository is None else git.work_tree(repository)
    if repository is None or root is None or not repository.head.is_valid():
        current = version.declared_version(directory)
    else:
        dirty = bool(git.dirty_paths(repository, environment.ignored_prefixes(os.environ)))
        current = version.git_version(repository, root, dirty=dirty)
    if current is None:
        raise NotFoundError(
            f"the project in {safe(directory)} has no version", hint="Create the first tag with `dml bump patch`."
        )
    return current


def _tag_uri(name: str) -> str:
    return f"tag:deriva-dml,2026:workflow/{quote(name, safe='')}"
