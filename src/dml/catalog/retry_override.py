"""Being as patient with a catalog for a while as an older program asks."""

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
    """Within the block, requests are tried and waited for as said; afterwards as before.

    Args:
        catalog: The connection.
        max_retries: How often a request is repeated.
        retry_delay: Seconds before the first repeat, at most; doubles.
        timeout: Seconds to connect and to wait for an answer, one number or two; 600 when None.
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
