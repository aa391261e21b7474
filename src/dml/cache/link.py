"""Giving a run a file of the cache so that it cannot change the cache and clearing the cache cannot take it away.

In this order: a reflink (a copy that shares its blocks until one is written; FICLONE of ioctl_ficlone(2)), a hard link
to the read-only file, and across file systems, or where links are not possible, a copy. The file appears in its place
whole, in one step, and read-only.

A mode keeps out who asks politely, not root and not the owner after a chmod. Files whose every change is noticed (those
that ``files`` watches) may be hard links all the same; everything else is given as a reflink or a copy.
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

from dml.errors import DmlError, RetryableError, UnsafePathError
from dml.safe_text import safe

__all__ = ["READ_ONLY", "Linked", "link_file", "link_tree"]

READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
"""The mode of every file in the cache."""

_FICLONE = 0x40049409
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES, errno.ENOSYS)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Linked(StrEnum):
    """How a file came to its place."""

    REFLINK = "reflink"
    HARD_LINK = "hard link"
    COPY = "copy"


def link_file(source: Path, destination: Path, *, hard: bool = True) -> Linked:
    """Give ``destination`` the bytes of a cached file; what is there is replaced. Its directory must exist.

    Args:
        source: The cached file.
        destination: Its place.
        hard: Whether it may be a hard link.

    Raises:
        UnsafePathError: The source is a symbolic link or no regular file.
        RetryableError: The disk is full.
        DmlError: The place cannot be written.
    """
    temporary = destination.with_name(f".dml-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        try:
            reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise UnsafePathError(f"{safe(source)} is a symbolic link and is not followed") from error
            raise
        try:
            if not stat.S_ISREG(os.fstat(reading).st_mode):
                raise UnsafePathError(f"{safe(source)} is not a regular file")
            how = _bring(reading, source, temporary, hard=hard)
        finally:
            os.close(reading)
        temporary.replace(destination)
        # Two names of one file: rename(2) leaves both as they are then.
        temporary.unlink(missing_ok=True)
        return how
    except OSError as error:
        if error.errno in _FULL:
            hint = "Make room (`dml cache clear --keep SIZE`) and run it again."
            raise RetryableError(f"The disk is full: {safe(destination)} cannot be written", hint=hint) from error
        raise DmlError(f"{safe(destination)} cannot be made: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def link_tree(source: Path, destination: Path, hard: Collection[str]) -> int:
    """Give ``destination`` (a directory that does not exist) every file of a cached directory; returns their number.

    Made beside its place and renamed, so that it is there whole or not at all.

    Args:
        source: The cached directory.
        destination: Its place.
        hard: The files that may be hard links, relative to the directory.

    Raises:
        As :func:`link_file`; also UnsafePathError when the source holds a symbolic link.
    """
    staging = destination.with_name(f".dml-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        try:
            number = _tree(source, staging, "", hard)
            staging.rename(destination)
        except OSError as error:
            raise DmlError(f"{safe(destination)} cannot be made: {error.strerror or error}") from error
        return number
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _tree(source: Path, destination: Path, above: str, hard: Collection[str]) -> int:
    destination.mkdir(parents=True)
    number = 0
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.is_dir(follow_symlinks=False):
                number += _tree(Path(entry.path), destination / entry.name, f"{above}{entry.name}/", hard)
            else:
                link_file(Path(entry.path), destination / entry.name, hard=f"{above}{entry.name}" in hard)
                number += 1
    return number


def _bring(reading: int, source: Path, temporary: Path, *, hard: bool) -> Linked:
    if _reflinked(reading, temporary):
        return Linked.REFLINK
    if hard and _linked(reading, source, temporary):
        return Linked.HARD_LINK
    with os.fdopen(os.dup(reading), "rb") as reader, temporary.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        _seal(writer.fileno())
    return Linked.COPY


def _linked(reading: int, source: Path, temporary: Path) -> bool:
    try:
        if stat.S_IMODE(os.fstat(reading).st_mode) & 0o222:
            os.fchmod(reading, READ_ONLY)
        os.link(source, temporary, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    if not os.path.samestat(os.lstat(temporary), os.fstat(reading)):
        raise UnsafePathError(f"{safe(source)} was replaced while it was linked")
    return True


def _reflinked(reading: int, temporary: Path) -> bool:
    with temporary.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reading)
        except OSError:
            os.unlink(temporary)  # noqa: PTH108 - within the block, by the name it was made with
            return False
        _seal(writer.fileno())
    return True


def _seal(descriptor: int) -> None:
    os.fchmod(descriptor, READ_ONLY)
    os.fsync(descriptor)
