"""What the locks of executions and of cache entries share: flock(2) on an open file, and who holds it.

The file's content names the holder and decides nothing; the kernel holds the lock and gives it up with the process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from dml.workspace.process import ProcessIdentity

__all__ = ["FIRST_PAUSE", "HELD_ELSEWHERE", "LONGEST_PAUSE", "is_held", "name_holder", "named_holder"]

HELD_ELSEWHERE = frozenset({errno.EAGAIN, errno.EACCES})
"""What flock fails with when another process or thread holds the lock."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two tries of whoever waits; the pause doubles from the first to the longest."""


def is_held(descriptor: int) -> bool:
    """Whether somebody else holds the lock of an open file, which is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in HELD_ELSEWHERE
    finally:
        os.close(descriptor)
    return False


def name_holder(descriptor: int, identity: ProcessIdentity) -> None:
    """Write who holds a lock into its file; a full disk takes the name away, not the lock."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, identity.to_json().encode(), 0)


def named_holder(path: Path) -> ProcessIdentity | None:
    """Who is named in a lock file; None when nobody is, or nobody that can be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return ProcessIdentity.from_json(text)
