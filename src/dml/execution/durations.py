"""Durations in the text form that deriva-ml keeps in the registry and the catalog: ``0.0H 3.0min 12.3456sec``.

A duration that cannot be known, because one of its two times is missing, is ``0H 0min 0.0sec``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNKNOWN_DURATION = "0H 0min 0.0sec"
"""Written when one of the two times is missing."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)H (\d+(?:\.\d+)?)min (\d+(?:\.\d+)?)sec")


def format_duration(seconds: float | None) -> str:
    """A duration in deriva-ml's text form.

    Args:
        seconds: Its length; None when it is unknown. A clock that went backwards counts as no time at all.
    """
    if seconds is None:
        return UNKNOWN_DURATION
    hours, rest = divmod(max(0.0, seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours:.1f}H {minutes:.1f}min {round(rest, 4)}sec"


def parse_duration(text: str | None) -> float | None:
    """Seconds of a duration as the registry or a catalog holds it; None when it is absent or of another form."""
    found = _DURATION.fullmatch(text.strip()) if text else None
    if found is None:
        return None
    hours, minutes, seconds = map(float, found.groups())
    return hours * 3600 + minutes * 60 + seconds


def elapsed(start: datetime | None, stop: datetime | None) -> float | None:
    """Seconds between two times, either of which may lack its zone (then it is UTC); None when one is missing."""
    if start is None or stop is None:
        return None
    return (_utc(stop) - _utc(start)).total_seconds()


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
