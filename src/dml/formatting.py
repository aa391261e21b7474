"""Sizes, counts, durations, times, statuses and paths as text for people: pure functions that every front end uses.

Sizes have binary units and at most three significant digits; every status has a symbol and its word, so that nothing
depends on colour.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "UNKNOWN",
    "abbreviate_home",
    "format_duration",
    "format_relative_time",
    "format_size",
    "pluralize",
    "status_symbol",
]

UNKNOWN: Final = "\N{EN DASH}"
"""Shown where there is no value."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

_STATUSES: Final[dict[str, tuple[str, str]]] = {
    "Created": ("○", "cyan"),
    "Running": ("●", "green"),
    "Stopped": ("◌", "yellow"),
    "Failed": ("✖", "red"),
    "Pending_Upload": ("◍", "yellow"),
    "Uploaded": ("✔", "green"),
    "Aborted": ("⊘", "bright_black"),
}


def format_size(size: int | None) -> str:
    """A number of bytes: ``512 B``, ``1.2 GiB``, ``98 MiB``; a dash when unknown."""
    if size is None:
        return UNKNOWN
    number, unit = float(size), 0
    while abs(number) >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    if unit and round(abs(number), 0) >= 1024 and unit < len(_UNITS) - 1:  # 1023.9 KiB reads better as 1.0 MiB
        number, unit = number / 1024, unit + 1
    digits = 0 if unit == 0 or abs(number) >= 99.95 or (number == int(number) and abs(number) >= 10) else 1
    return f"{number:.{digits}f} {_UNITS[unit]}"


def format_duration(seconds: float | None) -> str:
    """``0.9 s``, ``14 s``, ``41 min``, ``2 h 4 min``, ``3 d 2 h``; a dash when unknown."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def format_relative_time(instant: datetime | None, now: datetime | None = None) -> str:
    """``just now``, ``5 min ago``, ``2 h ago``, ``yesterday``, ``12 d ago``, and the date beyond a month.

    Args:
        instant: Taken as UTC when it has no time zone; None gives a dash.
        now: The current time by default. An instant up to a minute later (another machine's clock) is ``just now``.
    """
    from datetime import UTC, datetime

    if instant is None:
        return UNKNOWN
    aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    seconds = ((now or datetime.now(UTC)) - aware).total_seconds()
    if seconds < -60:
        return f"in {_rough(-seconds)}" if seconds > -30 * 86400 else f"{aware:%Y-%m-%d}"
    if seconds < 60:
        return "just now"
    if seconds < 22 * 3600:
        return f"{_rough(seconds)} ago"
    if seconds < 36 * 3600:
        return "yesterday"
    return f"{_rough(seconds)} ago" if seconds < 31 * 86400 else f"{aware:%Y-%m-%d}"


def _rough(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * (1.5 if unit == "d" else 1):
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def pluralize(number: int, noun: str, plural: str | None = None) -> str:
    """``1 file``, ``2 files``, ``12,480 images``; ``plural`` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def status_symbol(status: str) -> tuple[str, str]:
    """The symbol and colour of a status; a dot and no colour for an unknown one (older catalogs have several)."""
    return _STATUSES.get(status, ("·", ""))


def abbreviate_home(path: Path) -> str:
    """The path with the home directory written as ``~``."""
    try:
        return str("~" / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
