"""A file in git: its work tree, uncommitted changes, last commit, and the link to it. Only reads, and takes no lock.

GitPython is imported on first use, since most commands do not need it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dml.errors import ConflictError, DmlError
from dml.safe_text import safe
from dml.workflow.blob import hash_file
from dml.workflow.remote import web_link

if TYPE_CHECKING:
    from git import Repo

_MAX_PATHS_SHOWN = 20


def open_repository(path: Path) -> Repo | None:
    """The repository whose work tree holds a file; the submodule or linked work tree if it is in one; None if none.

    Raises:
        DmlError: git is not installed.
    """
    try:
        import git
    except ImportError as error:
        raise _not_installed() from error
    try:
        repository = git.Repo(path.parent, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return None
    if repository.bare or repository.working_tree_dir is None:
        return None
    # Without this, `git status` refreshes the index and writes it.
    repository.git.update_environment(GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    return repository


def work_tree(repository: Repo) -> Path:
    """The top directory of the work tree, as git names it."""
    return Path(str(repository.working_tree_dir))


def blob_hash(repository: Repo | None, path: Path) -> str:
    """git's hash of a file as it would be committed now (``git hash-object``, with the repository's filters)."""
    if repository is None:
        return hash_file(path)
    with _translated(repository):
        return str(repository.git.hash_object("--", str(path)))


def dirty_paths(repository: Repo, ignored: Sequence[str]) -> list[str]:
    """Paths with uncommitted changes, relative to the work tree, sorted; untracked files included, ignored ones not.

    Args:
        repository: The repository.
        ignored: Prefixes of paths to leave out; a renamed file counts by its new path.
    """
    with _translated(repository):
        status = str(
            repository.git.status("--porcelain=v1", "-z", "--untracked-files=all", strip_newline_in_stdout=False)
        )
    entries = iter(status.split("\0"))  # "XY PATH", by git-status(1)
    paths = set()
    for entry in entries:
        if len(entry) < 4:
            continue
        if "R" in entry[:2] or "C" in entry[:2]:
            next(entries, None)  # the original path of a rename or copy is an entry of its own
        paths.add(entry[3:])
    return sorted(path for path in paths if not path.startswith(tuple(ignored)))


def link_to_file(repository: Repo, path: Path, *, allow_missing: bool) -> tuple[str, bool]:
    """A link to a file at the last commit that touched it, and whether there is such a commit.

    Args:
        repository: The repository.
        path: The file.
        allow_missing: Link to the newest commit when the file was never committed, and return an empty link when there
            is no remote, instead of raising.

    Raises:
        ConflictError: There is no remote, or the file was never committed.
    """
    relative = _relative(repository, path)
    base = _remote_link(repository, allow_missing=allow_missing)
    if not base:
        return "", False
    if not repository.head.is_valid():
        if allow_missing:
            return base, False
        raise _never_committed(relative)
    with _translated(repository):
        commit = str(repository.git.rev_list("-1", "HEAD", "--", f":(top,literal){relative}"))
    if commit:
        return f"{base}/blob/{commit}/{quote(relative)}", True
    if allow_missing:
        return f"{base}/tree/{repository.head.commit.hexsha}", False
    raise _never_committed(relative)


def link_to_tree(repository: Repo, *, allow_missing: bool) -> str:
    """A link to the whole tree at the newest commit.

    Args:
        repository: The repository, which has a commit.
        allow_missing: Return an empty link when there is no remote, instead of raising.

    Raises:
        ConflictError: There is no remote.
    """
    base = _remote_link(repository, allow_missing=allow_missing)
    return f"{base}/tree/{repository.head.commit.hexsha}" if base else ""


def not_in_repository(path: Path) -> ConflictError:
    """The error for a file outside any repository."""
    return ConflictError(
        f"{safe(path)} is not in a git repository, so the code of this run cannot be recorded",
        hint="Commit it to a repository, give --workflow-url and --workflow-checksum, or run it with --allow-dirty.",
    )


def uncommitted_changes(root: Path, paths: Sequence[str]) -> ConflictError:
    """The error for a work tree with uncommitted changes; lists up to 20 of them."""
    shown = "".join(f"\n  {safe(path, limit=200)}" for path in paths[:_MAX_PATHS_SHOWN])
    more = f"\n  and {len(paths) - _MAX_PATHS_SHOWN} more" if len(paths) > _MAX_PATHS_SHOWN else ""
    return ConflictError(
        f"the repository {safe(root)} has uncommitted changes:{shown}{more}",
        hint="Commit them, or run with --allow-dirty, which records them."
        " Directories that runs write into can be listed in DERIVA_ML_DIRTY_CHECK_IGNORE.",
    )


def _never_committed(relative: str) -> ConflictError:
    return ConflictError(
        f"{safe(relative)} has never been committed, so there is no link to it",
        hint="Commit it, give --workflow-url and --workflow-checksum, or run it with --allow-dirty.",
    )


def _not_installed() -> DmlError:
    return DmlError(
        "git is not installed, so the code of this run cannot be recorded",
        hint="Install git, or give --workflow-url and --workflow-checksum.",
    )


def _remote_link(repository: Repo, *, allow_missing: bool) -> str:
    """The web address of ``origin``, or of the only remote; empty when there is none and that is allowed."""
    remotes = {remote.name: remote for remote in repository.remotes}
    remote = remotes.get("origin") or (next(iter(remotes.values())) if len(remotes) == 1 else None)
    if remote is not None:
        with _translated(repository):
            return web_link(next(iter(remote.urls)))
    if allow_missing:
        return ""
    problem = (
        f"several remotes, none of them named origin ({', '.join(sorted(map(safe, remotes)))})"
        if remotes
        else "no remote"
    )
    raise ConflictError(
        f"the repository {safe(work_tree(repository))} has {problem}, so there is no link to its code",
        hint="Add one with `git remote add origin URL`, or give --workflow-url and --workflow-checksum.",
    )


def _relative(repository: Repo, path: Path) -> str:
    root = work_tree(repository)
    # The second pair is for a work tree reached through a symbolic link; the file itself may be one and is kept.
    for file, top in ((path, root), (path.parent.resolve() / path.name, root.resolve())):
        if file.is_relative_to(top):
            return file.relative_to(top).as_posix()
    return path.name


@contextlib.contextmanager
def _translated(repository: Repo) -> Iterator[None]:
    """Turn git's errors into dml's."""
    import git

    try:
        yield
    except git.GitCommandNotFound as error:
        raise _not_installed() from error
    except git.GitCommandError as error:
        root = safe(work_tree(repository))
        output = str(error.stderr or error).strip().removeprefix("stderr: ").strip("'\n ")
        is_refused = "dubious ownership" in output
        hint = f"If you trust it, run `git config --global --add safe.directory {root}`." if is_refused else ""
        raise DmlError(f"git failed in {root}: {safe(output, limit=300)}", hint=hint) from error
