"""Running functions in several threads so that an interruption ends promptly, whatever the threads wait for.

A pool of the standard library is waited for when the interpreter ends, and a request may take minutes to give up. The
threads here are left behind instead: they are asked to stop, get ``GRACE`` seconds to record what they reached, and end
with the process.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from dml.errors import DmlError

__all__ = ["GRACE", "Calls", "CancelToken", "Cancelled", "in_parallel"]

Result = TypeVar("Result")

GRACE = 2.0
"""Seconds that threads get to end after they were asked to."""


class Cancelled(DmlError):
    """Raised in a thread whose work nobody waits for any more."""


class CancelToken:
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
            raise Cancelled("given up, because the command was interrupted")


@dataclass(frozen=True)
class _Ended:
    key: str
    result: Any = None
    defect: BaseException | None = None


@dataclass(frozen=True)
class _Begun:
    """How many workers there are in all: the last word of the thread that finds the work."""

    workers: int


Calls = Iterable[tuple[str, Callable[[], Result]]]
"""Functions by name, in the order in which they begin."""


@contextlib.contextmanager
def in_parallel(
    calls: Calls[Result], jobs: int, stop: CancelToken, *, stop_at: tuple[type[DmlError], ...] = ()
) -> Iterator[Iterator[tuple[str, Result | DmlError]]]:
    """Run functions in ``jobs`` threads; within the block what came of each is given as it ends.

    The functions are asked for in a thread of their own, ahead of those that run, so that finding the later ones may
    take time while the first are at work. An exception that leaves the block, such as a signal, asks the threads to
    stop and leaves behind those that do not.

    Args:
        calls: By name; what it raises while it is asked for more is raised once all that were begun have ended.
        jobs: How many run at the same time.
        stop: Asked to stop when the block is left early; functions, and what finds them, look at it.
        stop_at: An error of this kind begins no more functions.
    """
    crew = _WorkerPool(calls, max(1, jobs), stop, stop_at)
    crew.start()
    try:
        yield crew.results()
    except BaseException:
        stop.ask()
        crew.leave(time.monotonic() + GRACE)
        raise
    finally:
        stop.is_over = True


class _WorkerPool:
    """One thread that asks for functions, and up to ``jobs`` that run them, each begun when there is work for it."""

    def __init__(self, calls: Calls[Any], jobs: int, stop: CancelToken, stop_at: tuple[type[DmlError], ...]) -> None:
        self._calls = calls
        self._jobs = jobs
        self._stop = stop
        self._stop_at = stop_at
        self._waiting = SimpleQueue[tuple[str, Callable[[], Any]] | None]()
        self._ended = SimpleQueue[_Ended | _Begun | None]()
        self._no_more = threading.Event()
        self._failure: DmlError | None = None
        self._finder = threading.Thread(target=self._find, name="dml-transfer-finder", daemon=True)
        self._workers: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        self._finder.start()

    def results(self) -> Iterator[tuple[str, Any]]:
        """What came of each function, until all have ended."""
        running = 1  # the finder, which says at its end how many workers it has begun
        while running:
            one = self._ended.get()
            if one is None:
                running -= 1
            elif isinstance(one, _Begun):
                running += one.workers - 1
            elif one.defect is not None:
                raise one.defect
            else:
                yield one.key, one.result
        if self._failure is not None:
            raise self._failure

    def leave(self, limit: float) -> None:
        """Wait until ``limit`` for the threads to end."""
        for thread in (self._finder, *self._workers):
            thread.join(max(0.0, limit - time.monotonic()))

    def _over(self) -> bool:
        return self._no_more.is_set() or self._stop.is_asked

    def _find(self) -> None:
        try:
            for call in self._calls:
                if self._over():
                    break
                self._waiting.put(call)
                if len(self._workers) < self._jobs:
                    self._workers.append(self._worker(len(self._workers)))
        except DmlError as error:
            self._failure = error
            self._no_more.set()
        except BaseException as error:
            self._ended.put(_Ended("", defect=error))
        finally:
            self._ended.put(_Begun(len(self._workers)))  # before the first worker can have ended
            for _ in self._workers:
                self._waiting.put(None)

    def _worker(self, number: int) -> threading.Thread:
        thread = threading.Thread(target=self._work, name=f"dml-transfer-{number}", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            if self._over():
                continue
            key, call = one
            try:
                self._ended.put(_Ended(key, call()))
            except DmlError as error:
                if isinstance(error, self._stop_at):
                    self._no_more.set()
                self._ended.put(_Ended(key, error))
            except BaseException as error:
                self._ended.put(_Ended(key, defect=error))
        self._ended.put(None)
