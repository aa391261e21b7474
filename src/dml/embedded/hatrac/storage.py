"""The bytes of objects: one file each, named by an id of ours, below ``objects/``.

A file is an object only when a row says so; there is no other mark of completeness. While it is
undecided whether a row wants some files, a marker in ``pending/`` lists them, locked by the process
at work. A marker without a holder is what a killed process left: ``sweep`` removes it, and those of
its files that no row wants.
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
"""The metadata that is a base64 digest, and the algorithm of each."""


class Readable(Protocol):
    """A request's body."""

    def read(self, size: int, /) -> bytes: ...


class Storage:
    """The files below one directory.

    Args:
        root: The directory; made here.
    """

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._pending = root / "pending"
        for directory in (self._objects, self._pending):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, file_id: str) -> Path:
        """Where the bytes of a file id are, or will be."""
        return self._objects / file_id[:2].lower() / file_id

    def create(self, file_id: str) -> int:
        """Make the file of a new id; its descriptor, for reading and writing."""
        path = self.path(file_id)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _flush_directory(self._objects)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    def open(self, file_id: str, *, write: bool = False) -> int:
        """Open the file of an id; its descriptor.

        Raises:
            FileNotFoundError: It was deleted.
        """
        return os.open(self.path(file_id), (os.O_RDWR if write else os.O_RDONLY) | os.O_NOFOLLOW)

    def make_durable(self, file_id: str, descriptor: int) -> None:
        """Bring a file's bytes and its name to the disk; to be done before a row may want it."""
        os.fsync(descriptor)
        _flush_directory(self.path(file_id).parent)

    @contextlib.contextmanager
    def undecided(self, file_ids: list[str], is_wanted: Callable[[str], bool]) -> Iterator[None]:
        """Hold a marker of files while they and their rows change; afterwards keep what a row wants.

        Args:
            file_ids: The files.
            is_wanted: Whether a committed row wants a file.
        """
        marker, descriptor = self._mark()
        try:
            os.write(descriptor, "".join(f"{file_id}\n" for file_id in file_ids).encode())
            yield
        finally:
            self._settle(marker, descriptor, is_wanted)
            os.close(descriptor)

    def sweep(self, is_wanted: Callable[[str], bool]) -> int:
        """Settle what killed processes left; how many files that were."""
        settled = 0
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
                self._settle(marker, descriptor, is_wanted)
                settled += 1
            finally:
                os.close(descriptor)
        return settled

    def _mark(self) -> tuple[Path, int]:
        while True:
            marker = self._pending / new_id()
            descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A sweep may have taken the empty marker for a leftover before we held it.
            if os.fstat(descriptor).st_nlink:
                return marker, descriptor
            os.close(descriptor)

    def _settle(self, marker: Path, descriptor: int, is_wanted: Callable[[str], bool]) -> None:
        with open(descriptor, "rb", closefd=False) as listed:
            listed.seek(0)
            # A last line without its end was cut short by a kill, before any of the files was touched.
            for line in listed:
                file_id = line.decode().rstrip("\n")
                if line.endswith(b"\n") and not is_wanted(file_id):
                    self.path(file_id).unlink(missing_ok=True)
        marker.unlink(missing_ok=True)


def new_id() -> str:
    """A random id of 26 capital letters and digits, as Hatrac gives to versions and jobs."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")


def receive(stream: Readable, length: int, descriptor: int, offset: int, checksums: dict[str, str]) -> None:
    """Write a request's body at an offset of a file, in blocks.

    Args:
        stream: The body.
        length: How many bytes it must have.
        descriptor: The file.
        offset: Where in it the body goes, in bytes.
        checksums: Base64 digests by their header's name, lower case.

    Raises:
        BadRequest: The body ends early, or has another checksum.
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
            raise BadRequest(f"the body does not have the {name} that the request says")


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
    """The bytes of a slice of an open file, in blocks of 256 KiB; closing it closes the descriptor.

    Args:
        descriptor: The file; this object's from now on.
        start: The first byte.
        length: How many bytes.
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
            raise OSError(f"the object's file ends {self._length} bytes too early")
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
