"""Parsing of times on the command line: a date, a date with a time, or an age such as ``7d``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dml.errors import UsageError
from dml.safe_text import safe

_AGO = re.compile(r"(\d{1,6})\s*(min|m|h|d|w)")
_SECONDS = {"min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def moment(text: str, *, now: datetime | None = None) -> datetime:
    """The instant in the text, aware, in UTC.

    Args:
        text: ``2026-01-31``, ``2026-01-31T12:00`` (local time when it names no zone), or ``90min``, ``12h``, ``7d``,
            ``2w`` ago.
        now: The present instant.

    Raises:
        UsageError: It is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return (now or datetime.now(UTC)) - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"'{safe(text, limit=40)}' is not a time", hint="Write 2026-01-31, or 12h, 7d.") from None
