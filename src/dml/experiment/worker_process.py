"""Run the composition worker in its own process group, with bounded output and a time limit."""

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

__all__ = ["WorkerResult", "clean_environment", "run_worker"]

WORKER: Final = Path(__file__).with_name("compose_worker.py")
_LARGEST_ANSWER: Final = 256 << 20
_KEPT_OUTPUT: Final = 16 << 10
_GRACE: Final = 2.0
"""Seconds after the worker's time limit in which it can report where its code was."""


@dataclass(frozen=True)
class WorkerResult:
    """The result of a worker.

    Attributes:
        answer: Its JSON document; None when it sent none.
        printed: The last part of what the user's modules printed.
        stack: The traceback at the time limit, as Python prints it; empty otherwise.
        code: The exit code; negative for a signal.
        timed_out: Whether the worker reached its time limit.
    """

    answer: dict[str, Any] | None
    printed: str
    stack: str
    code: int
    timed_out: bool


def clean_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without variables that affect another interpreter, such as ``VIRTUAL_ENV``, ``PYTHON*``."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("PYTHON", "__PYVENV")) and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
    }


def run_worker(interpreter: Path, request: Mapping[str, Any], *, cwd: Path, seconds: float) -> WorkerResult:
    """Run the worker on a request, and end every process it started.

    Args:
        interpreter: The project's Python interpreter.
        request: The request of ``compose_worker`` without ``seconds``, which is added.
        cwd: The working directory.
        seconds: The time limit.

    Raises:
        DmlError: The interpreter cannot be started, or the answer is too large.
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
            f"cannot start {safe(interpreter)}: {error.strerror}", hint="Choose a Python interpreter with --python."
        ) from error
    finally:
        os.close(answer_write)
        os.close(stack_write)
    document = json.dumps({**request, "seconds": seconds}).encode()
    with contextlib.closing(_Pipes(process, answer_read, stack_read)) as pipes:
        timed_out = pipes.communicate(document, seconds + _GRACE)
        code = process.wait()
        stack = pipes.text("stack")
        return WorkerResult(
            answer=pipes.answer(),
            printed=pipes.text("printed"),
            stack=stack,
            code=code,
            timed_out=timed_out or bool(stack.strip()),
        )


class _Pipes:
    """The three pipes from the worker; the answer is kept whole, of the others the last part."""

    def __init__(self, process: subprocess.Popen[bytes], answer: int, stack: int) -> None:
        self._process = process
        assert process.stdout is not None  # noqa: S101 - both are pipes
        self._printed = process.stdout
        self._descriptors = [answer, stack]
        self._received = {"answer": bytearray(), "stack": bytearray(), "printed": bytearray()}
        self._selector = selectors.DefaultSelector()
        for descriptor, name in ((answer, "answer"), (stack, "stack"), (self._printed.fileno(), "printed")):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, name)

    def communicate(self, document: bytes, seconds: float) -> bool:
        """Send the request and read until the process has ended; return whether it had to be killed."""
        end = time.monotonic() + seconds
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(document)
            self._process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        killed = False
        try:
            while self._process.poll() is None:
                remaining = end - time.monotonic()
                if remaining <= 0:
                    killed = True
                    break
                self._read(min(remaining, 0.2))
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
            received = self._received[key.data]
            received += part
            if key.data == "answer" and len(received) > _LARGEST_ANSWER:
                raise DmlError(f"the composed configuration is larger than {_LARGEST_ANSWER >> 20} MiB")
            if key.data != "answer" and len(received) > 2 * _KEPT_OUTPUT:
                del received[:-_KEPT_OUTPUT]
        return bool(ready) and bool(self._selector.get_map())

    def answer(self) -> dict[str, Any] | None:
        """The JSON document; None when it is incomplete."""
        try:
            document = json.loads(self._received["answer"])
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    def text(self, name: str) -> str:
        """The last output of a pipe, as text."""
        return self._received[name][-_KEPT_OUTPUT:].decode(errors="replace")

    def close(self) -> None:
        """Close the pipes."""
        self._selector.close()
        self._printed.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
