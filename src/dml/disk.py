"""The file system beneath a path: its free space, its type, and whether it is safe for SQLite's write-ahead log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["NETWORK_FILE_SYSTEMS", "SPARE_BYTES", "file_system_type", "free_bytes", "nearest_existing"]

NETWORK_FILE_SYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "lustre"})
"""File systems on which SQLite's WAL mode is not safe between machines (sqlite.org/wal.html)."""

SPARE_BYTES: Final = 64 << 20
"""Bytes that a download leaves free."""


def nearest_existing(path: Path) -> Path:
    """The path itself, or its nearest ancestor that exists; a dangling symbolic link exists."""
    return next((candidate for candidate in (path, *path.parents) if os.path.lexists(candidate)), path)


def free_bytes(path: Path) -> int | None:
    """Bytes that this user may still write where ``path`` is or would be created; None when the system does not say."""
    for candidate in (path, *path.parents):
        try:
            status = os.statvfs(candidate)
        except OSError:  # it does not exist yet, or it may not be entered
            continue
        return status.f_bavail * status.f_frsize
    return None


def file_system_type(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The type of the file system that holds ``path``, as the kernel names it; None where it cannot be read.

    Args:
        path: A file or directory, existing or not.
        mounts: The kernel's table of mounts (proc(5)); Linux alone has one.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
        resolved = path.resolve()
    except OSError:
        return None
    best: tuple[int, str] | None = None
    for fields in map(str.split, lines):
        if len(fields) < 3:
            continue
        mount_point = Path(fields[1].replace("\\040", " "))
        # Of mounts over one another the last listed is the visible one, hence >=.
        if resolved.is_relative_to(mount_point) and (best is None or len(mount_point.parts) >= best[0]):
            best = (len(mount_point.parts), fields[2])
    return best[1] if best else None
