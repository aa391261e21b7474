"""Running functions in several threads so that an interruption ends promptly, whatever the threads wait for.

A pool of the standard library is waited for when the interpreter ends, and a request may take minutes to give up. The
threads here are left behind instead: they are asked to stop, get ``GRACE`` seconds to record what they reached, and end
with the process.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from dml.errors import DmlError

__all__ = ["GRACE", "Stop", "in_parallel"]

Result = TypeVar("Result")

GRACE = 2.0
"""Seconds that threads get to end after they were asked to."""


class GivenUp(DmlError):
    """Raised in a thread whose work nobody waits for any more."""


class Stop:
    """Says to the threads of one piece of work that nobody waits for it.

    Attributes:
        is_over: Whether they were left behind: what they reach from then on must change nothing.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._asked = threading.Event()

    @property
    def is_asked(self) -> bool:
        """Whether to stop."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask all threads to stop."""
        self._asked.set()

    def check(self) -> None:
        """Called by the threads now and then.

        Raises:
            GivenUp: They are to stop.
        """
        if self._asked.is_set():
            raise GivenUp("given up, because the command was interrupted")


@dataclass(frozen=True)
class _Ended:
    key: str
    result: Any = None
    defect: BaseException | None = None


@contextlib.contextmanager
def in_parallel(
    calls: Mapping[str, Callable[[], Result]],
    jobs: int,
    stop: Stop,
    *,
    stop_at: tuple[type[DmlError], ...] = (),
) -> Iterator[Iterator[tuple[str, Result | DmlError]]]:
    """Run functions in ``jobs`` threads; within the block what came of each is given as it ends.

    An exception that leaves the block, such as a signal, asks the threads to stop and leaves behind those that do not.

    Args:
        calls: By name.
        jobs: How many at the same time; not more are begun than run.
        stop: Asked to stop when the block is left early; functions look at it.
        stop_at: An error of this kind begins no more functions.
    """
    waiting, ended = deque(calls.items()), SimpleQueue[_Ended | None]()
    no_more = threading.Event()

    def work() -> None:
        while not (no_more.is_set() or stop.is_asked):
            try:
                key, call = waiting.popleft()
            except IndexError:
                break
            try:
                ended.put(_Ended(key, call()))
            except DmlError as error:
                if isinstance(error, stop_at):
                    no_more.set()
                ended.put(_Ended(key, error))
            except BaseException as error:
                ended.put(_Ended(key, defect=error))
        ended.put(None)

    threads = [
        threading.Thread(target=work, name=f"dml-transfer-{number}", daemon=True)
        for number in range(min(max(1, jobs), len(calls)))
    ]
    for thread in threads:
        thread.start()
    try:
        yield _results(ended, len(threads))
    except BaseException:
        stop.ask()
        limit = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, limit - time.monotonic()))
        raise
    finally:
        stop.is_over = True


def _results(ended: SimpleQueue[_Ended | None], running: int) -> Iterator[tuple[str, Any]]:
    while running:
        one = ended.get()
        if one is None:
            running -= 1
        elif one.defect is not None:
            raise one.defect
        else:
            yield one.key, one.result
