"""A pool of threads that an interruption ends promptly, whatever its threads wait for.

The interpreter waits for the threads of a standard pool before it exits, and a request may take minutes to time out.
These threads are daemons instead: on an interruption they are cancelled, get ``GRACE`` seconds to record what they
have done, and are then abandoned.
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

__all__ = ["GRACE", "Calls", "CancelToken", "Cancelled", "run_in_parallel"]

Result = TypeVar("Result")

GRACE = 2.0
"""Seconds that cancelled threads get to end."""


class Cancelled(DmlError):
    """Raised in a thread whose result nobody waits for any more."""


class CancelToken:
    """Cancels the threads of one ``run_in_parallel`` block.

    Attributes:
        is_closed: Whether the block has been left; a thread that is still running must not change anything from then
            on.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._event = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether the threads should stop."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Tell all threads to stop."""
        self._event.set()

    def raise_if_cancelled(self) -> None:
        """Stop the calling thread after a cancellation; long-running functions call this regularly.

        Raises:
            Cancelled: The threads should stop.
        """
        if self._event.is_set():
            raise Cancelled("cancelled, because the command was interrupted")


@dataclass(frozen=True)
class _Finished:
    key: str
    result: Any = None
    defect: BaseException | None = None


@dataclass(frozen=True)
class _WorkerCount:
    """The last item of the feeding thread: how many workers it started."""

    workers: int


Calls = Iterable[tuple[str, Callable[[], Result]]]
"""Named functions, in the order in which they are started."""


@contextlib.contextmanager
def run_in_parallel(
    calls: Calls[Result], jobs: int, token: CancelToken, *, stop_at: tuple[type[DmlError], ...] = ()
) -> Iterator[Iterator[tuple[str, Result | DmlError]]]:
    """Run functions in up to ``jobs`` threads and yield an iterator over their results as they finish.

    ``calls`` is consumed in a thread of its own, ahead of the workers, so that producing the later functions may take
    time while the first ones run. An exception that leaves the block, such as a signal, cancels the token and abandons
    the threads that do not end within ``GRACE`` seconds.

    Args:
        calls: The functions. A DmlError raised by the iterable itself is raised after all started functions finished.
        jobs: How many functions run at the same time.
        token: Cancelled when the block is left early; the functions and the iterable should check it.
        stop_at: After an error of one of these types no further functions are started.
    """
    pool = _WorkerPool(calls, max(1, jobs), token, stop_at)
    pool.start()
    try:
        yield pool.results()
    except BaseException:
        token.cancel()
        pool.join(time.monotonic() + GRACE)
        raise
    finally:
        token.is_closed = True


class _WorkerPool:
    """One thread that consumes the functions, and up to ``jobs`` workers, each started when there is work for it."""

    def __init__(self, calls: Calls[Any], jobs: int, token: CancelToken, stop_at: tuple[type[DmlError], ...]) -> None:
        self._calls = calls
        self._jobs = jobs
        self._token = token
        self._stop_at = stop_at
        self._waiting = SimpleQueue[tuple[str, Callable[[], Any]] | None]()
        self._finished = SimpleQueue[_Finished | _WorkerCount | None]()
        self._stopped = threading.Event()
        self._failure: DmlError | None = None
        self._feeder = threading.Thread(target=self._feed, name="dml-transfer-feeder", daemon=True)
        self._workers: list[threading.Thread] = []

    def start(self) -> None:
        self._feeder.start()

    def results(self) -> Iterator[tuple[str, Any]]:
        """Name and result of each function, until all threads have ended."""
        running = 1  # the feeder, which reports at its end how many workers it started
        while running:
            item = self._finished.get()
            if item is None:
                running -= 1
            elif isinstance(item, _WorkerCount):
                running += item.workers - 1
            elif item.defect is not None:
                raise item.defect
            else:
                yield item.key, item.result
        if self._failure is not None:
            raise self._failure

    def join(self, deadline: float) -> None:
        """Wait for the threads to end, until ``deadline`` at the latest (monotonic clock)."""
        for thread in (self._feeder, *self._workers):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _should_stop(self) -> bool:
        return self._stopped.is_set() or self._token.is_cancelled

    def _feed(self) -> None:
        try:
            for call in self._calls:
                if self._should_stop():
                    break
                self._waiting.put(call)
                if len(self._workers) < self._jobs:
                    self._workers.append(self._start_worker(len(self._workers)))
        except DmlError as error:
            self._failure = error
            self._stopped.set()
        except BaseException as error:
            self._finished.put(_Finished("", defect=error))
        finally:
            # Queued before the sentinels, so that results() learns the count before the first worker can have ended.
            self._finished.put(_WorkerCount(len(self._workers)))
            for _ in self._workers:
                self._waiting.put(None)

    def _start_worker(self, number: int) -> threading.Thread:
        thread = threading.Thread(target=self._work, name=f"dml-transfer-{number}", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            if self._should_stop():
                continue
            key, function = call
            try:
                self._finished.put(_Finished(key, function()))
            except DmlError as error:
                if isinstance(error, self._stop_at):
                    self._stopped.set()
                self._finished.put(_Finished(key, error))
            except BaseException as error:
                self._finished.put(_Finished(key, defect=error))
        self._finished.put(None)
