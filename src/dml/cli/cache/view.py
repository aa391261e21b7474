"""How the cache is shown: payloads for programs, tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dml.cli.app.output import Cell, Column, Console
from dml.formatting import UNKNOWN, format_relative_time, format_size, pluralize

if TYPE_CHECKING:
    from dml.cache.clear import Removal
    from dml.cache.inventory import CachedItem
    from dml.cache.status import VersionStatus

__all__ = ["item_document", "print_items", "print_removals", "print_status", "removal_document", "tier_cell"]

_TIERS: Final[dict[str, tuple[str, str]]] = {
    "not_cached": ("○", "bright_black"),
    "cached_metadata_only": ("◌", "cyan"),
    "cached_incomplete": ("◐", "yellow"),
    "cached_materialized": ("●", "green"),
}


def tier_cell(tier: str | None) -> Cell:
    """A tier with its symbol; ``unverified`` where nobody has looked yet."""
    if tier is None:
        return Cell("· unverified", "bright_black")
    symbol, style = _TIERS[tier]
    return Cell(f"{symbol} {tier}", style)


def item_document(item: CachedItem) -> dict[str, Any]:
    """A thing in the cache as JSON values."""
    return {
        "kind": item.kind,
        "name": item.name,
        "rid": item.rid,
        "version": item.version,
        "tier": item.tier,
        "bytes": item.bytes,
        "assets": item.assets,
        "missing": item.missing,
        "missing_bytes": item.missing_bytes,
        "pinned": item.pinned,
        "used_by": item.used_by,
        "needed_by": item.needed_by,
        "last_used": item.last_used,
        "verified_at": item.verified_at,
        "origin": item.origin or None,
        "key": item.key,
        "path": item.path,
        "remark": item.remark,
    }


def print_items(console: Console, items: Sequence[CachedItem]) -> None:
    """One line a thing, and what they come to."""
    if not items:
        console.print("the cache is empty      dml cache warm RID")
        return
    console.table(
        [
            Column("name", whole=True),
            Column("tier", whole=True),
            Column("size", whole=True, right=True),
            Column("last used"),
            Column("used by"),
            Column("what"),
        ],
        [
            (
                item.name,
                tier_cell(item.tier) if item.kind in ("bag", "asset") else Cell(item.kind, "yellow"),
                format_size(item.bytes),
                format_relative_time(item.last_used),
                _some(item.used_by),
                _remark(item),
            )
            for item in items
        ],
    )
    known = sum(item.bytes or 0 for item in items)
    console.print(f"{pluralize(len(items), 'entry', 'entries')}, {format_size(known)}")


def _remark(item: CachedItem) -> str:
    words = ["pinned"] if item.pinned else []
    if item.missing:
        words.append(f"{item.missing:,} of {item.assets:,} files missing, {format_size(item.missing_bytes)}")
    if item.kind == "asset" and not item.remark:
        words.append(item.path.name)
    if item.origin and item.origin != "dml":
        words.append(f"by {item.origin}")
    return " · ".join([*words, *filter(None, [item.remark])])


def _some(rids: Sequence[str]) -> str:
    if not rids:
        return UNKNOWN
    return ", ".join(rids[:2]) + (f" and {len(rids) - 2} more" if len(rids) > 2 else "")


def print_status(console: Console, statuses: Sequence[VersionStatus]) -> None:
    """One line a version."""
    console.table(
        [
            Column("name", whole=True),
            Column("tier", whole=True),
            Column("here", whole=True, right=True),
            Column("missing"),
            Column("used by"),
            Column("what"),
        ],
        [
            (
                f"{one.rid}@{one.version}" if one.version else one.rid,
                tier_cell(one.tier),
                format_size(one.bytes) if one.path else UNKNOWN,
                f"{one.missing:,} of {one.assets:,} files, {format_size(one.missing_bytes)}"
                if one.missing
                else UNKNOWN,
                _some(one.used_by),
                " · ".join(filter(None, ["pinned" if one.pinned else "", "" if one.origin == "dml" else one.origin])),
            )
            for one in statuses
        ],
    )


def removal_document(removal: Removal) -> dict[str, Any]:
    """What goes or stays, as JSON values."""
    return {
        "kind": removal.item.kind,
        "name": removal.item.name,
        "key": removal.item.key,
        "path": removal.item.path,
        "bytes": removal.bytes,
        "reason": removal.reason,
    }


def print_removals(console: Console, heading: str, removals: Sequence[Removal]) -> None:
    """What goes, or what stays, with the reason for each; nothing when there is nothing."""
    if not removals:
        return
    console.print(heading, style="bold")
    console.table(
        [Column("", whole=True), Column("", whole=True, right=True), Column("")],
        [(one.item.name, format_size(one.bytes) if one.bytes else "", one.reason) for one in removals],
        indent=2,
    )
