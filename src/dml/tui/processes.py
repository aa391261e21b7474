"""Processes that the dashboard begins: ``dml`` itself in a separate session, so that it outlives the dashboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.workspace.process import ProcessIdentity, process_state

if TYPE_CHECKING:
    from dml.target import Target

GRACE_SECONDS = 5.0
"""A process that does not end after SIGTERM is killed after this time; nothing is lost by that."""

Ended = Callable[[str, str, bool], object]
"""Called from a thread when a process ended: what it did, its last words, whether it went well."""


@dataclass(frozen=True)
class ProcessEnvironment:
    """What every process that is begun is told.

    Attributes:
        target: The catalog.
        directory: The workspace's directory.
        cache: Directory of the cache; None for the workspace's own.
    """

    target: Target
    directory: Path
    cache: Path | None = None

    def environment(self) -> dict[str, str]:
        """The settings as environment variables."""
        settings = {"DML_CATALOG": str(self.target), "DML_WORKSPACE": str(self.directory)}
        return settings if self.cache is None else {**settings, "DML_CACHE_DIR": str(self.cache)}

    def begin(
        self, words: Sequence[str], *, record: Path | None = None, both: bool = False, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Begin ``dml WORDS``.

        Args:
            words: The command without ``dml``.
            record: The file that takes what it says on standard error; None gives all that it says through a pipe.
            both: Whether the file takes its standard output as well.
            cwd: The directory it works in.
        """
        environment = {**os.environ, **self.environment()}
        if record is None:
            return _popen(words, subprocess.PIPE, subprocess.STDOUT, environment, cwd)
        with os.fdopen(os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as stream:
            return _popen(words, stream.fileno() if both else subprocess.DEVNULL, stream.fileno(), environment, cwd)


def end(process: ProcessIdentity) -> None:
    """Tell a process to end, and kill it when it does not; returns when it is gone."""
    limit = time.monotonic() + GRACE_SECONDS
    os.kill(process.pid, signal.SIGTERM)
    while process_state(process) == "alive":
        if time.monotonic() > limit:
            os.kill(process.pid, signal.SIGKILL)
            limit = float("inf")
        time.sleep(0.05)


def went_well_or_was_ended(code: int) -> bool:
    """Whether an exit code tells of no failure: success, or that someone ended the process."""
    return code <= 0 or code in (128 + signal.SIGTERM, 128 + signal.SIGINT)


def _popen(
    words: Sequence[str], out: int, err: int, environment: dict[str, str], cwd: Path | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dml.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
        env=environment,
        cwd=cwd,
    )
