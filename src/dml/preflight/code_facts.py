"""The state of a run's code in git, read once for the checks and the summary."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import DmlError
from dml.workflow import environment, git, version

if TYPE_CHECKING:
    from git import Repo

__all__ = ["CodeFacts", "read_code"]


@dataclass(frozen=True)
class CodeFacts:
    """The state of a work tree.

    Attributes:
        root: Top directory of the work tree; None when the code is not in a repository.
        branch: The current branch; empty when HEAD is detached.
        commit: Hash of the current commit, 40 digits; empty when there is none.
        dirty: Paths with uncommitted changes, without ignored ones.
        remotes: Names of the remotes.
        unpushed: Number of commits that no remote branch has; None when there is no remote branch.
        tag: The nearest version tag; empty when there is none.
        commits_since_tag: Number of commits since that tag.
        version: The version that an execution will record; None when there is none.
    """

    root: Path | None = None
    branch: str = ""
    commit: str = ""
    dirty: tuple[str, ...] = ()
    remotes: tuple[str, ...] = ()
    unpushed: int | None = None
    tag: str = ""
    commits_since_tag: int = 0
    version: str | None = None

    @property
    def short_commit(self) -> str:
        """The first seven digits of the commit."""
        return self.commit[:7]


def read_code(path: Path) -> CodeFacts:
    """Read the state of the repository of a file or directory; takes no lock and writes nothing.

    Raises:
        DmlError: git is not installed, or it refuses the repository.
    """
    repository = git.open_repository(path / "_" if path.is_dir() else path)
    if repository is None:
        return CodeFacts(version=version.declared_version(path if path.is_dir() else path.parent))
    with contextlib.closing(repository), _git_errors():
        return _facts(repository)


def _facts(repository: Repo) -> CodeFacts:
    root = git.work_tree(repository)
    dirty = tuple(git.dirty_paths(repository, environment.ignored_prefixes(os.environ)))
    remotes = tuple(remote.name for remote in repository.remotes)
    if not repository.head.is_valid():
        return CodeFacts(root, dirty=dirty, remotes=remotes, version=version.declared_version(root))
    tag, since = _nearest_tag(repository)
    return CodeFacts(
        root=root,
        branch="" if repository.head.is_detached else repository.active_branch.name,
        commit=repository.head.commit.hexsha,
        dirty=dirty,
        remotes=remotes,
        unpushed=_unpushed(repository),
        tag=tag,
        commits_since_tag=since,
        version=version.git_version(repository, root, dirty=bool(dirty)),
    )


def _unpushed(repository: Repo) -> int | None:
    """The number of commits of HEAD that no remote-tracking branch has, as of the last fetch or push."""
    if not str(repository.git.for_each_ref("--count=1", "refs/remotes")).strip():
        return None
    return int(str(repository.git.rev_list("--count", "HEAD", "--not", "--remotes")))


def _nearest_tag(repository: Repo) -> tuple[str, int]:
    import git as gitpython

    try:
        described = str(repository.git.describe("--tags", "--long", "--match", "*[0-9]*"))
    except gitpython.GitCommandError:
        return "", 0
    tag, distance, _ = described.rsplit("-", 2)
    return tag, int(distance)


@contextlib.contextmanager
def _git_errors() -> Iterator[None]:
    """Turn an error of git into a ``DmlError``."""
    import git as gitpython

    try:
        yield
    except gitpython.exc.CommandError as error:
        output = str(error.stderr or error).strip()
        raise DmlError(f"git failed: {output[:200]}") from error
