"""The version of the project that holds the code: from its nearest tag, as setuptools_scm would, else as declared.

Version texts follow PEP 440.
"""

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


def project_version(repository: Repo, root: Path, *, dirty: bool) -> str | None:
    """The version of a work tree.

    On a tag, the tag's version; after it the next one as ``1.2.4.dev3+gabc1234``; ``.dirty`` is added to the local
    part when there are uncommitted changes. Without tags the version that ``pyproject.toml`` declares; else None.

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
    tagged = _version_of(match["tag"]) if match else None
    if match is None or tagged is None:
        return declared_version(root)
    distance = int(match["distance"])
    if not distance and not dirty:
        return str(tagged)
    local = "+" + ".".join([f"g{match['commit']}"] * bool(distance) + ["dirty"] * dirty)
    return f"{_next(tagged)}.dev{distance}{local}"


def declared_version(directory: Path) -> str | None:
    """The version in the nearest ``pyproject.toml`` above a directory; None when there is none or it is computed."""
    for place in (directory, *directory.parents):
        file = place / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
        except (OSError, ValueError):
            return None
        version = project.get("version") if isinstance(project, dict) else None
        return version if isinstance(version, str) else None
    return None


def _version_of(tag: str) -> Version | None:
    match = _TAG.fullmatch(tag)
    try:
        return Version(match["version"]) if match else None
    except InvalidVersion:
        return None


def _next(version: Version) -> str:
    """The version that is being worked towards: one more pre-release after one, else one more in the last place."""
    if version.pre:
        return f"{version.base_version}{version.pre[0]}{version.pre[1] + 1}"
    release = list(version.release)
    release[-1] += 1
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, release))
