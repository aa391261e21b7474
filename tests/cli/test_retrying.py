"""Options and settings about patience become a retry policy."""

from __future__ import annotations

import pytest

from dml.catalog.retry import RetryPolicy
from dml.cli.app.retry_options import retry_policy
from dml.errors import UsageError
from dml.settings import resolve


def test_options_set_tries_waits_and_the_limit_of_one_try() -> None:
    policy = retry_policy(resolve(), timeout=30, max_retries=2, retry_delay=4)
    assert (policy.attempts, policy.first_wait) == (3, 4)
    assert (policy.time_limit, policy.patience) == (30, 30)


def test_nothing_said_leaves_the_policy_as_it_is() -> None:
    policy, usual = retry_policy(resolve(), timeout=None, max_retries=None, retry_delay=None), RetryPolicy()
    assert (policy.attempts, policy.time_limit, policy.patience) == (usual.attempts, None, usual.patience)


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_that_refuses_everything_is_refused(timeout: float) -> None:
    with pytest.raises(UsageError, match="--timeout"):
        retry_policy(resolve(), timeout=timeout, max_retries=None, retry_delay=None)
