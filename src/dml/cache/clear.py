"""``dml cache clear``: carries out what ``clear_plan`` decided."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from dml.cache.asset_records import forget_asset
from dml.cache.bag_records import forget_bag
from dml.cache.clear_plan import ClearPlan, Decision
from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.remove import deleted
from dml.errors import DmlError, RetryableError

__all__ = ["Cleared", "clear"]


@dataclass(frozen=True)
class Cleared:
    """What was removed, and what was kept with the reason."""

    removed: tuple[Decision, ...]
    kept: tuple[Decision, ...]

    @property
    def bytes(self) -> int:
        """What was freed."""
        return sum(decision.bytes for decision in self.removed)


def clear(cache: Cache, plan: ClearPlan) -> Cleared:
    """Carry out a plan; an entry that is in use by now is kept. Writes the cache and its index.

    On a full disk the index cannot be opened for writing; then entries of the plan are deleted first, until it can.

    Raises:
        DmlError: As :meth:`dml.cache.index.Index.writing`; RetryableError when deleting frees too little.
    """
    removed, kept = [], list(plan.kept)
    if not plan.removed:
        return Cleared((), plan.kept)
    with _open_index(cache, plan) as index:
        for decision in plan.removed:
            try:
                _remove(index, decision.entry)
            except DmlError as error:
                kept.append(Decision(decision.entry, 0, error.message))
            else:
                removed.append(decision)
    return Cleared(tuple(removed), tuple(kept))


def _open_index(cache: Cache, plan: ClearPlan) -> Index:
    for decision in plan.removed:
        try:
            return Index.writing(cache)
        except RetryableError:
            with contextlib.suppress(DmlError), deleted(cache, decision.entry):
                pass
    return Index.writing(cache)


def _remove(index: Index, entry: CacheEntry) -> None:
    """Delete the bytes of an entry, then its rows: the bytes first, so that this works on a full disk."""
    with deleted(index.cache, entry):
        if entry.kind is EntryKind.BAG:
            forget_bag(index, entry.key)
        elif entry.kind is EntryKind.ASSET:
            forget_asset(index, entry.key)
