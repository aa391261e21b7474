"""The retry policy given by options and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.retry import RetryPolicy
    from dml.settings import Settings


def retry_policy(
    settings: Settings, *, timeout: float | None, max_retries: int | None, retry_delay: float | None
) -> RetryPolicy:
    """A policy from options, and from settings where an option was not given; its own defaults where neither says.

    The timeout is both the limit of one try (to connect, and between two bytes) and the time after which no more tries
    are made; a limit of 0 would refuse every request.

    Raises:
        UsageError: A time is negative, or the timeout is 0.
    """
    from dml.catalog.retry import RetryPolicy

    def chosen(given: float | None, name: str) -> float | None:
        if given is not None and given < 0:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 0")
        return given if given is not None or settings.origin(name) == "default" else float(settings.get(name))

    policy = RetryPolicy()
    retries, wait, patience = (
        chosen(max_retries, "max_retries"),
        chosen(retry_delay, "retry_delay"),
        chosen(timeout, "timeout"),
    )
    if retries is not None:
        policy.attempts = int(retries) + 1
    if wait is not None:
        policy.first_wait, policy.longest_wait = wait, max(policy.longest_wait, wait)
    if patience == 0:
        raise UsageError("--timeout must be greater than 0")
    if patience is not None:
        policy.patience = policy.time_limit = patience
    return policy
