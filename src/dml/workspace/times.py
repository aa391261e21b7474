"""Times in the registry, all in UTC.

deriva-ml's execution rows have ``YYYY-MM-DD HH:MM:SS.ffffff`` without a time zone, its asset and feature rows ISO 8601
with ``+00:00``, as dml's tables do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def format_execution_time(instant: datetime) -> str:
    """A time as the execution table stores it; always with microseconds, so that the text sorts by time."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def format_time(instant: datetime) -> str:
    """A time as the asset and feature tables and dml's tables store it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def parse_time(text: object) -> datetime | None:
    """The time in either form, in UTC; text without a time zone is UTC. None when it cannot be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
