"""The MD5 of a staged file, computed once, and again only when the file has changed.

A file that changes while it is read is an error, because the bytes uploaded later would not match the checksum.
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
from dml.workspace.file_identity import FileIdentity
from dml.workspace.files import open_regular, stat_regular

BLOCK = 1 << 20
"""Bytes read at a time."""


@dataclass(frozen=True)
class Digest:
    """A file's checksum and the identity of the file when it was computed.

    Attributes:
        md5_hex: 32 hexadecimal digits.
        identity: Size, modification time and inode.
        is_new: Whether the file was read now; False when the known checksum was still valid.
    """

    md5_hex: str
    identity: FileIdentity
    is_new: bool = True

    @property
    def length(self) -> int:
        """The file's size in bytes."""
        return self.identity.size


def file_identity(root: Path, path: Path) -> FileIdentity:
    """The current identity of a staged file; a staged link is followed to its source.

    Raises:
        NotFoundError: The file no longer exists.
        UnsafePathError: It is not a regular file, or its path passes through a link inside the workspace.
    """
    with _file_errors(path):
        return FileIdentity.of(stat_regular(root, path, follow_last=True))


def digest(
    root: Path,
    path: Path,
    *,
    known: tuple[FileIdentity, str] | None = None,
    seen: FileIdentity | None = None,
    advance: Callable[[int], None] | None = None,
) -> Digest:
    """Compute a staged file's MD5, or return the known one if the file has not changed.

    Args:
        root: The workspace.
        path: The staged file below it.
        known: The file's identity and MD5 from an earlier time.
        seen: The file's identity when its path was checked; the path is not checked again while it has this identity.
        advance: Called with the number of bytes of each block read.

    Raises:
        NotFoundError: The file no longer exists.
        IntegrityError: The file changed while it was read.
        UnsafePathError: It is not a regular file.
        RetryableError: It cannot be read.
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
            f"{safe(path)} changed while it was read",
            hint="Wait until the program that writes it has finished, then commit again.",
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
            # A descriptor with the identity that was checked is that regular file; anything else is checked again.
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
        raise NotFoundError(f"the staged file {safe(path)} is missing") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> RetryableError:
    return RetryableError(
        f"cannot read {safe(path)}: {error.strerror}", hint="Make it readable, then run the command again."
    )
