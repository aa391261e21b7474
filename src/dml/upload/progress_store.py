"""Telling the other processes of a workspace how far a commit is, at a bounded cost.

Confirmed pieces are recorded in any case, since a later commit goes on from them. Besides, ``STEP`` more bytes of a
file are worth a write to the registry, and small files are told of many at a time; what a commit waits for is written
when it begins and ends to wait. Nothing is decided by what is told, so a write that fails is left out.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dml.errors import DmlError
from dml.workspace import uploads, waits

if TYPE_CHECKING:
    from dml.catalog.retry import RetryPolicy, Wait
    from dml.workspace.registry import Registry

__all__ = ["FILES_AT_ONCE", "STEP", "ProgressStore", "telling_waits"]

STEP = 8 << 20
"""Bytes of one file, or of several that ended, between two writes."""

FILES_AT_ONCE = 64
"""Files that end between two writes, if they are small."""


class ProgressStore:
    """Tells of the bytes of the files that one commit sends; ``counter`` may be used in any thread.

    Args:
        registry: Where to.
        rid: The execution.
    """

    def __init__(self, registry: Registry, rid: str) -> None:
        self._registry = registry
        self._rid = rid
        self._ended: dict[str, int] = {}

    def counter(self, key: str) -> Callable[[int], None]:
        """Counts the bytes of one file, which one thread sends; takes a negative number when some are sent again."""
        done = told = 0

        def count(more: int) -> None:
            nonlocal done, told
            done += more
            if done - told >= STEP or done < told:
                told = done
                self._tell({key: done})

        return count

    def end(self, key: str, size: int) -> None:
        """The store has all bytes of a file; told with others."""
        self._ended[key] = size
        if len(self._ended) >= FILES_AT_ONCE or sum(self._ended.values()) >= STEP:
            ended, self._ended = self._ended, {}
            self._tell(ended)

    def _tell(self, done: dict[str, int]) -> None:
        with contextlib.suppress(DmlError):
            uploads.record_bytes_sent(self._registry, self._rid, done)


@contextlib.contextmanager
def telling_waits(registry: Registry, rid: str, policy: RetryPolicy) -> Iterator[None]:
    """Within the block, what a commit waits for is in the registry; afterwards nothing is left of it.

    A connection that serves several commits at the same time tells each of the waits of all.
    """
    guard = threading.Lock()
    repeats = waiting = 0

    def follow(wait: Wait | None) -> None:
        nonlocal repeats, waiting
        with guard:
            if wait is None:
                waiting = max(0, waiting - 1)
            else:
                repeats += 1
                waiting += wait.attempt == 2
            if wait is None and waiting:
                return
            with contextlib.suppress(DmlError):
                waits.record_wait(registry, rid, repeats, str(wait) if wait is not None else "")

    with contextlib.suppress(DmlError):
        waits.clear_wait(registry, rid)
    try:
        with policy.followed_by(follow):
            yield
    finally:
        with contextlib.suppress(DmlError):
            waits.clear_wait(registry, rid)
