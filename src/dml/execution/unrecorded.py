"""Files in an execution's directory that no record knows.

The disk is the truth about files, the registry only a record of it. A program may be killed before its outputs are
staged, a registry may be lost, a file may be written after the commit. Nothing that is not recorded is ever removed or
called uploaded. ``recover_outputs`` stages those that are outputs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dml.workspace import assets

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = ["ASSETS", "LOG_NAME", "OUTPUTS", "find_unrecorded"]

LOG_NAME = "run.log"
"""Name of the file with what a program printed, and of the asset it becomes."""

OUTPUTS = "outputs"
"""The directory below the execution's own that a program gets as ``DML_OUTPUTS``."""

ASSETS = "assets"
"""The directory below the execution's own that has the staged files by table."""

_NOT_OUTPUTS = frozenset({"downloaded-assets", "asset-type"})
"""Directories of an execution with copies of what the catalog has, or with records."""


def find_unrecorded(session: WorkspaceSession, rid: str) -> list[Path]:
    """The files in an execution's directory that are neither staged, nor inputs, nor records of dml.

    Returns:
        Paths below the execution's directory, sorted. Reads the registry and directory entries, no contents.
    """
    root = session.workspace.execution_directory(rid)
    known = {row.key for row in assets.list_assets(session.registry, rid)}
    return sorted(path for path in _files(root) if not _is_recorded(path, known))


def _files(root: Path) -> Iterator[Path]:
    """Regular files and links below a directory, relative to it."""
    for parent, folders, names in os.walk(root):
        folder = Path(parent).relative_to(root)
        if folder == Path():
            folders[:] = [name for name in folders if name not in _NOT_OUTPUTS]
        yield from (folder / name for name in names)
        yield from (folder / name for name in folders if (Path(parent) / name).is_symlink())


def _is_recorded(path: Path, known: set[str]) -> bool:
    if path.name.startswith(".dml-") and path.name.endswith(".tmp"):
        return True  # the half copy of a killed process, whose source is still there
    if path.parts[0] == ASSETS and len(path.parts) == 3:
        return f"{path.parts[1]}/{path.parts[2]}" in known
    return False
