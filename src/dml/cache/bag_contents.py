"""What a bag on disk consists of: its metadata, and the files that are fetched apart from it."""

from __future__ import annotations

from pathlib import Path

from dml.cache.bag_files import BagFile
from dml.cache.file_checks import has_size, walk_files
from dml.cache.link import READ_ONLY
from dml.dataset.bagit import payload_path, read_fetch

__all__ = ["has_metadata", "make_read_only", "read_files"]


def has_metadata(bag: Path) -> bool:
    """Whether the bag exists. An export renames it into place as its last step, so then its metadata is complete."""
    return not bag.is_symlink() and (bag / "bagit.txt").is_file()


def read_files(bag: Path) -> tuple[list[BagFile], int]:
    """The files that ``fetch.txt`` names, present when their length is correct, and the size in bytes of all others.

    Raises:
        IntegrityError: The bag is malformed.
        UnsafePathError: A path leads out of the bag, or there is a symbolic link.
    """
    files = [
        BagFile(remote.path, remote.length, remote.checksum, has_size(payload_path(bag, remote.path), remote.length))
        for remote in read_fetch(bag)
    ]
    fetched = {file.path for file in files}
    metadata = sum(
        status.st_size for path, status in walk_files(bag) if path.relative_to(bag).as_posix() not in fetched
    )
    return files, metadata


def make_read_only(bag: Path) -> None:
    """Make every file of a bag read-only."""
    for path, status in walk_files(bag):
        if status.st_mode & 0o222:
            path.chmod(READ_ONLY)
