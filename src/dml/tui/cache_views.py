"""How the entries of a cache look in a list: how much of each is here, what it takes, what is missing, who needs it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from dml.formatting import UNKNOWN, format_relative_time, format_size, pluralize
from dml.safe_text import safe
from dml.tui.execution_views import TEXT_LIMIT
from dml.tui.widgets.row_list import RowCell, RowColumn

if TYPE_CHECKING:
    from dml.cache.entries import CacheEntry

BAR = 10

COLUMNS: Final = (
    RowColumn("Entry", 12),
    RowColumn("Here", 15),
    RowColumn("Size", 9, right=True),
    RowColumn("Share", BAR, rank=2),
    RowColumn("Missing", 19),
    RowColumn("Used", 10, rank=3),
    RowColumn("Note", 0),
)

_TIERS: Final = {
    "not_cached": ("○ not here", "dim"),
    "cached_metadata_only": ("◌ rows only", "warn"),
    "cached_incomplete": ("◍ incomplete", "warn"),
    "cached_materialized": ("● whole", "good"),
}


def ordered(items: Iterable[CacheEntry]) -> list[CacheEntry]:
    """The largest first; what is incomplete before what is whole."""
    return sorted(items, key=lambda item: (not item.missing, -(item.bytes or 0), item.name))


def cells_of(item: CacheEntry, largest: int, now: datetime) -> tuple[RowCell, ...]:
    """A line of the list.

    Args:
        item: The entry.
        largest: Bytes of the largest entry, whose bar is full.
        now: The present instant.
    """
    text, kind = _TIERS.get(str(item.tier), (f"· {item.kind}", "dim"))
    missing = f"{pluralize(item.missing, 'file')} {format_size(item.missing_bytes)}" if item.missing else ""
    return (
        RowCell(safe(item.name)),
        RowCell(text, kind),
        RowCell(format_size(item.bytes)),
        RowCell(_bar(item.bytes or 0, largest)),
        RowCell(missing, "warn"),
        RowCell(format_relative_time(item.last_used, now) if item.last_used else UNKNOWN),
        RowCell(safe(_note(item), limit=TEXT_LIMIT)),
    )


def _note(item: CacheEntry) -> str:
    parts = ["pinned"] if item.pinned else []
    if item.needed_by:
        parts.append(f"needed by {', '.join(item.needed_by)}")
    elif item.used_by:
        parts.append(f"used by {', '.join(item.used_by)}")
    return " · ".join([*parts, item.note] if item.note else parts)


def _bar(size: int, largest: int) -> str:
    """A bar as long as its share of the largest entry; what takes anything shows at least a bit."""
    full = max(1, round(size / largest * BAR)) if size and largest else 0
    return "━" * full
