"""Bringing a file into its staged place: as a link to its source, a copy, a hard link, or moved there.

Nothing that is there is ever overwritten or written through. A copy appears whole or not at all, and is synced before
it appears; a link is made in one step.
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


class Method(StrEnum):
    """How a file came to its staged place; the values are those of the registry."""

    SYMLINK = "symlink"
    COPY = "copy"
    LINK = "link"
    MOVE = "move"
    WRITTEN = "written"


def source_identity(source: Path) -> FileIdentity:
    """What a file to be staged is.

    Raises:
        NotFoundError: It does not exist.
        UsageError: It is no regular file.
    """
    try:
        status = source.stat()
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {safe(source)}") from error
    except OSError as error:
        raise DmlError(f"{safe(source)} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{safe(source)} is not a regular file", hint="Give a file, or a directory with --recursive.")
    return FileIdentity.of(status)


def place(root: Path, destination: Path, source: Path, method: Method) -> None:
    """Bring ``source`` to ``destination`` below ``root``; done already counts as done.

    Raises:
        ConflictError: Something else is in its place.
        RetryableError: The disk is full.
        DmlError: The source cannot be read, or the workspace not be written.
    """
    try:
        make_directory(root, destination.parent)
        check_inside(root, destination, last_may_be_link=True)
        if not _is_placed(destination, source, method):
            _bring(destination, source, method)
    except OSError as error:
        raise disk_error(destination, error) from error


def move_out(staged: Path, destination: Path) -> None:
    """Move a staged file back to a place of the user's where nothing is.

    Raises:
        DmlError: The place cannot be written.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _bring(destination, staged, Method.MOVE)
    except OSError as error:
        raise disk_error(destination, error) from error


def remove_placed(root: Path, destination: Path) -> None:
    """Remove a staged file, or the link to its source; the source stays. Nothing there is fine."""
    check_inside(root, destination, last_may_be_link=True)
    with disk_errors(destination):
        destination.unlink(missing_ok=True)


def _is_placed(destination: Path, source: Path, method: Method) -> bool:
    if not os.path.lexists(destination):
        return False
    if method is Method.SYMLINK and destination.is_symlink() and destination.readlink() == source:
        return True
    if method is Method.MOVE and not source.exists() and destination.is_file():
        return True
    if (
        not destination.is_symlink()
        and method in (Method.COPY, Method.LINK, Method.MOVE)
        and _same_bytes(destination, source)
    ):
        if method is Method.MOVE:
            source.unlink()
        return True
    raise ConflictError(
        f"{safe(destination)} is in the way of {safe(source)}", hint="Stage it under another name, with --as NAME."
    )


def _bring(destination: Path, source: Path, method: Method) -> None:
    if method is Method.SYMLINK:
        destination.symlink_to(source)
    elif (method is Method.MOVE and _renamed(source, destination)) or (
        method is Method.LINK and _hard_linked(source, destination)
    ):
        pass
    else:
        _copy(source, destination)
        if method is Method.MOVE:
            source.unlink()


def _renamed(source: Path, destination: Path) -> bool:
    """Move within one file system, without replacing anything; False when that is not possible."""
    if source.is_symlink() or not _hard_linked(source, destination):
        return False
    source.unlink()
    return True


def _hard_linked(source: Path, destination: Path) -> bool:
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            return False
        raise
    return True


def _copy(source: Path, destination: Path) -> None:
    """Copy by way of a temporary name, which is linked to the final one: an existing file is never replaced."""
    temporary = destination.with_name(f".dml-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
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
    with first.open("rb") as one, second.open("rb") as other:
        while True:
            block = one.read(1 << 20)
            if block != other.read(1 << 20):
                return False
            if not block:
                return True
