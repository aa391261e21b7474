"""How the cache is shown: documents for programs, tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dml.cli.app.output import Cell, Column, Console
from dml.formatting import UNKNOWN, format_relative_time, format_size, pluralize

if TYPE_CHECKING:
    from dml.cache.bag_info import BagInfo
    from dml.cache.clear_plan import Decision
    from dml.cache.entries import CacheEntry
    from dml.cache.status import VersionStatus

__all__ = [
    "decision_document",
    "entry_document",
    "print_decisions",
    "print_entries",
    "print_info",
    "print_status",
    "tier_cell",
]

_TIERS: Final[dict[str, tuple[str, str]]] = {
    "not_cached": ("○", "bright_black"),
    "cached_metadata_only": ("◌", "cyan"),
    "cached_incomplete": ("◐", "yellow"),
    "cached_materialized": ("●", "green"),
}


def tier_cell(tier: str | None) -> Cell:
    """A tier with its symbol; ``unverified`` for an entry without one."""
    if tier is None:
        return Cell("· unverified", "bright_black")
    symbol, style = _TIERS[tier]
    return Cell(f"{symbol} {tier}", style)


def entry_document(entry: CacheEntry) -> dict[str, Any]:
    """An entry as JSON values."""
    return {
        "kind": entry.kind,
        "name": entry.name,
        "rid": entry.rid,
        "version": entry.version,
        "tier": entry.tier,
        "bytes": entry.bytes,
        "assets": entry.assets,
        "missing": entry.missing,
        "missing_bytes": entry.missing_bytes,
        "pinned": entry.pinned,
        "used_by": entry.used_by,
        "needed_by": entry.needed_by,
        "last_used": entry.last_used,
        "verified_at": entry.verified_at,
        "origin": entry.origin or None,
        "key": entry.key,
        "path": entry.path,
        "note": entry.note,
    }


def print_entries(console: Console, entries: Sequence[CacheEntry]) -> None:
    """One line per entry, and their total size."""
    if not entries:
        console.print("the cache is empty      dml cache warm RID")
        return
    console.table(
        [
            Column("name", whole=True),
            Column("tier", whole=True),
            Column("size", whole=True, right=True),
            Column("last used"),
            Column("used by"),
            Column("notes"),
        ],
        [
            (
                entry.name,
                tier_cell(entry.tier) if entry.kind in ("bag", "asset") else Cell(entry.kind, "yellow"),
                format_size(entry.bytes),
                format_relative_time(entry.last_used),
                _first_two(entry.used_by),
                _notes(entry),
            )
            for entry in entries
        ],
    )
    size = sum(entry.bytes or 0 for entry in entries)
    console.print(f"{pluralize(len(entries), 'entry', 'entries')}, {format_size(size)}")


def _notes(entry: CacheEntry) -> str:
    notes = ["pinned"] if entry.pinned else []
    if entry.missing:
        notes.append(f"{entry.missing:,} of {entry.assets:,} files missing, {format_size(entry.missing_bytes)}")
    if entry.kind == "asset" and not entry.note:
        notes.append(entry.path.name)
    if entry.origin and entry.origin != "dml":
        notes.append(f"by {entry.origin}")
    return " · ".join([*notes, *filter(None, [entry.note])])


def _first_two(rids: Sequence[str]) -> str:
    if not rids:
        return UNKNOWN
    return ", ".join(rids[:2]) + (f" and {len(rids) - 2} more" if len(rids) > 2 else "")


def print_status(console: Console, versions: Sequence[VersionStatus]) -> None:
    """One line per version."""
    console.table(
        [
            Column("name", whole=True),
            Column("tier", whole=True),
            Column("size", whole=True, right=True),
            Column("missing"),
            Column("used by"),
            Column("notes"),
        ],
        [
            (
                f"{version.rid}@{version.version}" if version.version else version.rid,
                tier_cell(version.tier),
                format_size(version.bytes) if version.path else UNKNOWN,
                f"{version.missing:,} of {version.assets:,} files, {format_size(version.missing_bytes)}"
                if version.missing
                else UNKNOWN,
                _first_two(version.used_by),
                " · ".join(
                    filter(
                        None, ["pinned" if version.pinned else "", version.origin if version.origin != "dml" else ""]
                    )
                ),
            )
            for version in versions
        ],
    )


def print_info(console: Console, info: BagInfo) -> None:
    """The size of a dataset version by table, and what remains to be fetched."""
    estimate, name = info.estimate, f"{info.status.rid}@{info.status.version}"
    console.print(f"{name}  ", tier_cell(info.status.tier))
    console.table(
        [
            Column("table"),
            Column("rows", whole=True, right=True),
            Column("rows as CSV", whole=True, right=True),
            Column("files", whole=True, right=True),
        ],
        [
            (
                table.table,
                f"{'' if table.exact else 'at most '}{table.rows:,}",
                format_size(table.csv_bytes),
                format_size(table.asset_bytes) if table.is_asset else UNKNOWN,
            )
            for table in estimate.tables
        ],
    )
    rows, files = pluralize(estimate.rows, "row"), pluralize(estimate.assets, "file")
    console.print(f"{rows}; {files}, {format_size(estimate.asset_bytes)}")
    if info.missing_bytes:
        free = f", {format_size(info.free)} free" if info.free is not None else ""
        console.print(f"to fetch: {format_size(info.missing_bytes)}{free}      dml cache warm {name}")


def decision_document(decision: Decision) -> dict[str, Any]:
    """A removed or kept entry as JSON values."""
    return {
        "kind": decision.entry.kind,
        "name": decision.entry.name,
        "key": decision.entry.key,
        "path": decision.entry.path,
        "bytes": decision.bytes,
        "reason": decision.reason,
    }


def print_decisions(console: Console, heading: str, decisions: Sequence[Decision]) -> None:
    """Removed or kept entries with the reason for each; nothing when there are none."""
    if not decisions:
        return
    console.print(heading, style="bold")
    console.table(
        [Column("", whole=True), Column("", whole=True, right=True), Column("")],
        [
            (decision.entry.name, format_size(decision.bytes) if decision.bytes else "", decision.reason)
            for decision in decisions
        ],
        indent=2,
    )
