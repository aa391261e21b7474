"""The code that runs, as the catalog records it: a link, a checksum and a version.

The sources and their order are deriva-ml's: explicit values, a container's description, a launcher's override in the
environment, and otherwise the file in its git repository.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workflow import environment, git, modules, notebook
from dml.workflow import version as versions
from dml.workflow.blob import hash_bytes
from dml.workflow.caller import calling_script
from dml.workflow.record import WorkflowSource

__all__ = ["WorkflowSource", "describe_source"]


def describe_source(
    path: Path | None = None,
    *,
    module: str | None = None,
    url: str | None = None,
    checksum: str | None = None,
    version: str | None = None,
    allow_dirty: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> WorkflowSource:
    """Find out where the running code came from. Reads files and runs git; writes nothing, imports no user code.

    Args:
        path: The script or notebook.
        module: A module's dotted name instead of a path, as for ``python -m``.
        url: A link that is recorded unchanged.
        checksum: A checksum that is recorded unchanged.
        version: A version that is recorded unchanged.
        allow_dirty: Accept uncommitted changes and files outside a repository, as ``DERIVA_ML_ALLOW_DIRTY`` and
            ``DERIVA_ML_DRY_RUN`` do.
        environ: The environment.

    Raises:
        UsageError: Path and module are both given, or neither they nor a URL and there is no calling script.
        NotFoundError: There is no such file or module.
        ConflictError: There are uncommitted changes (the paths are listed), or the file was never committed, is in no
            repository, or its repository has no remote.
        DmlError: git is not installed or refuses the repository; nbstripout is not installed.
    """
    if path is not None and module is not None:
        raise UsageError("give a path or a module, not both")
    if url is not None and (checksum is not None or (path is None and module is None)):
        absolute = None if path is None else path.absolute()
        is_notebook = notebook.is_notebook(absolute or Path(url))
        return WorkflowSource(url, checksum or "", version, path=absolute, is_notebook=is_notebook)
    source = environment.container_source(environ) or environment.override_source(environ)
    if source is None:
        allowed = allow_dirty or environment.allows_dirty(environ)
        source = _describe_file(_find_file(path, module, environ), allow_dirty=allowed, url=url, environ=environ)
    return replace(
        source,
        url=source.url if url is None else url,
        checksum=source.checksum if checksum is None else checksum,
        version=source.version if version is None else version,
    )


def _find_file(path: Path | None, module: str | None, environ: Mapping[str, str]) -> Path:
    if module is not None:
        return modules.module_file(module)
    if path is None:
        path = notebook.running_notebook(environ) or calling_script()
        if path is None:
            raise UsageError(
                "the running code is not in a file, so it cannot be recorded",
                hint="Name the script or notebook, or give --workflow-url and --workflow-checksum.",
            )
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a script may be a symbolic link, which git tracks as such
    if absolute.is_dir():
        raise UsageError(f"{safe(path)} is a directory", hint="Name the script or notebook in it.")
    if not absolute.is_file():
        raise NotFoundError(f"no file {safe(path)}", hint="Give the path of the script or notebook.")
    return absolute


def _describe_file(path: Path, *, allow_dirty: bool, url: str | None, environ: Mapping[str, str]) -> WorkflowSource:
    """The source of a file by its repository; a given URL replaces the link, so no remote is needed."""
    is_notebook = notebook.is_notebook(path)
    repository = git.open_repository(path)
    root = None if repository is None else git.work_tree(repository)
    checksum = hash_bytes(notebook.strip_outputs(path, root)) if is_notebook else git.blob_hash(repository, path)
    if repository is None or root is None:
        if url is None and not allow_dirty:
            raise git.not_in_repository(path)
        return WorkflowSource(
            url or "",
            checksum,
            versions.declared_version(path.parent),
            path=path,
            is_notebook=is_notebook,
            is_dirty=True,
        )
    dirty = git.dirty_paths(repository, environment.ignored_prefixes(environ))
    if dirty and not allow_dirty:
        raise git.uncommitted_changes(root, dirty)
    link, committed = (url, True) if url is not None else git.link_to_file(repository, path, allow_missing=allow_dirty)
    return WorkflowSource(
        url=link,
        checksum=checksum,
        version=versions.git_version(repository, root, dirty=bool(dirty)),
        git_root=root,
        path=path,
        dirty_paths=tuple(dirty),
        is_notebook=is_notebook,
        is_dirty=bool(dirty) or not committed,
    )
