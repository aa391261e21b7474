"""Writing a downloaded file atomically: the bytes go to another file, which is renamed when it is complete.

That file is either a temporary one next to the destination, removed when the transfer fails, or one that the caller
names and that is kept, so that the next transfer resumes from it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from requests import RequestException

from dml.errors import DmlError, RetryableError, UnsafePathError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def placed(destination: Path, partial: Path | None = None) -> Iterator[BinaryIO]:
    """A file to append to, renamed to the destination when the block ends without an error.

    Args:
        destination: The final path; replaced if it exists, unchanged on failure.
        partial: The file to write, on the destination's file system; None for a temporary one, removed on failure.

    Raises:
        UnsafePathError: The partial file is a symbolic link, or has a second name (a hard link).
        RetryableError: The disk is full.
        DmlError: The file cannot be written.
    """
    try:
        # A short name, because the destination's may already have the greatest length of a name.
        part = partial or destination.parent / f".dml-{secrets.token_hex(8)}.part"
        try:
            with _opened(part) as file:
                file.seek(0, os.SEEK_END)
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(destination)
        except BaseException:
            if partial is None:
                with contextlib.suppress(OSError):
                    part.unlink()
            raise
        _sync_directory(destination.parent)
    except RequestException:
        raise
    except OSError as error:
        full = error.errno in _FULL
        kind = RetryableError if full else DmlError
        hint = "Free some space and run the command again." if full else ""
        raise kind(f"{destination} cannot be written: {error.strerror or error}", hint=hint) from error


def _opened(part: Path) -> BinaryIO:
    """The open file, created if it does not exist; links and files with a second name are refused."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(part, flags, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise UnsafePathError(f"{part} is a symbolic link, which is not followed", hint="Remove it.") from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise UnsafePathError(f"{part} is not a regular file with a single name", hint="Remove it.")
    return os.fdopen(descriptor, "r+b")


def _sync_directory(directory: Path) -> None:
    """Make the rename durable, where the file system can sync a directory."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
