"""Which code runs, as the catalog records it: a link, a checksum and a version.

The order of the sources is deriva-ml's: explicit values, a container that says what it is, the environment's
override, and else the file in its git repository. ``describe_source`` is the one way in; the parts are in ``git``,
``notebook``, ``environment`` and ``version``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workflow import environment, modules, notebook
from dml.workflow.blob import file_hash
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
    """Find out where code came from. Reads files and runs git; writes nothing, executes none of the user's code.

    Args:
        path: The script or notebook.
        module: A module's dotted name instead of a path, as for ``python -m``.
        url: A link that is taken as it stands.
        checksum: A checksum that is taken as it stands.
        version: A version that is taken as it stands.
        allow_dirty: Accept uncommitted changes, and files in no repository; ``DERIVA_ML_ALLOW_DIRTY`` and
            ``DERIVA_ML_DRY_RUN`` count like it.
        environ: The environment.

    Raises:
        UsageError: Neither path, module nor URL, and no script can be found; or path and module both.
        NotFoundError: There is no such file or module.
        ConflictError: Uncommitted changes (the paths are listed), a file that was never committed, no repository, no
            remote.
        DmlError: git is not installed or refuses the repository; nbstripout is not installed.
    """
    if path is not None and module is not None:
        raise UsageError("A path and a module exclude each other")
    if url is not None and (checksum is not None or (path is None and module is None)):
        return _explicit(path, url, checksum or "", version)
    found = environment.container_source(environ) or environment.override_source(environ)
    if found is None:
        allowed = allow_dirty or environment.allows_dirty(environ)
        found = _of_file(_file(path, module, environ), allow_dirty=allowed, url=url, environ=environ)
    return replace(
        found,
        url=found.url if url is None else url,
        checksum=found.checksum if checksum is None else checksum,
        version=found.version if version is None else version,
    )


def _explicit(path: Path | None, url: str, checksum: str, version: str | None) -> WorkflowSource:
    absolute = None if path is None else path.absolute()
    return WorkflowSource(
        url, checksum, version, path=absolute, is_notebook=notebook.is_notebook(absolute or Path(url))
    )


def _file(path: Path | None, module: str | None, environ: Mapping[str, str]) -> Path:
    if module is not None:
        return modules.module_file(module)
    if path is None:
        from dml.workflow.caller import calling_script

        found = notebook.running_notebook(environ) or calling_script()
        if found is None:
            raise UsageError(
                "The code that runs is not in a file, so it cannot be recorded",
                hint="Name the script or notebook, or give --workflow-url and --workflow-checksum.",
            )
        path = found
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a script may be a link; git wants it where it is
    if absolute.is_dir():
        raise UsageError(f"{safe(path)} is a directory", hint="Name the script or notebook in it.")
    if not absolute.is_file():
        raise NotFoundError(f"There is no file {safe(path)}", hint="Name the script or notebook by its path.")
    return absolute


def _of_file(path: Path, *, allow_dirty: bool, url: str | None, environ: Mapping[str, str]) -> WorkflowSource:
    """The source of a file; with a URL of the user's own, the repository is asked for the rest only."""
    from dml.workflow import git, version

    is_notebook = notebook.is_notebook(path)
    repository = git.open_repository(path)
    root = None if repository is None else git.work_tree(repository)
    checksum = file_hash(notebook.stripped(path, root)) if is_notebook else git.blob_hash(repository, path)
    if repository is None or root is None:
        if url is None and not allow_dirty:
            raise git.not_in_a_repository(path)
        return WorkflowSource(
            url or "",
            checksum,
            version.declared_version(path.parent),
            path=path,
            is_notebook=is_notebook,
            is_dirty=True,
        )
    dirty = git.dirty_paths(repository, environment.ignored_prefixes(environ))
    if dirty and not allow_dirty:
        raise git.uncommitted(root, dirty)
    link, committed = (url, True) if url is not None else git.link_to(repository, path, allow_missing=allow_dirty)
    return WorkflowSource(
        url=link,
        checksum=checksum,
        version=version.project_version(repository, root, dirty=bool(dirty)),
        git_root=root,
        path=path,
        dirty_paths=tuple(dirty),
        is_notebook=is_notebook,
        is_dirty=bool(dirty) or not committed,
    )
