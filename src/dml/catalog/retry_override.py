"""Retry rules for one block of code, as the parameters of deriva-ml's methods give them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["patience"]

_USUAL_LIMIT = 600.0


@contextmanager
def patience(
    catalog: Catalog, max_retries: int, retry_delay: float, timeout: tuple[float, float] | float | None
) -> Iterator[None]:
    """Use other retry rules in this block; the previous ones are restored afterwards.

    Args:
        catalog: The connection.
        max_retries: How many times a request is retried.
        retry_delay: The upper limit of the delay before the first retry, in seconds; doubles each time.
        timeout: Seconds to connect and to wait for a response, one number or two; 600 when None.
    """
    policy = catalog.policy
    names = ("attempts", "first_wait", "longest_wait", "patience", "time_limit")
    before = {name: getattr(policy, name) for name in names}
    limit = _USUAL_LIMIT if timeout is None else max(timeout) if isinstance(timeout, tuple | list) else float(timeout)
    policy.attempts = max(0, max_retries) + 1
    policy.first_wait, policy.longest_wait = retry_delay, max(policy.longest_wait, retry_delay)
    policy.patience, policy.time_limit = limit, limit
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(policy, name, value)
