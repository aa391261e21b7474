"""What a bag on disk consists of: its metadata, and the files that are fetched apart from it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dml.cache.files import BagFile
from dml.cache.link import READ_ONLY
from dml.dataset.bagit import payload_path, read_fetch
from dml.errors import UnsafePathError

__all__ = ["has_metadata", "has_size", "read_files", "seal", "time_of_change", "walk_size"]


def has_metadata(bag: Path) -> bool:
    """Whether a bag is in its place. It came there by a rename, so it is whole as far as dml made it."""
    return not bag.is_symlink() and (bag / "bagit.txt").is_file()


def has_size(place: Path | str, length: int) -> bool:
    """Whether a regular file of this length is in a place; it is not read."""
    return time_of_change(place, length) is not None


def time_of_change(place: Path | str, length: int) -> int | None:
    """When a regular file of this length was last changed, in nanoseconds; None when there is no such file."""
    try:
        status = os.lstat(place)
    except OSError:
        return None
    return status.st_mtime_ns if _is_regular(status) and status.st_size == length else None


def read_files(bag: Path) -> tuple[list[BagFile], int]:
    """The files that a bag names in ``fetch.txt``, present when their size is right, and the size of all the rest.

    Raises:
        IntegrityError: The bag is malformed.
        UnsafePathError: A path would leave the bag, or a symbolic link is in the way.
    """
    files = [
        BagFile(one.path, one.length, one.checksum, has_size(payload_path(bag, one.path), one.length))
        for one in read_fetch(bag)
    ]
    named = {file.path for file in files}
    metadata = 0
    for path, status in _walk(bag):
        if path.relative_to(bag).as_posix() not in named:
            metadata += status.st_size
    return files, metadata


def seal(bag: Path) -> None:
    """Make every file of a bag read-only."""
    for path, status in _walk(bag):
        if status.st_mode & 0o222:
            path.chmod(READ_ONLY)


def walk_size(directory: Path, seen: set[tuple[int, int]] | None = None) -> int:
    """Bytes that the files below a directory hold; symbolic links count nothing and are not followed.

    Args:
        directory: The directory; a missing one holds nothing.
        seen: Files counted before, by device and inode: one with several names counts once.
    """
    total = 0
    known = set() if seen is None else seen
    for _, status in _walk(directory, links=True):
        if _is_regular(status) and (status.st_dev, status.st_ino) not in known:
            known.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total


def _walk(directory: Path, *, links: bool = False) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below a directory.

    Raises:
        UnsafePathError: One is a symbolic link, unless ``links`` are passed over.
    """
    try:
        entries = sorted(os.scandir(directory), key=lambda one: one.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink():
            if not links:
                raise UnsafePathError(f"{path} is a symbolic link; a bag in the cache holds none", hint="Remove it.")
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, links=links)
        else:
            yield path, entry.stat(follow_symlinks=False)


def _is_regular(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode)
