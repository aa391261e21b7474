"""Gives a run files of the cache so that it cannot change the cache and clearing the cache takes nothing from it.

Three ways are tried in this order: a reflink (a copy that shares its blocks until one is written; FICLONE of
ioctl_ficlone(2)), a hard link to the read-only file, and a copy, which always works. The file appears complete, in one
step, and read-only.

A file mode stops neither root nor the owner after a chmod. Only files whose changes are noticed (those that
``bag_files`` watches) may therefore be hard links; all others are reflinked or copied.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from dml.dataset.bagit import read_fetch
from dml.errors import ConflictError, DmlError, RetryableError, UnsafePathError
from dml.safe_text import safe

__all__ = ["READ_ONLY", "LinkMethod", "link_bag", "link_file", "link_tree"]

READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
"""The mode of every file in the cache."""

_FICLONE = 0x40049409
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES, errno.ENOSYS)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class LinkMethod(StrEnum):
    """How a file was provided."""

    REFLINK = "reflink"
    HARD_LINK = "hard link"
    COPY = "copy"


def link_file(source: Path, destination: Path, *, hard: bool = True) -> LinkMethod:
    """Provide a cached file at ``destination``, replacing what is there; its directory must exist.

    Args:
        source: The cached file.
        destination: The new file.
        hard: Whether it may be a hard link.

    Raises:
        UnsafePathError: The source is a symbolic link or not a regular file.
        RetryableError: The disk is full.
        DmlError: The destination cannot be written.
    """
    temporary = destination.with_name(f".dml-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise UnsafePathError(f"{safe(source)} is a symbolic link and is not followed") from error
            raise
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnsafePathError(f"{safe(source)} is not a regular file")
            method = _provide(descriptor, source, temporary, hard=hard)
        finally:
            os.close(descriptor)
        temporary.replace(destination)
        # rename(2) does nothing when both names are links to the same file; then the temporary name is still there.
        temporary.unlink(missing_ok=True)
        return method
    except OSError as error:
        if error.errno in _FULL:
            hint = "Free some space (`dml cache clear --keep SIZE`) and run the command again."
            raise RetryableError(f"The disk is full: {safe(destination)} cannot be written", hint=hint) from error
        raise DmlError(f"Cannot create {safe(destination)}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def link_bag(bag: Path, destination: Path) -> int:
    """Provide a cached bag as a directory of its own; returns the number of files.

    Its fetched files may be hard links, since the cache notices when they change; its metadata is reflinked or copied.

    Args:
        bag: The cached bag.
        destination: A path that does not exist; its parent must.

    Raises:
        ConflictError: The destination exists.
        UnsafePathError: The bag holds a symbolic link.
        DmlError: The destination cannot be written.
    """
    if destination.is_symlink() or destination.exists():
        raise ConflictError(f"{destination} already exists", hint="Choose another path.")
    return link_tree(bag, destination, hard={remote.path for remote in read_fetch(bag)})


def link_tree(source: Path, destination: Path, hard: Collection[str]) -> int:
    """Provide every file of a cached directory below ``destination``, a path that does not exist.

    The tree is built beside it and renamed, so it appears complete or not at all. Returns the number of files.

    Args:
        source: The cached directory.
        destination: The new directory.
        hard: Files that may be hard links, relative to the directory.

    Raises:
        As :func:`link_file`; also UnsafePathError when the source holds a symbolic link.
    """
    staging = destination.with_name(f".dml-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        count = _link_directory(source, staging, "", hard)
        staging.rename(destination)
        return count
    except OSError as error:
        raise DmlError(f"Cannot create {safe(destination)}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _link_directory(source: Path, destination: Path, prefix: str, hard: Collection[str]) -> int:
    destination.mkdir(parents=True)
    count = 0
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                count += _link_directory(Path(entry.path), destination / entry.name, f"{name}/", hard)
            else:
                link_file(Path(entry.path), destination / entry.name, hard=name in hard)
                count += 1
    return count


def _provide(descriptor: int, source: Path, temporary: Path, *, hard: bool) -> LinkMethod:
    if _reflink(descriptor, temporary):
        return LinkMethod.REFLINK
    if hard and _hard_link(descriptor, source, temporary):
        return LinkMethod.HARD_LINK
    with os.fdopen(os.dup(descriptor), "rb") as reader, temporary.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        _finish(writer.fileno())
    return LinkMethod.COPY


def _hard_link(descriptor: int, source: Path, temporary: Path) -> bool:
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o222:
            os.fchmod(descriptor, READ_ONLY)
        os.link(source, temporary, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    # link(2) takes a path: another file may have taken it since the descriptor was opened and checked.
    if not os.path.samestat(os.lstat(temporary), os.fstat(descriptor)):
        raise UnsafePathError(f"{safe(source)} was replaced while it was being linked")
    return True


def _reflink(descriptor: int, temporary: Path) -> bool:
    with temporary.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, descriptor)
        except OSError:
            os.unlink(temporary)  # noqa: PTH108 - within the block, by the name it was created with
            return False
        _finish(writer.fileno())
    return True


def _finish(descriptor: int) -> None:
    os.fchmod(descriptor, READ_ONLY)
    os.fsync(descriptor)
