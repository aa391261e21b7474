"""The identity of a process, by which another process can find out later whether it is alive.

A pid alone is reused; a pid with its start time on one boot of one machine is not. Processes on another machine, boot
or pid namespace (a container) cannot be looked up; ``liveness`` judges them by their heartbeat.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from dml.workspace.redaction import redact
from dml.workspace.times import format_time, utc_now

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self/stat").exists()
_COMMAND_LIMIT = 200


@dataclass(frozen=True)
class ProcessIdentity:
    """One process on one boot of one machine.

    Attributes:
        pid: Process id in its pid namespace.
        started: When the kernel started it, as an opaque string to compare; empty when the system does not say.
        host: The name of the machine, for people.
        boot: Boot id and pid namespace, to compare; empty when the system does not say.
        command: What it runs, without secrets, at most 200 characters.
        since: When it took the lock or began the run that it is recorded for, ISO 8601 in UTC.
    """

    pid: int
    started: str
    host: str
    boot: str
    command: str
    since: str

    def to_json(self) -> str:
        """The identity as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ProcessIdentity | None:
        """Parse the output of ``to_json``; None for anything else, such as an incomplete line."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return cls.from_mapping(values) if isinstance(values, dict) else None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> ProcessIdentity | None:
        """The identity in a mapping; None when a field is missing or of the wrong type."""
        pid = values.get("pid")
        texts = [values.get(name) for name in ("started", "host", "boot", "command", "since")]
        if not isinstance(pid, int) or isinstance(pid, bool) or not all(isinstance(text, str) for text in texts):
            return None
        return cls(pid, *map(str, texts))

    def describe(self) -> str:
        """The process in words: ``process 4711 on lab-7 (dml exec run) since …``."""
        what = f" ({self.command})" if self.command else ""
        return f"process {self.pid} on {self.host}{what} since {self.since}"


def current_process(command: str | None = None) -> ProcessIdentity:
    """The identity of this process, ``since`` now.

    Args:
        command: What it does; the command line when None. Secrets are removed.
    """
    shown = command if command is not None else shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else [])
    pid = os.getpid()
    return ProcessIdentity(
        pid=pid,
        started=start_time(pid) or "",
        host=socket.gethostname(),
        boot=boot_id(),
        command=redact(shown)[:_COMMAND_LIMIT],
        since=format_time(utc_now()),
    )


def process_state(identity: ProcessIdentity) -> Literal["alive", "gone", "elsewhere"]:
    """Whether a process is alive; ``elsewhere`` on another machine, boot or pid namespace, where it cannot be seen."""
    here = boot_id()
    comparable = bool(here and identity.boot)
    if identity.boot != here if comparable else identity.host != socket.gethostname():
        return "elsewhere"
    if not _exists(identity.pid):
        return "gone"
    started = start_time(identity.pid)
    if identity.started and started is not None and started != identity.started:
        return "gone"
    return "alive"


def is_on_this_machine(identity: ProcessIdentity) -> bool:
    """Whether a process ran on this machine: on this boot in any container, or on a host with this name."""
    own, other = boot_id().partition(" ")[0], identity.boot.partition(" ")[0]
    return (bool(own) and own == other) or identity.host == socket.gethostname()


@lru_cache(maxsize=1)
def boot_id() -> str:
    """The boot id of this machine and the pid namespace of this process; empty when neither can be read."""
    boot = _read(_PROC / "sys/kernel/random/boot_id") or _output_of(["sysctl", "-n", "kern.bootsessionuuid"])
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = str((_PROC / "self/ns/pid").readlink())
    return f"{boot} {namespace}".strip()


def start_time(pid: int) -> str | None:
    """When the kernel started a process (clock ticks since boot on Linux, else a date); None when it cannot be read."""
    fields = _read(_PROC / str(pid) / "stat")
    if fields:
        # The second field is the program's name in parentheses, which may contain spaces and parentheses (proc(5)).
        after_name = fields.rpartition(")")[2].split()
        # A zombie has ended; its parent has not waited for it yet.
        return "ended" if after_name[0] in "ZX" else after_name[19]
    if _HAS_PROC:
        return None
    return _output_of(["ps", "-o", "lstart=", "-p", str(pid)]) or None


def _exists(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError) as error:
        return isinstance(error, PermissionError)
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _output_of(command: list[str]) -> str:
    if _HAS_PROC:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
