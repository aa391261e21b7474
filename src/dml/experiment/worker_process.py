"""Runs the composition worker: a process group of its own, its pipes read with bounds, ended when its time is up."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dml.errors import DmlError
from dml.safe_text import safe

__all__ = ["Ended", "clean_environment", "run_worker"]

WORKER: Final = Path(__file__).with_name("compose_worker.py")
_LARGEST_ANSWER: Final = 256 << 20
_KEPT_OUTPUT: Final = 16 << 10
_GRACE: Final = 2.0
"""Seconds beyond the worker's own time, in which it says where it was."""


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    Attributes:
        answer: Its JSON document; None when it gave none.
        printed: The last of what the user's modules printed.
        stack: Where the code was when its time was up, as Python prints it; empty otherwise.
        code: The exit code; negative for a signal.
        timed_out: Whether the time was up.
    """

    answer: dict[str, Any] | None
    printed: str
    stack: str
    code: int
    timed_out: bool


def clean_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without what would lead another interpreter astray: ``VIRTUAL_ENV`` and ``PYTHON*``."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("PYTHON", "__PYVENV")) and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
    }


def run_worker(interpreter: Path, request: Mapping[str, Any], *, cwd: Path, seconds: float) -> Ended:
    """Run the worker on a request to its end, and end everything it started.

    Args:
        interpreter: The project's Python.
        request: As ``compose_worker`` takes it; ``seconds`` is added.
        cwd: The working directory.
        seconds: How long it may take.

    Raises:
        DmlError: The interpreter cannot be started.
    """
    answer_read, answer_write = os.pipe()
    stack_read, stack_write = os.pipe()
    command = [str(interpreter), "-B", str(WORKER), str(answer_write), str(stack_write)]
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(answer_write, stack_write),
            start_new_session=True,
        )
    except OSError as error:
        for descriptor in (answer_read, stack_read):
            os.close(descriptor)
        raise DmlError(
            f"{safe(interpreter)} cannot be started: {error.strerror}", hint="Name a Python with --python."
        ) from error
    finally:
        os.close(answer_write)
        os.close(stack_write)
    sent = json.dumps({**request, "seconds": seconds}).encode()
    with contextlib.closing(_Reader(process, answer_read, stack_read)) as reader:
        timed_out = reader.talk(sent, seconds + _GRACE)
        code = process.wait()
        stack = reader.text("stack")
        return Ended(
            answer=reader.answer(),
            printed=reader.text("printed"),
            stack=stack,
            code=code,
            timed_out=timed_out or bool(stack.strip()),
        )


class _Reader:
    """What comes through the three pipes: the answer whole, of the rest the last part."""

    def __init__(self, process: subprocess.Popen[bytes], answer: int, stack: int) -> None:
        self._process = process
        assert process.stdout is not None  # noqa: S101 - both are pipes
        self._printed = process.stdout
        self._own = [answer, stack]
        self._received = {"answer": bytearray(), "stack": bytearray(), "printed": bytearray()}
        self._selector = selectors.DefaultSelector()
        for descriptor, name in ((answer, "answer"), (stack, "stack"), (self._printed.fileno(), "printed")):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, name)

    def talk(self, sent: bytes, seconds: float) -> bool:
        """Send the request and read until the process has ended; True when it had to be killed."""
        end = time.monotonic() + seconds
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(sent)
            self._process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        killed = False
        try:
            while self._process.poll() is None:
                left = end - time.monotonic()
                if left <= 0:
                    killed = True
                    break
                self._read(min(left, 0.2))
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while self._read(0):
            pass
        return killed

    def _read(self, wait: float) -> bool:
        ready = self._selector.select(wait)
        for key, _ in ready:
            try:
                part = os.read(key.fd, 1 << 16)
            except BlockingIOError:
                continue
            if not part:
                self._selector.unregister(key.fd)
                continue
            kept = self._received[key.data]
            kept += part
            if key.data == "answer" and len(kept) > _LARGEST_ANSWER:
                raise DmlError("The composed configuration is larger than any configuration is")
            if key.data != "answer" and len(kept) > 2 * _KEPT_OUTPUT:
                del kept[:-_KEPT_OUTPUT]
        return bool(ready) and bool(self._selector.get_map())

    def answer(self) -> dict[str, Any] | None:
        """The JSON document, if it is whole."""
        try:
            document = json.loads(self._received["answer"])
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    def text(self, name: str) -> str:
        """What came through a pipe, as text."""
        return self._received[name][-_KEPT_OUTPUT:].decode(errors="replace")

    def close(self) -> None:
        """Close the pipes."""
        self._selector.close()
        self._printed.close()
        for descriptor in self._own:
            os.close(descriptor)
