"""The file of an upload: slices of it as request bodies, and whether it changes during the upload."""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from dml.errors import DmlError, IntegrityError, NotFoundError, RetryableError, UsageError

Progress = Callable[[int], None]

_FEW = 1 << 16
"""The size in bytes up to which a body is read before it is sent."""


class SourceFile:
    """The file of an upload, whose slices count the bytes that are sent.

    Attributes:
        size: The size in bytes at the beginning of the upload.
        sent: The number of bytes counted as sent.
        failure: The error while reading the file, which the HTTP library may report as a failed connection.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path = path
        self.sent = 0
        self.failure: DmlError | None = None
        self._tell = progress
        status = self._status()
        self.size = status.st_size
        self._stamp = _stamp(status)

    def progress(self, count: int) -> None:
        """Count bytes as sent, or with a negative number as bytes to send again."""
        if count:
            self.sent += count
            self._tell(count)

    def whole(self) -> Callable[[], FileSlice | bytes]:
        """The function that makes the body of the whole file for each attempt: a stream, or bytes if they are few.

        An empty stream would be sent with chunked encoding, which Hatrac refuses (411).
        """
        make = self.body(0, self.size)
        return make if self.size > _FEW else lambda: b"".join(make())

    def body(self, start: int, length: int) -> Callable[[], FileSlice]:
        """The function that makes the stream of one slice for each attempt."""
        before = self.sent

        def make() -> FileSlice:
            if self.failure is not None:
                raise self.failure
            self.progress(before - self.sent)
            return FileSlice(self, start, length)

        return make

    def refuse_change(self) -> None:
        """Raise an IntegrityError if the file has changed since the beginning of the upload."""
        if _stamp(self._status()) != self._stamp:
            raise IntegrityError(f"{self.path} changed while it was sent", hint="Run the command again.")

    def _status(self) -> os.stat_result:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise NotFoundError(f"{self.path} is gone") from None
        except OSError as error:
            raise DmlError(f"{self.path} cannot be read: {error.strerror}") from error
        _refuse_special(status, self.path)
        return status


def _opened(path: Path) -> FileIO:
    try:
        # Without O_NONBLOCK, opening a pipe that has replaced the file would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFoundError(f"{path} is gone") from None
    except OSError as error:
        kind = RetryableError if error.errno in (errno.EMFILE, errno.ENFILE) else DmlError
        raise kind(f"{path} cannot be read: {error.strerror}") from error
    try:
        _refuse_special(os.fstat(descriptor), path)
        return FileIO(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _refuse_special(status: os.stat_result, path: Path) -> None:
    if not modes.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is not a file")


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


class FileSlice:
    """A part of a file as a request body: read while it is sent, with a known length."""

    def __init__(self, source: SourceFile, start: int, length: int) -> None:
        self._source = source
        self._length = self._left = length
        self._file = _opened(source.path)
        if not length:
            self._file.close()
        elif start:
            self._file.seek(start)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while part := self.read(1 << 18):
            yield part

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end of the slice, where the file is closed."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        if not wanted:
            return b""
        path = self._source.path
        try:
            part = self._file.read(wanted)
        except OSError as error:
            raise self._failed(DmlError(f"{path} cannot be read: {error.strerror}")) from error
        if not part:
            # The rest of the announced length cannot be sent, and the server would wait for it.
            raise self._failed(
                IntegrityError(f"{path} became shorter while it was sent", hint="Run the command again.")
            )
        self._left -= len(part)
        if not self._left:
            # A reader that knows the length stops here, so the file would stay open as long as the response's request.
            self._file.close()
        self._source.progress(len(part))
        return part

    def _failed(self, failure: DmlError) -> DmlError:
        self._file.close()
        self._source.failure = failure
        return failure
