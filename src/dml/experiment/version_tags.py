"""Version tags in git: create the next one on the current commit."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml.dataset.version import DatasetVersion, VersionPart
from dml.errors import ConflictError, DmlError, NotFoundError, UsageError
from dml.safe_text import safe
from dml.workflow import environment, git

if TYPE_CHECKING:
    from git import Repo

__all__ = ["VersionTag", "bump"]


@dataclass(frozen=True)
class VersionTag:
    """A version tag.

    Attributes:
        tag: Name of the tag, such as ``v1.2.3``.
        commit: Hash of the tagged commit.
        previous: The previous version tag; None for the first one.
        remote: The remote to push to; None when there is none.
        pushed: Whether the tag was pushed.
        existed: Whether the commit already had this version tag.
    """

    tag: str
    commit: str
    previous: str | None = None
    remote: str | None = None
    pushed: bool = False
    existed: bool = False


def bump(
    directory: Path, part: str, *, push: bool = False, dry_run: bool = False, allow_dirty: bool = False
) -> VersionTag:
    """Tag the current commit of a repository with the next version. Writes the tag, and with ``push`` the remote.

    A commit that already has a version tag is left alone. The first tag is ``v0.1.0``, or ``v1.0.0`` for major and
    ``v0.0.1`` for patch.

    Args:
        directory: A directory in the work tree.
        part: The part of the version to raise: ``major``, ``minor`` or ``patch``.
        push: Push the tag.
        dry_run: Only determine the tag; write nothing.
        allow_dirty: Accept uncommitted changes; they are not part of the tag.

    Raises:
        NotFoundError: There is no repository, or it has no commits.
        ConflictError: There are uncommitted changes, or the tag exists on another branch.
        UsageError: There is no remote to push to, or the part is unknown.
        DmlError: git failed.
    """
    import git as gitpython

    repository = git.open_repository(directory / "_")
    if repository is None:
        raise NotFoundError(f"{safe(directory)} is not in a git repository", hint="git init")
    try:
        if not repository.head.is_valid():
            raise NotFoundError(f"the repository of {safe(directory)} has no commits", hint="git add -A && git commit")
        return _tag(repository, VersionPart(part), push=push, dry_run=dry_run, allow_dirty=allow_dirty)
    except gitpython.exc.CommandError as error:
        raise DmlError(f"git failed: {safe(str(error.stderr or error).strip(), limit=300)}") from error
    except ValueError as error:
        raise UsageError(f"unknown part of a version {part!r}", hint="Use major, minor or patch.") from error
    finally:
        repository.close()


def _tag(repository: Repo, part: VersionPart, *, push: bool, dry_run: bool, allow_dirty: bool) -> VersionTag:
    dirty = git.dirty_paths(repository, environment.ignored_prefixes(os.environ))
    if dirty and not allow_dirty:
        raise git.uncommitted_changes(git.work_tree(repository), dirty)
    remote = _remote(repository)
    if push and remote is None:
        raise UsageError("the repository has no remote to push to", hint="git remote add origin URL")
    commit = repository.head.commit.hexsha
    tags = _versions(repository, ["--merged", "HEAD"])
    current = _versions(repository, ["--points-at", "HEAD"])
    if current:
        return VersionTag(current[max(current)], commit, remote=remote, existed=True)
    previous = max(tags, default=None)
    new = (previous or DatasetVersion("0.0.0")).next_release(part)
    tag = f"v{new}"
    if tag in repository.tags:
        raise ConflictError(
            f"the tag {tag} exists on another branch", hint="Merge that branch, or raise another part of the version."
        )
    result = VersionTag(tag, commit, previous=tags[previous] if previous else None, remote=remote)
    if dry_run:
        return result
    repository.create_tag(tag, message=f"Version {new}")
    if not push:
        return result
    repository.git.push(remote, f"refs/tags/{tag}")
    return replace(result, pushed=True)


def _versions(repository: Repo, selection: list[str]) -> dict[DatasetVersion, str]:
    """The tags of released versions among those that options of ``git tag`` select, by version."""
    tags = {}
    for tag in str(repository.git.tag("--list", *selection)).split():
        try:
            version = DatasetVersion(tag.removeprefix("v"))
        except UsageError:
            continue
        if str(version) == str(version.last_release):
            tags[version] = tag
    return tags


def _remote(repository: Repo) -> str | None:
    names = [remote.name for remote in repository.remotes]
    return "origin" if "origin" in names else names[0] if len(names) == 1 else None
