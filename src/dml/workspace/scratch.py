"""Temporary directories below a directory of dml, never in the system's; removed with the process that created them.

Directories left by a killed process are removed by the next process that creates one.
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

__all__ = ["ScratchDirectory", "scratch_root"]

_LEFTOVER_SECONDS = 24 * 3600.0
"""The age in seconds at which an unlocked directory is taken for a leftover."""


class ScratchDirectory:
    """A directory that exists until ``cleanup``, the end of a ``with`` block or the end of the process.

    Args:
        parent: A directory of the workspace or of dml; created if missing.
        purpose: The beginning of its name.

    Attributes:
        path: The directory.

    Raises:
        RetryableError: The disk is full.
        DmlError: It cannot be created.
    """

    def __init__(self, parent: Path, purpose: str) -> None:
        with disk_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(parent)
            self._directory = tempfile.TemporaryDirectory(prefix=f"{purpose}-", dir=parent)
            self.path = Path(self._directory.name)
            lock = _lock(self.path)
        self._unlock = weakref.finalize(self, _close, lock)

    def cleanup(self) -> None:
        """Remove the directory; has no effect when called again."""
        self._directory.cleanup()
        self._unlock()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.cleanup()


def scratch_root(root: Path) -> Path:
    """The parent of such directories below a root."""
    return root / "scratch"


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _remove_leftovers(parent: Path) -> None:
    for path in parent.iterdir():
        with contextlib.suppress(OSError):
            if path.is_symlink() or time.time() - path.stat().st_mtime < _LEFTOVER_SECONDS:
                continue
            lock = _lock(path, fcntl.LOCK_EX)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _lock(path: Path, kind: int = fcntl.LOCK_SH) -> int | None:
    """A descriptor that locks a directory until it is closed; None when another process has locked it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
