"""The version of a project: from its nearest git tag, as setuptools_scm computes it, or as declared (PEP 440)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from git import Repo

_TAG = re.compile(r"(?:.*?[-/])?v?(?P<version>\d.*)", re.IGNORECASE)
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)")


def git_version(repository: Repo, root: Path, *, dirty: bool) -> str | None:
    """The version of a work tree.

    On a tag, the tag's version; three commits after ``v1.2.3``, ``1.2.4.dev3+gabc1234``; with uncommitted changes, the
    local part ends in ``dirty``. Without tags, the version declared in ``pyproject.toml``, or None.

    Args:
        repository: The repository.
        root: Its work tree.
        dirty: Whether there are uncommitted changes.
    """
    import git

    try:
        described = str(repository.git.describe("--tags", "--long", "--match", "*[0-9]*"))
    except git.GitCommandError:
        return declared_version(root)
    match = _DESCRIBED.fullmatch(described)
    tagged = _parse_tag(match["tag"]) if match else None
    if match is None or tagged is None:
        return declared_version(root)
    distance = int(match["distance"])
    if not distance and not dirty:
        return str(tagged)
    local = "+" + ".".join([f"g{match['commit']}"] * bool(distance) + ["dirty"] * dirty)
    return f"{_next_version(tagged)}.dev{distance}{local}"


def declared_version(directory: Path) -> str | None:
    """The version in the nearest ``pyproject.toml`` at or above a directory; None without one or when dynamic."""
    for folder in (directory, *directory.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
        except (OSError, ValueError):
            return None
        version = project.get("version") if isinstance(project, dict) else None
        return version if isinstance(version, str) else None
    return None


def _parse_tag(tag: str) -> Version | None:
    match = _TAG.fullmatch(tag)
    try:
        return Version(match["version"]) if match else None
    except InvalidVersion:
        return None


def _next_version(version: Version) -> str:
    """The next version: the following pre-release after a pre-release, else the last number plus one."""
    if version.pre:
        return f"{version.base_version}{version.pre[0]}{version.pre[1] + 1}"
    release = list(version.release)
    release[-1] += 1
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, release))
