"""The progress of a commit in the registry, where other processes of the workspace can read it, at a bounded cost.

Confirmed chunks are recorded in any case, because a later commit continues from them. Beyond that, a file's byte count
is written once every ``BYTES_PER_WRITE`` bytes, small files are written many at a time, and a wait is written when it
begins and when it ends. Nothing depends on these records, so a failed write is ignored.
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

__all__ = ["BYTES_PER_WRITE", "FILES_PER_WRITE", "ProgressStore", "record_waits"]

BYTES_PER_WRITE = 8 << 20
"""Bytes of one file, or of several finished files, between two writes."""

FILES_PER_WRITE = 64
"""Most finished files between two writes."""


class ProgressStore:
    """Records the bytes sent by one commit.

    Args:
        registry: The registry, open for writing.
        rid: The execution that is committed.
    """

    def __init__(self, registry: Registry, rid: str) -> None:
        self._registry = registry
        self._rid = rid
        self._finished: dict[str, int] = {}

    def counter(self, key: str) -> Callable[[int], None]:
        """A function that counts the bytes of one file; negative when bytes are sent again. For one thread."""
        sent = recorded = 0

        def count(number: int) -> None:
            nonlocal sent, recorded
            sent += number
            if sent - recorded >= BYTES_PER_WRITE or sent < recorded:
                recorded = sent
                self._record({key: sent})

        return count

    def finish(self, key: str, size: int) -> None:
        """Record that the store has all bytes of a file, together with other finished files."""
        self._finished[key] = size
        if len(self._finished) >= FILES_PER_WRITE or sum(self._finished.values()) >= BYTES_PER_WRITE:
            finished, self._finished = self._finished, {}
            self._record(finished)

    def _record(self, sent: dict[str, int]) -> None:
        with contextlib.suppress(DmlError):
            uploads.record_bytes_sent(self._registry, self._rid, sent)


@contextlib.contextmanager
def record_waits(registry: Registry, rid: str, policy: RetryPolicy) -> Iterator[None]:
    """Record the waits of a commit in the registry while the block runs, and remove the record at its end.

    Commits that share a connection each record the waits of all of them.
    """
    lock = threading.Lock()
    repeats = waiting = 0
    recorded = False

    def follow(wait: Wait | None) -> None:
        nonlocal repeats, waiting, recorded
        with lock:
            if wait is None:
                waiting = max(0, waiting - 1)
            else:
                repeats += 1
                waiting += wait.attempt == 2
            if wait is None and waiting:
                return
            recorded = True
            with contextlib.suppress(DmlError):
                waits.record_wait(registry, rid, repeats, str(wait) if wait is not None else "")

    with contextlib.suppress(DmlError):
        waits.clear_wait(registry, rid)  # of a commit that was killed
    try:
        with policy.followed_by(follow):
            yield
    finally:
        if recorded:
            with contextlib.suppress(DmlError):
                waits.clear_wait(registry, rid)
