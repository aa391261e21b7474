"""Where the bytes of a download collect until they are whole, and how they come to their place.

Either in a temporary file beside the destination, gone when the transfer fails; or in a file that the caller names,
which stays when the transfer fails, so that the next one goes on from it.
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
    """A file to write, at its end if it holds something; it takes the destination's place when the block ends well.

    Args:
        destination: The place; replaced if it exists, untouched on failure.
        partial: The file to collect in, on the destination's file system; None for one that is removed on failure.

    Raises:
        UnsafePathError: The partial file is a symbolic link, or has another name besides.
        RetryableError: The disk is full.
        DmlError: The place cannot be written.
    """
    try:
        # A short name of its own: the destination's may already be as long as a name can be.
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
    """The file, created if need be; never one that a link leads to or that has a second name."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(part, flags, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise UnsafePathError(f"{part} is a symbolic link and is not followed", hint="Remove it.") from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise UnsafePathError(f"{part} is not a file of its own", hint="Remove it.")
    return os.fdopen(descriptor, "r+b")


def _sync_directory(directory: Path) -> None:
    """Make the rename durable; file systems that cannot do it are left to their own order."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
