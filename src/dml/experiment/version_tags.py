"""Version tags: the next one after the nearest, made on the commit that is checked out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.dataset.version import DatasetVersion, VersionPart
from dml.errors import ConflictError, DmlError, NotFoundError, UsageError
from dml.safe_text import safe
from dml.workflow import environment, git

if TYPE_CHECKING:
    from git import Repo

__all__ = ["Bumped", "bump"]


@dataclass(frozen=True)
class Bumped:
    """A version tag.

    Attributes:
        tag: Its name, ``v1.2.3``.
        commit: Hash of its commit.
        previous: The tag before it; None for the first.
        remote: The remote that a push goes to; None when there is none.
        pushed: Whether it was pushed.
        existed: Whether the commit had a version tag already, which is ``tag`` then.
    """

    tag: str
    commit: str
    previous: str | None = None
    remote: str | None = None
    pushed: bool = False
    existed: bool = False


def bump(directory: Path, part: str, *, push: bool = False, dry_run: bool = False, allow_dirty: bool = False) -> Bumped:
    """Tag the commit of a repository with the next version. Writes a tag, and the remote's with ``push``.

    A commit that has a version tag already is left as it is. The first tag is ``v0.1.0``, or ``v1.0.0`` for major and
    ``v0.0.1`` for patch.

    Args:
        directory: Anywhere in the work tree.
        part: ``major``, ``minor`` or ``patch``.
        push: Whether the tag is pushed.
        dry_run: Make nothing.
        allow_dirty: Whether uncommitted changes are accepted; they are not part of the tag.

    Raises:
        NotFoundError: There is no repository, or it has no commit.
        ConflictError: There are uncommitted changes.
        UsageError: A push is wanted and there is no remote; or no such part.
        DmlError: git refuses.
    """
    import git as gitpython

    repository = git.open_repository(directory / "_")
    if repository is None:
        raise NotFoundError(f"{safe(directory)} is in no git repository", hint="git init")
    try:
        if not repository.head.is_valid():
            raise NotFoundError(f"{safe(directory)} has no commit to tag", hint="git add -A && git commit")
        return _bumped(repository, VersionPart(part), push=push, dry_run=dry_run, allow_dirty=allow_dirty)
    except gitpython.exc.CommandError as error:
        raise DmlError(f"git failed: {safe(str(error.stderr or error).strip(), limit=300)}") from error
    except ValueError as error:
        raise UsageError(f"{part!r} is no part of a version", hint="Write major, minor or patch.") from error
    finally:
        repository.close()


def _bumped(repository: Repo, part: VersionPart, *, push: bool, dry_run: bool, allow_dirty: bool) -> Bumped:
    dirty = git.dirty_paths(repository, environment.ignored_prefixes(os.environ))
    if dirty and not allow_dirty:
        raise git.uncommitted_changes(git.work_tree(repository), dirty)
    remote = _remote(repository)
    if push and remote is None:
        raise UsageError("There is no remote to push to", hint="git remote add origin URL")
    commit = repository.head.commit.hexsha
    tags = _versions(repository, ["--merged", "HEAD"])
    here = _versions(repository, ["--points-at", "HEAD"])
    if here:
        return Bumped(here[max(here)], commit, remote=remote, existed=True)
    previous = max(tags, default=None)
    new = (previous or DatasetVersion("0.0.0")).next_release(part)
    tag = f"v{new}"
    if tag in repository.tags:
        raise ConflictError(f"The tag {tag} is on another branch already", hint="Merge it, or raise another part.")
    bumped = Bumped(tag, commit, previous=tags[previous] if previous else None, remote=remote)
    if dry_run:
        return bumped
    repository.create_tag(tag, message=f"Version {new}")
    if not push:
        return bumped
    repository.git.push(remote, f"refs/tags/{tag}")
    return Bumped(tag, commit, previous=bumped.previous, remote=remote, pushed=True)


def _versions(repository: Repo, which: list[str]) -> dict[DatasetVersion, str]:
    """The released versions among some tags, each with its tag."""
    found = {}
    for tag in str(repository.git.tag("--list", *which)).split():
        try:
            version = DatasetVersion(tag.removeprefix("v"))
        except UsageError:
            continue
        if str(version) == str(version.last_release):
            found[version] = tag
    return found


def _remote(repository: Repo) -> str | None:
    names = [remote.name for remote in repository.remotes]
    return "origin" if "origin" in names else names[0] if len(names) == 1 else None
