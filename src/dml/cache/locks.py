"""One process at a time on an entry of the cache: a file lock (flock(2)) whose holder can be named.

The kernel gives the lock up when its process ends, however it ends. A lock file that another program removed
meanwhile (deriva-ml clears the cache by age, whatever it finds) is noticed and made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator

from dml.cache.layout import Cache
from dml.errors import DmlError, LockedError
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.files import open_inside
from dml.workspace.lock_files import (
    FIRST_PAUSE,
    HELD_ELSEWHERE,
    LONGEST_PAUSE,
    is_held,
    name_holder,
    named_holder,
)
from dml.workspace.process import current_process

__all__ = ["WAIT", "entry_lock", "is_locked"]

WAIT = 3600.0
"""Seconds to wait for another process that fetches the same entry."""


@contextlib.contextmanager
def entry_lock(
    cache: Cache,
    name: str,
    *,
    wait: float = WAIT,
    progress: Progress = SILENT,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock of one entry.

    Args:
        cache: The cache.
        name: The entry's key or the asset's name.
        wait: Seconds to wait for another holder; 0 asks once.
        progress: Told once whom it waits for.
        pause: Sleeps; tests set it.
        monotonic: The clock that limits the waiting; tests set it.

    Raises:
        LockedError: Another process or thread holds it after ``wait`` seconds; the message names it.
        DmlError: The lock file cannot be made.
    """
    limit, step, said = monotonic() + wait, FIRST_PAUSE, False
    while (descriptor := _take(cache, name)) is None:
        holder = named_holder(cache.lock_path(name))
        who = safe(holder.describe()) if holder else "another process"
        left = limit - monotonic()
        if left <= 0:
            raise LockedError(f"{safe(name)} in the cache is being worked on by {who}", hint="Wait for it to finish.")
        if not said:
            progress.message(f"waiting for {who}, which is at work on {safe(name)}")
            said = True
        pause(min(step, left))
        step = min(step * 2, LONGEST_PAUSE)
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(cache: Cache, name: str) -> bool:
    """Whether someone is at work on an entry now; creates nothing."""
    try:
        descriptor = open_inside(cache.root, cache.lock_path(name), os.O_RDONLY)
    except OSError:
        return False
    return is_held(descriptor)


def _take(cache: Cache, name: str) -> int | None:
    """The descriptor that holds the lock; None when someone else does."""
    path = cache.lock_path(name)
    while True:
        try:
            descriptor = open_inside(cache.root, path, os.O_RDWR | os.O_CREAT, 0o666, make_parents=True)
        except OSError as error:
            raise DmlError(
                f"The lock file {safe(path)} cannot be opened: {error.strerror or error}",
                hint="Check the permissions and the disk, or name another place: dml config set cache DIRECTORY",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in HELD_ELSEWHERE:
                return None
            raise DmlError(
                f"The lock file {safe(path)} cannot be locked: {error.strerror or error}",
                hint="Put the cache on a file system with locks: dml config set cache DIRECTORY",
            ) from error
        if _is_current(cache, name, descriptor):
            name_holder(descriptor, current_process())
            return descriptor
        os.close(descriptor)


def _is_current(cache: Cache, name: str, descriptor: int) -> bool:
    try:
        there = os.lstat(cache.lock_path(name))
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
