"""One process at a time on an execution: a file lock whose holder can be named.

The lock is flock(2) on a file that is never removed; the kernel gives it up when the process ends, however it ends,
so there are no stale ones. The file's content tells who holds it, its time of change that the holder lives. Where
the file system knows no flock (some network homes) a row with a heartbeat in the registry takes its place, and that one
can be stale: its holder is then looked up.

Some shared file systems keep flock to one host. A file that is free here but names a holder on another host is
therefore left alone until its time of change is old.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dml.errors import DmlError, LockedError
from dml.safe_text import safe
from dml.workspace.files import open_inside
from dml.workspace.layout import Workspace
from dml.workspace.liveness import HEARTBEAT_SECONDS, MISSED_BEATS, SKEW_SECONDS, is_fresh
from dml.workspace.lock_files import (
    FIRST_PAUSE,
    HELD_ELSEWHERE,
    LONGEST_PAUSE,
    is_held,
    name_holder,
    named_holder,
)
from dml.workspace.process import ProcessIdentity, current_process, is_this_machine, whereabouts
from dml.workspace.registry import Registry
from dml.workspace.times import read_time, utc_now

_NO_FLOCK = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

_held_by_thread = threading.local()
_open_descriptors: set[int] = set()


@dataclass(frozen=True)
class LockState:
    """Whether an execution is locked, and by whom as far as it can be read."""

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
    """Hold the lock of one execution; the same thread may take it again inside.

    Args:
        registry: Open for writing; its workspace holds the lock file.
        rid: The execution.
        command: What the holder does, shown to whoever waits; the command line when None.
        wait: Seconds to wait for another holder; 0 asks once.
        pause: Sleeps; tests set it.
        monotonic: The clock that limits the waiting; tests set it.

    Raises:
        LockedError: Another process or thread holds it after ``wait`` seconds; the message names it.
        DmlError: The lock file cannot be made.
    """
    path = registry.workspace.lock_path(rid)
    held: dict[Path, ProcessIdentity] = _held_by_thread.__dict__.setdefault("paths", {})
    if path in held:
        yield held[path]
        return
    identity = current_process(command)
    release = _wait_for(registry, rid, identity, wait, pause, monotonic)
    held[path] = identity
    try:
        yield identity
    finally:
        del held[path]
        release()


def lock_state(workspace: Workspace, rid: str, registry: Registry | None = None) -> LockState:
    """Whether an execution is locked now. Only looks: creates nothing and never holds the lock, not even for a moment.

    Args:
        workspace: Whose execution.
        rid: The execution.
        registry: Asked for a row lock too, where file locks do not work.
    """
    holder = named_holder(workspace.lock_path(rid))
    if _is_flocked(workspace.lock_path(rid)):
        return LockState(True, holder)
    if _lives_elsewhere(workspace.lock_path(rid), holder, registry.clock() if registry is not None else utc_now()):
        return LockState(True, holder)
    if registry is not None:
        row = registry.read(lambda connection: _lock_row(connection, rid))
        if row is not None and _row_is_live(row, registry):
            return LockState(True, ProcessIdentity.from_json(row["holder"]))
    return LockState(False, None)


def _wait_for(
    registry: Registry,
    rid: str,
    identity: ProcessIdentity,
    wait: float,
    pause: Callable[[float], None],
    monotonic: Callable[[], float],
) -> Callable[[], None]:
    limit, step = monotonic() + wait, FIRST_PAUSE
    while True:
        taken = _take(registry, rid, identity)
        if callable(taken):
            return taken
        left = limit - monotonic()
        if left <= 0:
            raise _locked(rid, taken, wait)
        pause(min(step, left))
        step = min(step * 2, LONGEST_PAUSE)


def _take(registry: Registry, rid: str, identity: ProcessIdentity) -> Callable[[], None] | ProcessIdentity | None:
    """A function that gives the lock up again; or who holds it, None when that cannot be read."""
    path = registry.workspace.lock_path(rid)
    try:
        descriptor = open_inside(registry.workspace.root, path, os.O_RDWR | os.O_CREAT, 0o666, make_parents=True)
    except OSError as error:
        raise DmlError(
            f"The lock file {safe(path)} cannot be opened: {error.strerror or error}",
            hint="Check the permissions and the disk, or name another directory with --workspace.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in HELD_ELSEWHERE:
            return named_holder(path)
        if error.errno in _NO_FLOCK:
            return _take_row(registry, rid, identity)
        raise DmlError(f"The lock file {safe(path)} cannot be locked: {error.strerror or error}") from error
    before = named_holder(path)
    if _lives_elsewhere(path, before, registry.clock()):
        os.close(descriptor)
        return before
    name_holder(descriptor, identity)
    _open_descriptors.add(descriptor)
    stopped = threading.Event()
    thread = threading.Thread(target=_touch, args=(descriptor, stopped), name=f"lock-{rid}", daemon=True)
    thread.start()

    def release() -> None:
        stopped.set()
        thread.join()
        _release_file(descriptor)

    return release


def _touch(descriptor: int, stopped: threading.Event) -> None:
    while not stopped.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def _lives_elsewhere(path: Path, holder: ProcessIdentity | None, now: datetime) -> bool:
    """Whether the file names a holder on another host whose heartbeat, the file's time of change, is fresh.

    A holder on this machine would have the lock, whichever boot or container it is of.
    """
    if holder is None or is_this_machine(holder):
        return False
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return False
    return is_fresh(changed, HEARTBEAT_SECONDS, now)


def _release_file(descriptor: int) -> None:
    if descriptor not in _open_descriptors:
        return  # a forked child: the lock is its parent's
    _open_descriptors.discard(descriptor)
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def _forget_in_child() -> None:
    """A child must not keep its parent's locks alive: it closes its copies of the descriptors."""
    for descriptor in _open_descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _open_descriptors.clear()
    _held_by_thread.__dict__.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def _take_row(registry: Registry, rid: str, identity: ProcessIdentity) -> Callable[[], None] | ProcessIdentity | None:
    nonce = secrets.token_hex(8)
    with registry.transaction() as connection:
        row = _lock_row(connection, rid)
        if row is not None and _row_is_live(row, registry):
            return ProcessIdentity.from_json(row["holder"])
        connection.execute(
            "INSERT OR REPLACE INTO dml_locks (name, holder, nonce, interval, heartbeat_at) VALUES (?, ?, ?, ?, ?)",
            (rid, identity.to_json(), nonce, HEARTBEAT_SECONDS, registry.now()),
        )
    stopped = threading.Event()
    thread = threading.Thread(target=_renew, args=(registry, rid, nonce, stopped), name=f"lock-{rid}", daemon=True)
    thread.start()

    def release() -> None:
        stopped.set()
        thread.join()
        with registry.transaction() as connection:
            connection.execute("DELETE FROM dml_locks WHERE name = ? AND nonce = ?", (rid, nonce))

    return release


def _renew(registry: Registry, rid: str, nonce: str, stopped: threading.Event) -> None:
    while not stopped.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(DmlError), registry.transaction() as connection:
            connection.execute(
                "UPDATE dml_locks SET heartbeat_at = ? WHERE name = ? AND nonce = ?", (registry.now(), rid, nonce)
            )
        registry.close_thread()


def _row_is_live(row: sqlite3.Row, registry: Registry) -> bool:
    holder = ProcessIdentity.from_json(row["holder"])
    place = whereabouts(holder) if holder is not None else "elsewhere"
    if place == "elsewhere":
        return is_fresh(read_time(row["heartbeat_at"]), float(row["interval"]), registry.clock())
    return place == "alive"


def _lock_row(connection: sqlite3.Connection, rid: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM dml_locks WHERE name = ?", (rid,)).fetchone()
    return row


def _is_flocked(path: Path) -> bool:
    """Whether someone holds the lock; asked without holding it where the system lists its locks (/proc/locks)."""
    try:
        status = path.stat()
    except OSError:
        return False
    try:
        listed = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _is_refused(path)
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found = any(" FLOCK " in f" {line} " and wanted in line.split() for line in listed.splitlines())
    # Some file systems show another device number in the list than in stat(2); the holder's own word settles it.
    holder = named_holder(path)
    return found or (holder is not None and whereabouts(holder) != "gone" and _is_refused(path))


def _is_refused(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    return is_held(descriptor)


def _locked(rid: str, holder: ProcessIdentity | None, wait: float) -> LockedError:
    who = safe(holder.describe()) if holder is not None else "a process that did not say its name"
    waited = f" (waited {wait:.0f} s)" if wait else ""
    hint = "Wait for it to finish, then run the command again."
    if holder is not None and not is_this_machine(holder):
        minutes = round((HEARTBEAT_SECONDS * MISSED_BEATS + SKEW_SECONDS) / 60)
        hint += f" If {safe(holder.host)} is down, its lock ends {minutes} minutes after its last heartbeat."
    return LockedError(f"{safe(rid)} is being worked on by {who}{waited}", hint=hint)
