"""When a failed request is retried, how long to wait, and when to give up.

Only requests whose repetition is harmless are retried. The upper limit of the wait doubles from half a second to
twenty; the wait is drawn at random below it (full jitter), unless the server sends ``Retry-After``. A request is given
up ``patience`` seconds after its first failure. All requests of one connection together wait at most ``budget``
seconds, so that a command ends in bounded time: with the time limits of one attempt, a request without any response
ends within about four minutes.
"""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

FIRST_ABORT_WAIT, LONGEST_ABORT_WAIT = 0.02, 1.0
"""Upper bounds, in seconds, of the first and of any wait after an aborted transaction."""

QUIET_ABORTS = 8
"""Repeats after aborted transactions before anybody is told."""

REPEATABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that say the same request may succeed later."""


@dataclass(frozen=True)
class Wait:
    """A wait before a request is sent again.

    Attributes:
        subject: Who is asked (a host).
        reason: What went wrong, as in "answered 503".
        seconds: How long it takes.
        attempt: Which try follows it, from 2 on.
        attempts: How many there are at most; 0 where time alone decides.
    """

    subject: str
    reason: str
    seconds: float
    attempt: int
    attempts: int

    def __str__(self) -> str:
        """One line for people."""
        limit = f" of {self.attempts}" if self.attempts else ""
        return f"{self.subject} {self.reason}; trying again {self.when} (try {self.attempt}{limit})"

    @property
    def when(self) -> str:
        """``in 5 s``, or ``at once`` for less than half a second."""
        return f"in {self.seconds:.0f} s" if round(self.seconds) else "at once"


Follower = Callable[["Wait | None"], None]
"""Called with each wait, and with None when a retried request has ended, successfully or not."""


@dataclass
class RetryPolicy:
    """The rules, and the time that is left; shared by all threads of a connection.

    Attributes:
        attempts: The greatest number of times that one request is sent.
        first_wait: The upper limit of the first wait in seconds; doubles each time.
        longest_wait: The upper limit of any wait that the server did not request, in seconds.
        patience: Seconds after the first failure of a request at which it is given up.
        budget: Seconds that all waits together may take; ``renew`` restores it.
        time_limit: Seconds to connect, to send a block, and between two bytes of a response; None for the session's.
        on_wait: Called with one line for people before each wait.
        clock, sleep, draw: Time and random numbers; tests replace them.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 20.0
    patience: float = 120.0
    budget: float = 300.0
    time_limit: float | None = None
    on_wait: Callable[[str], None] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[float, float], float] = random.uniform
    _followers: list[Follower] = field(default_factory=list, init=False, repr=False)
    _waited: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def renew(self) -> None:
        """Restore the whole budget, for the next command."""
        with self._lock:
            self._waited = 0.0

    def begin(self, subject: str) -> Attempts:
        """The attempts of one request; ``subject`` (a host) begins the messages about it."""
        return Attempts(self, subject)

    @contextmanager
    def followed_by(self, follower: Follower) -> Iterator[None]:
        """Call a function, which must be thread-safe, with all waits in this block."""
        self._followers.append(follower)
        try:
            yield
        finally:
            self._followers.remove(follower)

    def tell(self, wait: Wait | None) -> None:
        """Report a wait, or with None the end of a retried request."""
        if wait is not None and self.on_wait is not None:
            self.on_wait(str(wait))
        for follower in tuple(self._followers):
            follower(wait)

    def take(self, seconds: float) -> bool:
        """Take a wait from the budget; False when not enough is left."""
        with self._lock:
            if self._waited + seconds > self.budget:
                return False
            self._waited += seconds
            return True


class Attempts:
    """The attempts of one request.

    Attributes:
        made: The number of attempts so far, including the current one.
    """

    def __init__(self, policy: RetryPolicy, subject: str) -> None:
        self.made = 1
        self._policy = policy
        self._subject = subject
        self._aborted = 0
        self._first_failure: float | None = None

    def again(self, reason: str, retry_after: float | None = None) -> bool:
        """Wait before the next attempt.

        Args:
            reason: What went wrong, as in "answered 503".
            retry_after: Seconds that the server asks to wait; None when it does not.

        Returns:
            False when the request is to be given up: too many attempts, or too long a wait.
        """
        policy = self._policy
        now = policy.clock()
        if self._first_failure is None:
            self._first_failure = now
        bound = min(policy.longest_wait, policy.first_wait * 2 ** (self.made - 1))
        wait = policy.draw(0.0, bound) if retry_after is None else retry_after
        if self.made >= policy.attempts or now - self._first_failure + wait > policy.patience or not policy.take(wait):
            return False
        self.made += 1
        policy.tell(Wait(self._subject, reason, wait, self.made, policy.attempts))
        policy.sleep(wait)
        return True

    def after_abort(self) -> bool:
        """Wait a moment before a request is repeated that the server undid because another one came between.

        The first repeats are not told to anybody: they are how a busy server works, and cost some milliseconds.

        Returns:
            False when this has gone on for so long that the request counts as failed.
        """
        policy = self._policy
        now = policy.clock()
        if self._first_failure is None:
            self._first_failure = now
        bound = min(LONGEST_ABORT_WAIT, FIRST_ABORT_WAIT * 2**self._aborted)
        wait = policy.draw(bound / 4, bound)
        if now - self._first_failure + wait > policy.patience or not policy.take(wait):
            return False
        self._aborted += 1
        if self._aborted >= QUIET_ABORTS:
            policy.tell(Wait(self._subject, "is busy with other writers", wait, self._aborted + 1, 0))
        policy.sleep(wait)
        return True

    def __enter__(self) -> Attempts:
        return self

    def __exit__(self, *_: object) -> None:
        """Report the end of a retried request."""
        if self.made > 1 or self._aborted >= QUIET_ABORTS:
            self._policy.tell(None)


def retry_after(header: str | None) -> float | None:
    """The seconds in a ``Retry-After`` header (RFC 9110: seconds or a date); None when missing or malformed."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header.strip())
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
