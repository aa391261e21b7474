"""Checks of cached files on disk; none of them follows a symbolic link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dml.dataset.checksums import has_checksum
from dml.errors import UnsafePathError

__all__ = ["find_fault", "has_size", "is_intact", "modified_ns", "total_size", "walk_files"]


def modified_ns(path: Path | str, length: int | None = None) -> int | None:
    """Modification time of a regular file in nanoseconds; None when there is none, or none of this length."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or length not in (None, status.st_size):
        return None
    return status.st_mtime_ns


def has_size(path: Path | str, length: int) -> bool:
    """Whether a regular file of this length exists; its content is not read."""
    return modified_ns(path, length) is not None


def find_fault(path: Path, length: int | None, checksum: str) -> str:
    """What is wrong with a file, in two or three words; empty when its length and checksum are correct."""
    try:
        if path.is_symlink():
            return "symbolic link"
        if not path.is_file():
            return "missing"
        if length is not None and path.stat().st_size != length:
            return "wrong length"
        return "" if has_checksum(path, checksum) else "wrong checksum"
    except OSError:
        return "unreadable"


def is_intact(path: Path, length: int, checksum: str) -> bool:
    """Whether a regular file with this length and checksum exists; it is read only when the length is correct."""
    return not find_fault(path, length, checksum)


def total_size(directory: Path, seen: set[tuple[int, int]] | None = None) -> int:
    """Bytes of all files below a directory, symbolic links not counted; 0 when there is no such directory.

    Args:
        directory: The directory.
        seen: Device and inode of files that were counted before; files found now are added. A file with several hard
            links counts once.
    """
    total = 0
    known = set() if seen is None else seen
    for _, status in walk_files(directory, allow_links=True):
        if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in known:
            known.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total


def walk_files(directory: Path, *, allow_links: bool = False) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below a directory with its status, in order of path.

    Raises:
        UnsafePathError: There is a symbolic link; with ``allow_links`` it is skipped.
    """
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink():
            if not allow_links:
                raise UnsafePathError(f"{path} is a symbolic link, which a cached bag must not hold", hint="Remove it.")
        elif entry.is_dir(follow_symlinks=False):
            yield from walk_files(path, allow_links=allow_links)
        else:
            yield path, entry.stat(follow_symlinks=False)
