"""Clearing a cache: what would go and what stays, with the reason for each; then exactly that.

Never cleared: what is pinned, what an execution that is not closed has as input, what another process is at work on,
and what neither program put there. An entry leaves its place by one rename, so that nobody reads a half of it; a run
that was given a file has it under its own name and keeps it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dml.cache import assets, records
from dml.cache.bag_contents import walk_size
from dml.cache.files import bag_files
from dml.cache.index import Index
from dml.cache.inventory import CachedItem, Kind
from dml.cache.layout import Cache
from dml.cache.locks import entry_lock, is_locked
from dml.cache.tiers import Tier
from dml.errors import ConflictError, DmlError, RetryableError, UnsafePathError
from dml.safe_text import safe
from dml.workspace.names import safe_file_name

__all__ = ["Cleared", "Plan", "Removal", "Selection", "clear", "open_for_clearing", "plan_clearing"]


@dataclass(frozen=True)
class Selection:
    """What a user wants cleared; several conditions mean any of them.

    Attributes:
        names: RIDs, ``RID@VERSION`` or names of directories.
        before: Entries last used before this instant.
        keep: Bytes that may stay; the least recently used go first.
        debris: What interrupted work left, orphans and layouts of older releases.
        everything: All entries.
    """

    names: tuple[str, ...] = ()
    before: datetime | None = None
    keep: int | None = None
    debris: bool = False
    everything: bool = False


@dataclass(frozen=True)
class Removal:
    """One thing that goes, or stays although it was meant.

    Attributes:
        item: The thing.
        bytes: What its removal gives back: bytes that no entry that stays holds as well.
        reason: Why it goes, or why it stays.
    """

    item: CachedItem
    bytes: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a clearing would do.

    Attributes:
        removals: What goes, the least recently used first.
        kept: What was meant but stays, with the reason.
    """

    removals: tuple[Removal, ...]
    kept: tuple[Removal, ...]

    @property
    def bytes(self) -> int:
        """What is given back."""
        return sum(removal.bytes for removal in self.removals)


@dataclass(frozen=True)
class Cleared:
    """What a clearing did: what went, and what could not, with the reason."""

    removed: tuple[Removal, ...]
    kept: tuple[Removal, ...]

    @property
    def bytes(self) -> int:
        """What was given back."""
        return sum(removal.bytes for removal in self.removed)


_NEVER = datetime.min.replace(tzinfo=UTC)
_ENTRIES = (Kind.BAG, Kind.ASSET)
_LEFT = (Kind.DEBRIS, Kind.ORPHAN, Kind.LEGACY)


def plan_clearing(index: Index, items: Sequence[CachedItem], selection: Selection) -> Plan:
    """Decide what goes; writes nothing.

    Args:
        index: The index.
        items: Everything in the cache, from a survey that looked at links too.
        selection: What is wanted.

    Raises:
        ConflictError: A name is not in the cache.
    """
    by_age = sorted(items, key=lambda item: (item.last_used or _NEVER, item.name))
    _refuse_unknown(by_age, selection.names)
    wanted = {id(item): reason for item in by_age if (reason := _reason(item, selection))}
    sizes = _Sizes(index, by_age)
    removals: list[Removal] = []
    kept: list[Removal] = []

    protections = _protections(index, by_age)

    def decide(item: CachedItem, reason: str) -> None:
        protected = protections.get(item.key, "")
        if protected:
            kept.append(Removal(item, 0, protected))
        else:
            removals.append(Removal(item, sizes.remove(item), reason))

    for item in by_age:
        if id(item) in wanted:
            decide(item, wanted[id(item)])
    if selection.keep is not None:
        for item in by_age:
            if sizes.total <= selection.keep:
                break
            if id(item) not in wanted and item.kind is not Kind.OTHER:
                decide(item, "least recently used")
    return Plan(tuple(removals), tuple(kept))


def clear(index: Index, plan: Plan) -> Cleared:
    """Do what a plan says; an entry that is in use by now stays, and is named."""
    removed, kept = [], list(plan.kept)
    for removal in plan.removals:
        try:
            _remove(index, removal.item)
        except DmlError as error:
            kept.append(Removal(removal.item, 0, error.message))
        else:
            removed.append(removal)
    return Cleared(tuple(removed), tuple(kept))


def open_for_clearing(cache: Cache, plan: Plan) -> Index:
    """Open the index for writing. On a full disk entries of the plan give their bytes first, until that is possible.

    What the index says of those is removed by :func:`clear`, and listed as gone until then.

    Raises:
        As :meth:`dml.cache.index.Index.writing`; RetryableError when nothing that may go makes enough room.
    """
    for removal in plan.removals:
        try:
            return Index.writing(cache)
        except RetryableError:
            with contextlib.suppress(DmlError), _taken_out(cache, removal.item):
                pass
    return Index.writing(cache)


def _refuse_unknown(items: Sequence[CachedItem], names: Collection[str]) -> None:
    for name in names:
        if not any(_is_named(item, name) for item in items):
            raise ConflictError(f"{safe(name)} is not in the cache", hint="dml cache list shows what is.")


def _is_named(item: CachedItem, name: str) -> bool:
    return name in (item.name, item.key, item.rid)


def _reason(item: CachedItem, selection: Selection) -> str:
    if any(_is_named(item, name) for name in selection.names):
        return "named"
    if selection.debris and (item.kind in _LEFT or (item.kind in _ENTRIES and item.tier is Tier.NOT_CACHED)):
        return item.remark or item.kind.value
    if item.kind is Kind.OTHER:
        return ""
    if selection.everything:
        return "everything"
    if selection.before is not None and item.last_used is not None and item.last_used < selection.before:
        return f"not used since {selection.before:%Y-%m-%d %H:%M}"
    return ""


def _protections(index: Index, items: Sequence[CachedItem]) -> dict[str, str]:
    """Why entries stay, by key: a bag that deriva-ml anchored at several datasets stays when one of them is kept."""
    found: dict[str, str] = {}
    for item in items:
        reason = _protection(index, item)
        if reason:
            found.setdefault(item.key, reason)
    return found


def _protection(index: Index, item: CachedItem) -> str:
    if item.pinned:
        return "pinned"
    if item.needed_by:
        more = f" and {len(item.needed_by) - 1} more" if len(item.needed_by) > 1 else ""
        return f"needed by {item.needed_by[0]}{more}"
    if item.kind is Kind.OTHER:
        return "neither dml nor deriva-ml put it there"
    if is_locked(index.cache, _lock_name(item)):
        return "being worked on"
    return ""


class _Sizes:
    """What entries take on disk; bytes that several bags share by links count once."""

    def __init__(self, index: Index, items: Sequence[CachedItem]) -> None:
        bags = [item for item in items if item.kind is Kind.BAG]
        self._files = {item.key: bag_files(index, item.key, present=True) for item in bags}
        self._holders: Counter[str] = Counter(
            checksum for files in self._files.values() for checksum in {file.checksum for file in files}
        )
        self._own = {id(item): self._own_size(item) for item in items}
        lengths = {file.checksum: file.length for files in self._files.values() for file in files}
        self.total = sum(self._own.values()) + sum(lengths.values())

    def _own_size(self, item: CachedItem) -> int:
        """Bytes of an entry that cannot be shared."""
        if item.kind is Kind.BAG and item.assets is not None and item.bytes is not None:
            return max(item.bytes - sum(file.length for file in self._files[item.key]), 0)
        if item.bytes is not None:
            return item.bytes
        return walk_size(item.path)

    def remove(self, item: CachedItem) -> int:
        """Take an entry out; returns what that gives back."""
        freed = self._own.pop(id(item))
        for checksum, length in {file.checksum: file.length for file in self._files.pop(item.key, [])}.items():
            self._holders[checksum] -= 1
            if not self._holders[checksum]:
                freed += length
        self.total -= freed
        return freed


def _lock_name(item: CachedItem) -> str:
    name = item.key.removesuffix("_staging").removesuffix(".trash")
    try:
        return safe_file_name(name)
    except UnsafePathError:
        return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _remove(index: Index, item: CachedItem) -> None:
    """Take one thing out of the cache: its bytes first, so that this works on a full disk, then what is known of it.

    Raises:
        LockedError: A process is at work on it.
        DmlError: The disk refuses.
    """
    with _taken_out(index.cache, item):
        if item.kind is Kind.BAG:
            records.forget_bag(index, item.key)
        elif item.kind is Kind.ASSET:
            assets.forget_asset(index, item.key)


@contextlib.contextmanager
def _taken_out(cache: Cache, item: CachedItem) -> Iterator[None]:
    """Delete the bytes of an entry under its lock, which is held for the block as well."""
    directory = {Kind.BAG: cache.bags_directory, Kind.ASSET: cache.assets_directory}.get(item.kind)
    place = directory / item.key if directory else item.path
    try:
        with entry_lock(cache, _lock_name(item), wait=0):
            trash = _set_aside(place)
            if trash is not None:
                _delete(trash)
            yield
            with contextlib.suppress(OSError):
                cache.lock_path(_lock_name(item)).unlink()
    except OSError as error:
        raise DmlError(f"{safe(place)} cannot be removed: {error.strerror or error}") from error


def _set_aside(place: Path) -> Path | None:
    """Rename an entry so that nobody finds it any more; None when nothing is there."""
    trash = place.with_name(f"{place.name}.{os.urandom(4).hex()}.trash")
    try:
        return place.rename(trash)
    except FileNotFoundError:
        return None


def _delete(trash: Path) -> None:
    if trash.is_symlink() or not trash.is_dir():
        trash.unlink()
    else:
        shutil.rmtree(trash)
