"""The state of a directory, to check that nothing has changed it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def directory_state(root: Path) -> dict[str, tuple[str, int, int]]:
    """Every path below a root with the hash of its bytes, its mode and its modification time."""
    state = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        if path.is_symlink():
            content = os.fspath(path.readlink())
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "directory"
        state[str(path.relative_to(root))] = (content, status.st_mode, status.st_mtime_ns)
    return state
