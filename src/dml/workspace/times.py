"""The three ways in which a registry writes an instant; all are UTC.

deriva-ml's execution rows hold ``YYYY-MM-DD HH:MM:SS.ffffff`` without a zone, its asset and feature rows ISO 8601 with
``+00:00``; dml's own tables use the second form.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def execution_time(instant: datetime) -> str:
    """An instant as the execution table holds it; the microseconds are always there, so that text sorts by time."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def iso_time(instant: datetime) -> str:
    """An instant as the asset, feature and dml's own tables hold it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def read_time(text: object) -> datetime | None:
    """An instant from either form (a zone is honoured, none means UTC); None where there is none to be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
