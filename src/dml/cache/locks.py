"""The lock of one entry of the cache, so that one process at a time changes it; its holder can be named.

A lock file that another program removed meanwhile (deriva-ml clears the cache by age, whatever it holds) is noticed
and created again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from dml.cache.layout import Cache
from dml.errors import LockedError
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.file_lock import is_held, read_holder, try_flock, wait_for_lock, write_holder
from dml.workspace.files import open_inside
from dml.workspace.process import current_process

__all__ = ["WAIT", "entry_lock", "is_locked"]

WAIT = 3600.0
"""Seconds to wait for another process that fetches the same entry."""

_HINT = "Check its permissions and the free disk space, or move the cache: `dml config set cache_dir DIRECTORY`."


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
        wait: Seconds to wait for another holder; 0 tries once.
        progress: Gets one message that names the holder it waits for.
        pause: Sleeps; tests set it.
        monotonic: The clock that limits the waiting; tests set it.

    Raises:
        LockedError: Another process or thread still holds it after ``wait`` seconds; the message names the holder.
        DmlError: The lock file cannot be created or locked.
    """

    def holder() -> str:
        identity = read_holder(cache.lock_path(name))
        return safe(identity.describe()) if identity else "another process"

    descriptor = wait_for_lock(
        lambda: _try_lock(cache, name),
        wait=wait,
        on_busy=lambda: progress.message(f"waiting for {holder()}, which has locked {safe(name)}"),
        pause=pause,
        monotonic=monotonic,
    )
    if descriptor is None:
        raise LockedError(
            f"{safe(name)} in the cache is locked by {holder()}",
            hint="Wait until it has finished, then run the command again.",
        )
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(cache: Cache, name: str) -> bool:
    """Whether another process or thread holds the lock of an entry. Creates nothing."""
    try:
        descriptor = open_inside(cache.root, cache.lock_path(name), os.O_RDONLY)
    except OSError:
        return False
    return is_held(descriptor)


def _try_lock(cache: Cache, name: str) -> int | None:
    """The descriptor that holds the lock; None when another process or thread has it."""
    while (descriptor := try_flock(cache.root, cache.lock_path(name), hint=_HINT)) is not None:
        if _is_current(cache, name, descriptor):
            write_holder(descriptor, current_process())
            return descriptor
        os.close(descriptor)  # the file was removed between opening and locking it
    return None


def _is_current(cache: Cache, name: str, descriptor: int) -> bool:
    """Whether the locked file is still the one of this name."""
    try:
        status = cache.lock_path(name).lstat()
    except OSError:
        return False
    return os.path.samestat(status, os.fstat(descriptor))
