"""File locks (flock(2)) whose holder is named in the file, for executions and for entries of the cache.

The kernel holds the lock and releases it when the process ends, however it ends. The content of the file only says
who holds it. Locks are not removed, so that two processes never lock different files of one name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dml.errors import DmlError
from dml.safe_text import safe
from dml.workspace.files import open_inside
from dml.workspace.process import ProcessIdentity

__all__ = ["FlockUnsupportedError", "is_held", "read_holder", "try_flock", "wait_for_lock", "write_holder"]

_HELD_ELSEWHERE = frozenset({errno.EAGAIN, errno.EACCES})
_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_FIRST_DELAY, _LONGEST_DELAY = 0.02, 0.5
"""Seconds between two attempts; the delay doubles from the first to the longest."""

Lock = TypeVar("Lock")


class FlockUnsupportedError(DmlError):
    """The file system has no flock, as on some network file systems."""


def try_flock(root: Path, path: Path, *, hint: str) -> int | None:
    """Open a lock file, creating it if needed, and try once to lock it.

    Args:
        root: The directory that ``path`` must not leave, not even through a symbolic link.
        path: The lock file.
        hint: What to advise when the file cannot be opened or locked.

    Returns:
        The open descriptor, which holds the lock until it is closed; None when another process or thread holds it.

    Raises:
        FlockUnsupportedError: The file system has no locks.
        DmlError: The file cannot be opened or locked for another reason.
    """
    try:
        descriptor = open_inside(root, path, os.O_RDWR | os.O_CREAT, 0o666, make_parents=True)
    except OSError as error:
        raise DmlError(f"cannot open the lock file {safe(path)}: {error.strerror or error}", hint=hint) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _HELD_ELSEWHERE:
            return None
        kind = FlockUnsupportedError if error.errno in _UNSUPPORTED else DmlError
        raise kind(f"cannot lock {safe(path)}: {error.strerror or error}", hint=hint) from error
    return descriptor


def wait_for_lock(
    attempt: Callable[[], Lock | None],
    *,
    wait: float,
    on_busy: Callable[[], None] = lambda: None,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Lock | None:
    """Try to take a lock until it is free or the time is over.

    Args:
        attempt: Takes the lock; returns None when it is held elsewhere.
        wait: Seconds to keep trying; 0 tries once.
        on_busy: Called once, before the first pause.
        pause: Sleeps; tests set it.
        monotonic: The clock that limits the waiting; tests set it.

    Returns:
        What ``attempt`` returned, or None when the lock is still held elsewhere.
    """
    deadline, delay = monotonic() + wait, _FIRST_DELAY
    announced = False
    while (lock := attempt()) is None:
        remaining = deadline - monotonic()
        if remaining <= 0:
            return None
        if not announced:
            on_busy()
            announced = True
        pause(min(delay, remaining))
        delay = min(delay * 2, _LONGEST_DELAY)
    return lock


def is_held(descriptor: int) -> bool:
    """Whether another process or thread holds the lock of an open file. Closes the descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _HELD_ELSEWHERE
    finally:
        os.close(descriptor)
    return False


def write_holder(descriptor: int, identity: ProcessIdentity) -> None:
    """Write into a lock file who holds it. On a full disk the lock is held without a name."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, identity.to_json().encode(), 0)


def read_holder(path: Path) -> ProcessIdentity | None:
    """The process named in a lock file; None when the file does not exist or its content cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return ProcessIdentity.from_json(text)
