"""What git knows about a file: its work tree, uncommitted changes, last commit and link. Reads, and takes no lock.

GitPython is loaded on first use, since most commands need no git.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dml.errors import ConflictError, DmlError
from dml.safe_text import safe
from dml.workflow.blob import hash_of_file
from dml.workflow.remote import web_link

if TYPE_CHECKING:
    from git import Repo

_LISTED = 20
"""Offending paths that a message shows."""


def open_repository(path: Path) -> Repo | None:
    """The repository whose work tree holds a file (a submodule's or worktree's own); None when there is none.

    Raises:
        DmlError: git is not installed, or refuses the repository.
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
    # `git status` would refresh the index and write it; nothing that only looks may do that.
    repository.git.update_environment(GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    return repository


def work_tree(repository: Repo) -> Path:
    """The top directory of the work tree, as git names it."""
    return Path(str(repository.working_tree_dir))


def blob_hash(repository: Repo | None, path: Path) -> str:
    """git's hash of a file as it would be committed now (``git hash-object``: the repository's filters apply)."""
    if repository is None:
        return hash_of_file(path)
    with _translated(repository):
        return str(repository.git.hash_object("--", str(path)))


def dirty_paths(repository: Repo, ignored: Sequence[str]) -> list[str]:
    """Paths with uncommitted changes, relative to the work tree, sorted; untracked files count, ignored ones do not.

    Args:
        repository: The repository.
        ignored: Prefixes of paths that do not count; a rename is judged by where it leads.
    """
    with _translated(repository):
        listed = str(
            repository.git.status("--porcelain=v1", "-z", "--untracked-files=all", strip_newline_in_stdout=False)
        )
    fields = iter(listed.split("\0"))
    found = set()
    for field in fields:
        if len(field) < 4:
            continue
        if "R" in field[:2] or "C" in field[:2]:
            next(fields, None)  # the path it was renamed from follows
        found.add(field[3:])
    return sorted(path for path in found if not path.startswith(tuple(ignored)))


def link_to(repository: Repo, path: Path, *, allow_missing: bool) -> tuple[str, bool]:
    """A link to a file at the last commit that touched it, and whether there is such a commit.

    Args:
        repository: The repository.
        path: The file.
        allow_missing: For a file that was never committed, link to the newest commit instead; without a remote give
            no link.

    Raises:
        ConflictError: There is no remote, or the file was never committed and that is not allowed.
    """
    relative = _relative(repository, path)
    try:
        base = _remote_link(repository)
    except ConflictError:
        if allow_missing:
            return "", False
        raise
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
    """A link to everything at the newest commit; empty when there is no remote and that is allowed.

    Raises:
        ConflictError: There is no remote, and that is not allowed.
    """
    try:
        base = _remote_link(repository)
    except ConflictError:
        if allow_missing:
            return ""
        raise
    return f"{base}/tree/{repository.head.commit.hexsha}"


def not_in_a_repository(path: Path) -> ConflictError:
    """The error for a file that no repository holds."""
    return ConflictError(
        f"{safe(path)} is not in a git repository, so what runs cannot be found again later",
        hint="Put it under git, give --workflow-url and --workflow-checksum, or accept it with --allow-dirty.",
    )


def uncommitted(root: Path, paths: Sequence[str]) -> ConflictError:
    """The error for a work tree with uncommitted changes; names them."""
    shown = "".join(f"\n  {safe(path, limit=200)}" for path in paths[:_LISTED])
    more = f"\n  and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ConflictError(
        f"The repository {safe(root)} has uncommitted changes:{shown}{more}",
        hint="Commit them, accept them with --allow-dirty (recorded), or name paths that runs write in"
        " DERIVA_ML_DIRTY_CHECK_IGNORE.",
    )


def _never_committed(relative: str) -> ConflictError:
    return ConflictError(
        f"{safe(relative)} was never committed, so no link can show it",
        hint="Commit it, give --workflow-url and --workflow-checksum, or accept it with --allow-dirty.",
    )


def _not_installed() -> DmlError:
    return DmlError(
        "git is not installed, so the origin of the code cannot be recorded",
        hint="Install git, or give --workflow-url and --workflow-checksum.",
    )


def _remote_link(repository: Repo) -> str:
    remotes = {remote.name: remote for remote in repository.remotes}
    chosen = remotes.get("origin") or (next(iter(remotes.values())) if len(remotes) == 1 else None)
    if chosen is None:
        what = (
            f"several remotes and none is called origin ({', '.join(sorted(map(safe, remotes)))})"
            if remotes
            else "no remote"
        )
        raise ConflictError(
            f"The repository {safe(work_tree(repository))} has {what}, so there is no link to its code",
            hint="Add one with `git remote add origin URL`, or give --workflow-url and --workflow-checksum.",
        )
    with _translated(repository):
        return web_link(next(iter(chosen.urls)))


def _relative(repository: Repo, path: Path) -> str:
    root = work_tree(repository)
    for file, top in ((path, root), (path.parent.resolve() / path.name, root.resolve())):
        if file.is_relative_to(top):
            return file.relative_to(top).as_posix()
    return path.name


@contextlib.contextmanager
def _translated(repository: Repo) -> Iterator[None]:
    import git

    try:
        yield
    except git.GitCommandNotFound as error:
        raise _not_installed() from error
    except git.GitCommandError as error:
        said = str(error.stderr or error).strip().removeprefix("stderr: ").strip("'\n ")
        hint = "Mark it with `git config --global --add safe.directory PATH`." if "dubious ownership" in said else ""
        raise DmlError(f"git failed in {safe(work_tree(repository))}: {safe(said, limit=300)}", hint=hint) from error
