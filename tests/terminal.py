"""A program on a pseudo-terminal: its screen is read, keys are typed, signals are sent."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence

import pyte

PATIENCE = 60.0
"""Seconds after which something that does not appear is a failure."""

_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Makes standard input the controlling terminal, then becomes the program."""


class TerminalSession:
    """One program on a terminal.

    Attributes:
        pid: Its process.
        shown: Everything it wrote, escape sequences included.
    """

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int, size: tuple[int, int]) -> None:
        self.pid = process.pid
        self.shown = ""
        self._process = process
        self._descriptor = descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._screen = pyte.Screen(*size)
        self._emulator = pyte.Stream(self._screen)
        self._drawn = 0

    def wait_for(self, text: str) -> None:
        """Read until a text appears after what was read before."""
        seen, limit = len(self.shown), time.monotonic() + PATIENCE
        while text not in self.shown[max(0, seen - len(text)) :]:
            assert time.monotonic() < limit, f"{text!r} never appeared in {self.shown[-4000:]!r}"
            assert self._read(), f"it ended before {text!r} appeared: {self.shown[-4000:]!r}"

    def screen(self) -> str:
        """The text on the screen now, line by line, without trailing blanks."""
        self._emulator.feed(self.shown[self._drawn :])
        self._drawn = len(self.shown)
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for_screen(self, text: str, *, without: str | None = None) -> None:
        """Read until the screen shows a text, and another one no longer."""
        limit = time.monotonic() + PATIENCE
        while text not in (screen := self.screen()) or (without is not None and without in screen):
            assert time.monotonic() < limit, f"{text!r} without {without!r} never appeared:\n{screen}"
            assert self._read(), f"it ended before {text!r} appeared:\n{screen}"

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        while self._read():
            pass
        return self._process.wait()

    def _read(self) -> bool:
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        assert waiting.poll(PATIENCE * 1000), f"nothing more appeared: {self.shown[-4000:]!r}"
        try:
            data = os.read(self._descriptor, 65_536)
        except OSError:  # on Linux the end of a terminal is an error
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)


@contextlib.contextmanager
def on_terminal(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, size: tuple[int, int] = (80, 24)
) -> Iterator[TerminalSession]:
    """Run a program on a terminal; it is killed at the end if it still runs."""
    variables = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
    descriptor, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    # Not `pty.fork`: a child forked while other threads run may wait for a lock that none of them releases there.
    launcher = [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *command]
    process = subprocess.Popen(
        launcher, stdin=terminal, stdout=terminal, stderr=terminal, env=variables, start_new_session=True
    )
    os.close(terminal)
    try:
        yield TerminalSession(process, descriptor, size)
    finally:
        process.kill()
        process.wait()
        os.close(descriptor)
