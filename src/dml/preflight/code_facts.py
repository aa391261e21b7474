"""What git knows about the code of a run: read once, for the checks of the code, of the workflow and for the card."""

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
        root: Its top directory; None when the code is in no repository.
        branch: The branch; empty when HEAD is detached.
        commit: Hash of the commit, 40 digits; empty when there is none.
        dirty: Paths with uncommitted changes that count.
        remotes: Names of the remotes.
        unpushed: Commits that no remote branch has; None when there is no remote branch.
        tag: The nearest version tag; empty when there is none.
        commits_since_tag: Commits after it.
        version: The version that will be recorded; None when there is none.
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
    """Ask git about the repository of a file or directory; takes no lock and writes nothing.

    Raises:
        DmlError: git is not installed, or refuses the repository.
    """
    repository = git.open_repository(path / "_" if path.is_dir() else path)
    if repository is None:
        return CodeFacts(version=version.declared_version(path if path.is_dir() else path.parent))
    with contextlib.closing(repository), _refusals():
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
    """Commits of HEAD that no remote-tracking branch has, as far as the last fetch or push knows."""
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
def _refusals() -> Iterator[None]:
    import git as gitpython

    try:
        yield
    except gitpython.exc.CommandError as error:
        said = str(error.stderr or error).strip()
        raise DmlError(f"git failed: {said[:200]}") from error
