"""The lock of one execution, so that one process at a time works on it; its holder can be named.

It is a file lock. The file's content names the holder, and its modification time is the holder's heartbeat. Where the
file system has no flock, a row in the registry takes its place.

Some shared file systems apply flock to one host only. A file that is free here but names a holder on another host is
therefore respected until its modification time is old.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dml.errors import LockedError
from dml.safe_text import safe
from dml.workspace.file_lock import (
    FlockUnsupportedError,
    is_held,
    read_holder,
    try_flock,
    wait_for_lock,
    write_holder,
)
from dml.workspace.layout import Workspace
from dml.workspace.liveness import HEARTBEAT_SECONDS, MISSED_BEATS, SKEW_SECONDS, is_fresh
from dml.workspace.process import ProcessIdentity, current_process, is_on_this_machine, process_state
from dml.workspace.registry import Registry
from dml.workspace.registry_lock import row_lock_state, try_row_lock
from dml.workspace.times import utc_now

__all__ = ["LockState", "execution_lock", "lock_state"]

_HINT = "Check its permissions and the free disk space, or use another directory with --workspace."

_held_by_thread = threading.local()
_open_descriptors: set[int] = set()


@dataclass(frozen=True)
class LockState:
    """Whether an execution is locked, and by which process as far as it can be read."""

    locked: bool
    holder: ProcessIdentity | None


@contextlib.contextmanager
def execution_lock(
    registry: Registry,
    rid: str,
    *,
    command: str | None = None,
    wait: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[ProcessIdentity]:
    """Hold the lock of one execution. A thread that holds it may take it again.

    Args:
        registry: Open for writing; its workspace holds the lock file.
        rid: The execution.
        command: What the holder does, shown to other processes; the command line when None.
        wait: Seconds to wait for another holder; 0 tries once.
        pause: Sleeps; tests set it.
        monotonic: The clock that limits the waiting; tests set it.

    Raises:
        LockedError: Another process or thread still holds it after ``wait`` seconds; the message names the holder.
        DmlError: The lock file cannot be created or locked.
    """
    path = registry.workspace.lock_path(rid)
    held: dict[Path, ProcessIdentity] = _held_by_thread.__dict__.setdefault("paths", {})
    if path in held:
        yield held[path]
        return
    identity = current_process(command)
    release = wait_for_lock(lambda: _try_lock(registry, rid, identity), wait=wait, pause=pause, monotonic=monotonic)
    if release is None:
        raise _locked(rid, lock_state(registry.workspace, rid, registry).holder, wait)
    held[path] = identity
    try:
        yield identity
    finally:
        del held[path]
        release()


def lock_state(workspace: Workspace, rid: str, registry: Registry | None = None) -> LockState:
    """Whether an execution is locked now. Creates nothing and never takes the lock, not even briefly.

    Args:
        workspace: The workspace of the execution.
        rid: The execution.
        registry: Also asked for a row lock, which replaces the file lock where flock does not work.
    """
    path = workspace.lock_path(rid)
    holder = read_holder(path)
    now = registry.clock() if registry is not None else utc_now()
    if _is_flocked(path) or _is_held_on_another_host(path, holder, now):
        return LockState(True, holder)
    return LockState(*row_lock_state(registry, rid)) if registry is not None else LockState(False, None)


def _try_lock(registry: Registry, rid: str, identity: ProcessIdentity) -> Callable[[], None] | None:
    """The function that releases the lock; None when another process holds it."""
    path = registry.workspace.lock_path(rid)
    try:
        descriptor = try_flock(registry.workspace.root, path, hint=_HINT)
    except FlockUnsupportedError:
        return try_row_lock(registry, rid, identity)
    if descriptor is None:
        return None
    if _is_held_on_another_host(path, read_holder(path), registry.clock()):
        os.close(descriptor)
        return None
    write_holder(descriptor, identity)
    _open_descriptors.add(descriptor)
    stopped = threading.Event()
    thread = threading.Thread(target=_touch, args=(descriptor, stopped), name=f"lock-{rid}", daemon=True)
    thread.start()

    def release() -> None:
        stopped.set()
        thread.join()
        _release(descriptor)

    return release


def _touch(descriptor: int, stopped: threading.Event) -> None:
    while not stopped.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def _is_held_on_another_host(path: Path, holder: ProcessIdentity | None, now: datetime) -> bool:
    """Whether the file names a holder on another host and its modification time, the heartbeat, is recent.

    A holder on this machine would have the flock, in whichever boot or container it runs.
    """
    if holder is None or is_on_this_machine(holder):
        return False
    try:
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return False
    return is_fresh(modified, HEARTBEAT_SECONDS, now)


def _release(descriptor: int) -> None:
    if descriptor not in _open_descriptors:
        return  # in a forked child: the lock belongs to its parent
    _open_descriptors.discard(descriptor)
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def _close_in_child() -> None:
    """Close a forked child's copies of the descriptors, which would keep its parent's locks alive."""
    for descriptor in _open_descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _open_descriptors.clear()
    _held_by_thread.__dict__.clear()


os.register_at_fork(after_in_child=_close_in_child)


def _is_flocked(path: Path) -> bool:
    """Whether a process holds the lock; read from /proc/locks where there is one, so that it is never taken."""
    try:
        status = path.stat()
    except OSError:
        return False
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return _is_refused(path)
    file_id = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    if any(" FLOCK " in f" {line} " and file_id in line.split() for line in lines):
        return True
    # Some file systems (btrfs, overlays) have another device number in /proc/locks than in stat(2), so the lock is
    # tried after all when the file names a process that may still run.
    holder = read_holder(path)
    return holder is not None and process_state(holder) != "gone" and _is_refused(path)


def _is_refused(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    return is_held(descriptor)


def _locked(rid: str, holder: ProcessIdentity | None, wait: float) -> LockedError:
    who = safe(holder.describe()) if holder is not None else "an unknown process"
    waited = f" (waited {wait:.0f} s)" if wait else ""
    hint = "Wait until it has finished, then run the command again."
    if holder is not None and not is_on_this_machine(holder):
        minutes = round((HEARTBEAT_SECONDS * MISSED_BEATS + SKEW_SECONDS) / 60)
        hint += f" If {safe(holder.host)} is down, its lock expires {minutes} minutes after its last heartbeat."
    return LockedError(f"execution {safe(rid)} is locked by {who}{waited}", hint=hint)
