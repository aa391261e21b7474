"""Directories for a while, below a root of dml's own and never in the system's: gone with whoever made them.

What a killed process left behind is removed by the next one that needs such a directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path

from dml.workspace.files import disk_errors

__all__ = ["Scratch", "scratch_below"]

_LEFT_BEHIND = 24 * 3600.0
"""Seconds after which a directory that nobody holds is taken for a leftover."""


class Scratch:
    """A directory until ``cleanup``, the end of a ``with`` block or of the process.

    Args:
        parent: Where it is made; a directory of the workspace or of dml's own, made if it is missing.
        purpose: Begins its name.

    Attributes:
        path: The directory.

    Raises:
        RetryableError: The disk is full.
        DmlError: It cannot be made there.
    """

    def __init__(self, parent: Path, purpose: str) -> None:
        with disk_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(parent)
            self._kept = tempfile.TemporaryDirectory(prefix=f"{purpose}-", dir=parent)
            self.path = Path(self._kept.name)
            held = _hold(self.path)
        self._let_go = weakref.finalize(self, _close, held)

    def cleanup(self) -> None:
        """Remove it; harmless when called again."""
        self._kept.cleanup()
        self._let_go()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.cleanup()


def scratch_below(root: Path) -> Path:
    """Where below a root such directories are."""
    return root / "scratch"


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _remove_leftovers(parent: Path) -> None:
    for path in parent.iterdir():
        with contextlib.suppress(OSError):
            if path.is_symlink() or time.time() - path.stat().st_mtime < _LEFT_BEHIND:
                continue
            held = _hold(path, fcntl.LOCK_EX)
            if held is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)


def _hold(path: Path, kind: int = fcntl.LOCK_SH) -> int | None:
    """A descriptor that locks a directory for as long as this process lives; None when another one holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
