"""The record of where code came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkflowSource:
    """Where the code of an execution came from.

    Attributes:
        url: A link to the file at the last commit that touched it, a container image, or the value that was given.
            Empty when the file is in no repository (only with ``allow_dirty``).
        checksum: git's blob hash of the file as it is now, of a notebook without its outputs; or the value that was
            given.
        version: The project's version; None when it has none.
        git_root: The work tree that holds the file.
        path: The file.
        dirty_paths: Paths with uncommitted changes, relative to ``git_root``, without ignored ones.
        is_notebook: Whether the file is a notebook.
        is_dirty: Whether the code that ran is not, or not known to be, the code behind the link.
    """

    url: str
    checksum: str
    version: str | None = None
    git_root: Path | None = None
    path: Path | None = None
    dirty_paths: tuple[str, ...] = ()
    is_notebook: bool = False
    is_dirty: bool = False
