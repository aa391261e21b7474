"""What identifies the content of a file without reading it."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["FileIdentity"]


@dataclass(frozen=True)
class FileIdentity:
    """Size in bytes, modification time in nanoseconds and inode; while all are equal, the content is taken as equal."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """The identity in the result of stat(2)."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)
