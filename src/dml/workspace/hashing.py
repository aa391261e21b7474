"""The MD5 of a staged file, computed once and again only when the file has changed.

A file is recognised by size, modification time and inode. A file that changes while it is read has no checksum: that is
an error, since the bytes that go up later would be others.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dml.errors import IntegrityError, NotFoundError, RetryableError
from dml.safe_text import safe
from dml.workspace.assets import FileIdentity
from dml.workspace.files import look_at_regular, open_regular

BLOCK = 1 << 20
"""Bytes read at a time."""


@dataclass(frozen=True)
class Digest:
    """A file's checksum and what the file was when it was computed.

    Attributes:
        md5_hex: 32 hexadecimal digits.
        identity: Size, modification time and inode.
        is_new: Whether the file was read for it now.
    """

    md5_hex: str
    identity: FileIdentity
    is_new: bool = True

    @property
    def length(self) -> int:
        """Bytes."""
        return self.identity.size


def identity_of(root: Path, path: Path) -> FileIdentity:
    """What a staged file is now; a staged link is followed to its source.

    Raises:
        NotFoundError: It is not there any more.
        UnsafePathError: It is no regular file, or lies behind a link inside the workspace.
    """
    with _file_errors(path):
        return FileIdentity.of(look_at_regular(root, path, follow_last=True))


def digest(
    root: Path,
    path: Path,
    *,
    known: tuple[FileIdentity, str] | None = None,
    seen: FileIdentity | None = None,
    advance: Callable[[int], None] | None = None,
) -> Digest:
    """Compute a staged file's MD5, or return the known one when the file has not changed since.

    Args:
        root: The workspace.
        path: The staged file below it.
        known: What the file was and its MD5, from an earlier time.
        seen: What the file was when its path was looked at; while it is that, the path is not walked again.
        advance: Told the number of bytes of each block read.

    Raises:
        NotFoundError: It is not there any more.
        IntegrityError: It changed while it was read.
        UnsafePathError: It is no regular file.
        RetryableError: It could not be read.
    """
    descriptor = _open(root, path, seen)
    try:
        before = FileIdentity.of(os.fstat(descriptor))
        if known is not None and known[0] == before:
            return Digest(known[1], before, is_new=False)
        md5_hex, count = _md5(descriptor, advance)
        after = FileIdentity.of(os.fstat(descriptor))
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if before != after or count != after.size:
        raise IntegrityError(
            f"{safe(path)} changed while it was read", hint="Let the program that writes it finish, then commit again."
        )
    return Digest(md5_hex, after)


def _md5(descriptor: int, advance: Callable[[int], None] | None) -> tuple[str, int]:
    md5, count = hashlib.md5(usedforsecurity=False), 0
    while block := os.read(descriptor, BLOCK):
        md5.update(block)
        count += len(block)
        if advance is not None:
            advance(len(block))
    return md5.hexdigest(), count


def _open(root: Path, path: Path, seen: FileIdentity | None) -> int:
    with _file_errors(path):
        if seen is not None:
            # What has the inode that was looked at is the regular file it was; anything else goes the whole way.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            if FileIdentity.of(os.fstat(descriptor)) == seen:
                return descriptor
            os.close(descriptor)
        return open_regular(root, path, follow_last=True)


@contextlib.contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"The staged file {safe(path)} is missing") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> RetryableError:
    return RetryableError(f"{safe(path)} cannot be read: {error.strerror}", hint="Make it readable, then try again.")
