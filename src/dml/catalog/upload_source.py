"""The file that is being sent: slices of it as bodies of requests, and whether it changed meanwhile."""

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
"""Bytes up to which a body is read before it is sent."""


class SourceFile:
    """The file being sent: its size when the sending began, and slices of it that count their bytes.

    Attributes:
        size: Bytes when the sending began.
        sent: Bytes counted as sent.
        failure: Why it cannot be read on; whoever reads the body may have taken it for a fault of its own.
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
        """Count bytes as sent, or with a negative number as to be sent again."""
        if count:
            self.sent += count
            self._tell(count)

    def whole(self) -> Callable[[], FileSlice | bytes]:
        """What makes the body that holds all of it, anew for each try: a stream, or the bytes where they are few.

        A stream without bytes would go out chunked, which Hatrac refuses (411).
        """
        make = self.body(0, self.size)
        return make if self.size > _FEW else lambda: b"".join(make())

    def body(self, start: int, length: int) -> Callable[[], FileSlice]:
        """What makes a stream of one slice, anew for each try."""
        before = self.sent

        def make() -> FileSlice:
            if self.failure is not None:
                raise self.failure
            self.progress(before - self.sent)
            return FileSlice(self, start, length)

        return make

    def refuse_change(self) -> None:
        """Raise an IntegrityError that says so if the file is not what it was when the sending began."""
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
        # Without O_NONBLOCK, opening a pipe that took the file's place would wait for a writer.
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
    """A part of a file as a request's body: read as it is sent, its length known beforehand."""

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
        """The next bytes; empty at the slice's end, where the file is closed."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        if not wanted:
            return b""
        path = self._source.path
        try:
            part = self._file.read(wanted)
        except OSError as error:
            raise self._failed(DmlError(f"{path} cannot be read: {error.strerror}")) from error
        if not part:
            # The announced length cannot be met; without this the server would wait for the rest.
            raise self._failed(
                IntegrityError(f"{path} became shorter while it was sent", hint="Run the command again.")
            )
        self._left -= len(part)
        if not self._left:
            # Who knows the length reads no further; the descriptor would stay open with the answer's request.
            self._file.close()
        self._source.progress(len(part))
        return part

    def _failed(self, failure: DmlError) -> DmlError:
        self._file.close()
        self._source.failure = failure
        return failure
