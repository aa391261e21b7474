"""Free space on the disk that holds a path."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

__all__ = ["SPARE_BYTES", "free_bytes"]

SPARE_BYTES: Final = 64 << 20
"""Bytes that a download leaves free on the disk."""


def free_bytes(path: Path) -> int | None:
    """Bytes free on the disk where ``path`` is or would be created; None when the system does not say."""
    for directory in (path, *path.parents):
        try:
            return shutil.disk_usage(directory).free
        except OSError:
            continue
    return None
