"""What a program prints, kept in a log and shown as it comes, until the program has ended.

Processes that it leaves behind may keep its output open for as long as they please, so the end of the program ends the
reading: what it had written by then is taken, and no more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

__all__ = ["ProgramOutput"]

_BLOCK = 1 << 16


class ProgramOutput:
    """Reads a program's output in a thread of its own; a disk that fails or a reader that goes away stops nothing.

    Args:
        stream: The pipe the program writes to; closed at the end.
        log: The file that keeps all of it; written anew.
        echo: Given each block as it comes; called no more once it raised an OSError.

    Attributes:
        left_open: Whether another process still held the output when the program had ended.
        failure: Why the log is not whole; None when it is.
    """

    def __init__(self, stream: IO[bytes], log: Path, echo: Callable[[bytes], object]) -> None:
        self.left_open = False
        self.failure: OSError | None = None
        self._stream = stream
        self._log = log
        self._echo: Callable[[bytes], object] | None = echo
        self._reader, self._writer = os.pipe()
        self._thread = threading.Thread(target=self._copy, name=f"output-{log.parent.name}", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """The program has ended: take what it wrote, and read no more."""
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    def _copy(self) -> None:
        with self._stream, contextlib.ExitStack() as stack:
            kept = self._opened(stack)
            for block in self._blocks():
                if kept is not None and self.failure is None:
                    try:
                        kept.write(block)
                        kept.flush()
                    except OSError as error:
                        self.failure = error
                if self._echo is not None:
                    try:
                        self._echo(block)
                    except OSError:
                        self._echo = None

    def _opened(self, stack: contextlib.ExitStack) -> IO[bytes] | None:
        try:
            return stack.enter_context(self._log.open("wb"))
        except OSError as error:
            self.failure = error
            return None

    def _blocks(self) -> Iterator[bytes]:
        """The output until everybody has closed it, or until the program has ended and what it wrote is taken."""
        source = self._stream.fileno()
        with selectors.DefaultSelector() as waiting:
            waiting.register(source, selectors.EVENT_READ)
            waiting.register(self._reader, selectors.EVENT_READ)
            while self._reader not in {key.fd for key, _ in waiting.select()}:
                block = os.read(source, _BLOCK)
                if not block:
                    return
                yield block
            left = _waiting_bytes(source)
            while left and (block := os.read(source, min(left, _BLOCK))):
                left -= len(block)
                yield block
            # Nothing to read and yet ready is the end: everybody has closed it.
            ready = any(key.fd == source for key, _ in waiting.select(0))
            self.left_open = not ready or _waiting_bytes(source) > 0


def _waiting_bytes(descriptor: int) -> int:
    """Bytes in a pipe that can be read now."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))
    return int(count)
