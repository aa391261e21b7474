"""Decides what clearing a cache would remove and what it would keep, with the reason for each.

Never removed: entries that are pinned, that an open execution needs, that another process is using, and files that
neither dml nor deriva-ml created.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dml.cache.bag_files import bag_files
from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.file_checks import total_size
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.locks import is_locked
from dml.cache.remove import lock_name
from dml.cache.session import CacheSession
from dml.cache.tiers import Tier
from dml.errors import ConflictError
from dml.safe_text import safe

__all__ = ["ClearPlan", "Decision", "Selection", "plan_clearing"]


@dataclass(frozen=True)
class Selection:
    """What a user wants to clear; an entry is selected when any of the conditions applies.

    Attributes:
        names: Names, RIDs, or names of directories.
        before: Entries that were last used before this time.
        keep: Bytes that may remain; the least recently used entries go first.
        debris: Leftovers of interrupted work, bags that the index does not know, and those in an older layout.
        everything: All entries.
    """

    names: tuple[str, ...] = ()
    before: datetime | None = None
    keep: int | None = None
    debris: bool = False
    everything: bool = False


@dataclass(frozen=True)
class Decision:
    """An entry that is removed, or kept although it was selected.

    Attributes:
        entry: The entry.
        bytes: What its removal frees: bytes that no remaining entry shares.
        reason: Why it is removed, or why it is kept.
    """

    entry: CacheEntry
    bytes: int
    reason: str


@dataclass(frozen=True)
class ClearPlan:
    """What clearing would do.

    Attributes:
        removed: What it would remove, least recently used first.
        kept: What was selected but is protected.
    """

    removed: tuple[Decision, ...]
    kept: tuple[Decision, ...]

    @property
    def bytes(self) -> int:
        """What it would free."""
        return sum(decision.bytes for decision in self.removed)

    def require_removals(self) -> None:
        """Refuse a plan that keeps everything that was selected.

        Raises:
            ConflictError: Nothing would be removed, and something is kept; the message says why.
        """
        if self.kept and not self.removed:
            first = self.kept[0]
            hint = f"dml cache unpin {first.entry.name}" if first.entry.pinned else "dml cache list shows what uses it."
            raise ConflictError(f"{first.entry.name} is kept: {first.reason}", hint=hint)


_NEVER = datetime.min.replace(tzinfo=UTC)
_LEFTOVERS = (EntryKind.DEBRIS, EntryKind.ORPHAN, EntryKind.LEGACY)


def plan_clearing(session: CacheSession, selection: Selection) -> ClearPlan:
    """Decide what to remove. Writes nothing.

    Raises:
        ConflictError: There is no entry of a selected name.
    """
    entries = sorted(session.entries(links=True), key=lambda entry: (entry.last_used or _NEVER, entry.name))
    for name in selection.names:
        if not any(entry.is_named(name) for entry in entries):
            raise ConflictError(f"{safe(name)} is not in the cache", hint="List its entries with dml cache list.")
    reasons = {id(entry): reason for entry in entries if (reason := _reason(entry, selection))}
    protections = _protections(session.cache, entries)
    sizes = _Sizes(session.index, entries)
    removed: list[Decision] = []
    kept: list[Decision] = []

    def decide(entry: CacheEntry, reason: str) -> None:
        protection = protections.get(entry.key, "")
        if protection:
            kept.append(Decision(entry, 0, protection))
        else:
            removed.append(Decision(entry, sizes.remove(entry), reason))

    for entry in entries:
        if id(entry) in reasons:
            decide(entry, reasons[id(entry)])
    if selection.keep is not None:
        for entry in entries:
            if sizes.total <= selection.keep:
                break
            if id(entry) not in reasons and entry.kind is not EntryKind.OTHER:
                decide(entry, "least recently used")
    return ClearPlan(tuple(removed), tuple(kept))


def _reason(entry: CacheEntry, selection: Selection) -> str:
    """Why an entry is selected; empty when it is not."""
    if any(entry.is_named(name) for name in selection.names):
        return "named"
    is_gone = entry.kind in (EntryKind.BAG, EntryKind.ASSET) and entry.tier is Tier.NOT_CACHED
    if selection.debris and (entry.kind in _LEFTOVERS or is_gone):
        return entry.note or entry.kind.value
    if entry.kind is EntryKind.OTHER:
        return ""
    if selection.everything:
        return "all entries"
    if selection.before is not None and entry.last_used is not None and entry.last_used < selection.before:
        return f"not used since {selection.before:%Y-%m-%d %H:%M}"
    return ""


def _protections(cache: Cache, entries: Sequence[CacheEntry]) -> dict[str, str]:
    """Why entries are kept, by key: a bag that deriva-ml anchored at several datasets is kept for any of them."""
    reasons: dict[str, str] = {}
    for entry in entries:
        reason = _protection(cache, entry)
        if reason:
            reasons.setdefault(entry.key, reason)
    return reasons


def _protection(cache: Cache, entry: CacheEntry) -> str:
    if entry.pinned:
        return "pinned"
    if entry.needed_by:
        more = f" and {len(entry.needed_by) - 1} more" if len(entry.needed_by) > 1 else ""
        return f"needed by {entry.needed_by[0]}{more}"
    if entry.kind is EntryKind.OTHER:
        return "not created by dml or deriva-ml"
    return "in use" if is_locked(cache, lock_name(entry)) else ""


class _Sizes:
    """The sizes of entries on disk, where a file that several bags share by hard links counts once.

    Attributes:
        total: Bytes of all entries that have not been removed.
    """

    def __init__(self, index: Index, entries: Sequence[CacheEntry]) -> None:
        bags = [entry for entry in entries if entry.kind is EntryKind.BAG]
        self._files = {entry.key: bag_files(index, entry.key, present=True) for entry in bags}
        self._holders: Counter[str] = Counter(
            checksum for files in self._files.values() for checksum in {file.checksum for file in files}
        )
        self._unshared = {id(entry): self._unshared_size(entry) for entry in entries}
        lengths = {file.checksum: file.length for files in self._files.values() for file in files}
        self.total = sum(self._unshared.values()) + sum(lengths.values())

    def _unshared_size(self, entry: CacheEntry) -> int:
        if entry.kind is EntryKind.BAG and entry.assets is not None and entry.bytes is not None:
            return max(entry.bytes - sum(file.length for file in self._files[entry.key]), 0)
        return total_size(entry.path) if entry.bytes is None else entry.bytes

    def remove(self, entry: CacheEntry) -> int:
        """Take an entry out and return what its removal frees: shared files only with their last holder."""
        freed = self._unshared.pop(id(entry))
        for checksum, length in {file.checksum: file.length for file in self._files.pop(entry.key, [])}.items():
            self._holders[checksum] -= 1
            if not self._holders[checksum]:
                freed += length
        self.total -= freed
        return freed
