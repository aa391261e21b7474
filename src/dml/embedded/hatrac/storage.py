"""The contents of objects: one file each below ``objects/``, named by a random id.

A file belongs to an object only if a row of the object index refers to it. Before a request creates or
deletes files, it lists them in a marker file in ``pending/``, which it keeps locked until the index is
committed. An unlocked marker was left by a process that was killed: ``sweep`` removes it together with
the listed files that no row refers to.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from werkzeug.exceptions import BadRequest

_BLOCK = 1 << 20
CHECKSUMS = {"content-md5": "md5", "content-sha256": "sha256"}
"""The hash algorithm of each metadata field that is a base64 digest."""


class Readable(Protocol):
    """A request's body."""

    def read(self, size: int, /) -> bytes: ...


class Storage:
    """The files below one directory.

    Args:
        root: The directory; created if it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._pending = root / "pending"
        for directory in (self._objects, self._pending):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, file_id: str) -> Path:
        """The path of the file with an id, whether or not it exists."""
        return self._objects / file_id[:2].lower() / file_id

    def create(self, file_id: str) -> int:
        """Create the file of a new id; return its descriptor, open for reading and writing."""
        path = self.path(file_id)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _flush_directory(self._objects)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    def open(self, file_id: str, *, write: bool = False) -> int:
        """Open the file of an id and return its descriptor.

        Raises:
            FileNotFoundError: It was deleted.
        """
        return os.open(self.path(file_id), (os.O_RDWR if write else os.O_RDONLY) | os.O_NOFOLLOW)

    def make_durable(self, file_id: str, descriptor: int) -> None:
        """Flush a file and its directory entry to disk; required before a row refers to the file."""
        os.fsync(descriptor)
        _flush_directory(self.path(file_id).parent)

    @contextlib.contextmanager
    def pending(self, file_ids: list[str], is_referenced: Callable[[str], bool]) -> Iterator[None]:
        """Hold a marker that lists files while the block runs; then delete those that no row refers to.

        Args:
            file_ids: The ids of the files.
            is_referenced: Whether a committed row refers to a file.
        """
        marker, descriptor = self._mark()
        try:
            os.write(descriptor, "".join(f"{file_id}\n" for file_id in file_ids).encode())
            yield
        finally:
            self._remove_unreferenced(marker, descriptor, is_referenced)
            os.close(descriptor)

    def sweep(self, is_referenced: Callable[[str], bool]) -> int:
        """Remove the markers and unreferenced files of killed processes; return the number of markers."""
        removed = 0
        for marker in sorted(self._pending.iterdir()):
            try:
                descriptor = os.open(marker, os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                self._remove_unreferenced(marker, descriptor, is_referenced)
                removed += 1
            finally:
                os.close(descriptor)
        return removed

    def _mark(self) -> tuple[Path, int]:
        while True:
            marker = self._pending / new_id()
            descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A concurrent sweep may have removed the marker before it was locked.
            if os.fstat(descriptor).st_nlink:
                return marker, descriptor
            os.close(descriptor)

    def _remove_unreferenced(self, marker: Path, descriptor: int, is_referenced: Callable[[str], bool]) -> None:
        with open(descriptor, "rb", closefd=False) as listed:
            listed.seek(0)
            # A last line without a newline was cut short by a kill, before any file was created or deleted.
            for line in listed:
                file_id = line.decode().rstrip("\n")
                if line.endswith(b"\n") and not is_referenced(file_id):
                    self.path(file_id).unlink(missing_ok=True)
        marker.unlink(missing_ok=True)


def new_id() -> str:
    """A random id of 26 capital letters and digits, the format of Hatrac's version and job ids."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")


def receive(stream: Readable, length: int, descriptor: int, offset: int, checksums: dict[str, str]) -> None:
    """Write a request's body at an offset of a file, in blocks.

    Args:
        stream: The body.
        length: The expected length in bytes.
        descriptor: The file.
        offset: The position in the file, in bytes.
        checksums: Expected base64 digests by lower-case header name.

    Raises:
        BadRequest: The body ends early or does not match a checksum.
    """
    hashes = {name: hashlib.new(CHECKSUMS[name], usedforsecurity=False) for name in checksums}
    remaining = length
    while remaining:
        block = stream.read(min(_BLOCK, remaining))
        if not block:
            raise BadRequest(f"the body ended {remaining} bytes before its Content-Length of {length}")
        for running in hashes.values():
            running.update(block)
        _write(descriptor, block, offset)
        offset += len(block)
        remaining -= len(block)
    for name, running in hashes.items():
        if base64.b64encode(running.digest()).decode() != checksums[name]:
            raise BadRequest(f"the body does not match the {name} of the request")


def digest_of(path: Path, checksum: str) -> str:
    """The base64 digest of a file.

    Args:
        path: The file.
        checksum: ``content-md5`` or ``content-sha256``.
    """
    with path.open("rb") as file:
        running = hashlib.file_digest(file, CHECKSUMS[checksum])
    return base64.b64encode(running.digest()).decode()


class Slice:
    """Iterates over a byte range of an open file in blocks of 256 KiB; closing it closes the descriptor.

    Args:
        descriptor: The file; the slice takes ownership of it.
        start: The offset of the first byte.
        length: The number of bytes.
    """

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115
        self._start = start
        self._length = length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._length:
            raise StopIteration
        block = os.pread(self._file.fileno(), min(_BLOCK // 4, self._length), self._start)
        if not block:
            raise OSError(f"the object's file is {self._length} bytes too short")
        self._start += len(block)
        self._length -= len(block)
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _write(descriptor: int, block: bytes, offset: int) -> None:
    view = memoryview(block)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
