"""Placing a file at its staged path: as a symbolic link, a copy, a hard link, or by moving it.

An existing file is never overwritten or written through. A copy appears as a whole or not at all, and is synced to disk
before it appears; a link is made in one step.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from enum import StrEnum
from pathlib import Path

from dml.errors import ConflictError, DmlError, NotFoundError, UsageError
from dml.safe_text import safe
from dml.workspace.file_identity import FileIdentity
from dml.workspace.files import check_inside, disk_error, disk_errors, make_directory

_BLOCK = 1 << 20


class Method(StrEnum):
    """How a file got to its staged path; the values are stored in the registry."""

    SYMLINK = "symlink"
    COPY = "copy"
    LINK = "link"
    MOVE = "move"
    WRITTEN = "written"


def source_identity(source: Path) -> FileIdentity:
    """Size, time of modification and inode of a file to be staged.

    Raises:
        NotFoundError: It does not exist.
        UsageError: It is not a regular file.
    """
    try:
        status = source.stat()
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {safe(source)}") from error
    except OSError as error:
        raise DmlError(f"{safe(source)} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{safe(source)} is not a regular file", hint="Give a regular file.")
    return FileIdentity.of(status)


def place(root: Path, destination: Path, source: Path, method: Method) -> None:
    """Place ``source`` at ``destination`` below ``root``; a file that is placed already stays unchanged.

    Raises:
        ConflictError: The destination is another file.
        RetryableError: The disk is full.
        DmlError: The source cannot be read, or the workspace cannot be written.
    """
    try:
        make_directory(root, destination.parent)
        check_inside(root, destination, last_may_be_link=True)
        if not _is_placed(destination, source, method):
            _transfer(destination, source, method)
    except OSError as error:
        raise disk_error(destination, error) from error


def move_out(staged: Path, destination: Path) -> None:
    """Move a staged file to a path outside the workspace that does not exist.

    Raises:
        DmlError: The destination cannot be written.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _transfer(destination, staged, Method.MOVE)
    except OSError as error:
        raise disk_error(destination, error) from error


def remove_placed(root: Path, destination: Path) -> None:
    """Remove a staged file, or the link to its source, if it exists; the source stays."""
    check_inside(root, destination, last_may_be_link=True)
    with disk_errors(destination):
        destination.unlink(missing_ok=True)


def _is_placed(destination: Path, source: Path, method: Method) -> bool:
    """Whether the destination is the file to place; finishes an interrupted move.

    Raises:
        ConflictError: The destination is another file.
    """
    if not os.path.lexists(destination):
        return False
    is_link = destination.is_symlink()
    if method is Method.SYMLINK and is_link and destination.readlink() == source:
        return True
    if method is Method.MOVE and not source.exists() and destination.is_file():
        return True
    if not is_link and method in (Method.COPY, Method.LINK, Method.MOVE) and _same_bytes(destination, source):
        if method is Method.MOVE:
            source.unlink()
        return True
    raise ConflictError(
        f"{safe(destination)} is in the way of {safe(source)}", hint="Stage it under another name, with --as NAME."
    )


def _transfer(destination: Path, source: Path, method: Method) -> None:
    if method is Method.SYMLINK:
        destination.symlink_to(source)
        return
    if method is Method.MOVE and _renamed(source, destination):
        return
    if method is Method.LINK and _hard_linked(source, destination):
        return
    _copy(source, destination)
    if method is Method.MOVE:
        source.unlink()


def _renamed(source: Path, destination: Path) -> bool:
    """Move within one file system without replacing anything; False when that is not possible.

    ``rename(2)`` would replace an existing file, so the new name is linked and the old one removed.
    """
    if source.is_symlink() or not _hard_linked(source, destination):
        return False
    source.unlink()
    return True


def _hard_linked(source: Path, destination: Path) -> bool:
    """Make a hard link; False where the file system does not support it."""
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            return False
        raise
    return True


def _copy(source: Path, destination: Path) -> None:
    """Copy to a temporary name and link that to the final one, which never replaces an existing file."""
    temporary = destination.with_name(f".dml-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            shutil.copyfileobj(reader, writer, _BLOCK)
            writer.flush()
            os.fsync(writer.fileno())
        shutil.copystat(source, temporary)
        os.link(temporary, destination)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _same_bytes(first: Path, second: Path) -> bool:
    if not second.is_file() or first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as first_stream, second.open("rb") as second_stream:
        while block := first_stream.read(_BLOCK):
            if block != second_stream.read(_BLOCK):
                return False
    return True
