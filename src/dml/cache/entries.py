"""The entries of a cache: bags, assets and everything else that lies in its directory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dml.cache.tiers import Tier

__all__ = ["CacheEntry", "EntryKind"]


class EntryKind(StrEnum):
    """What an entry is."""

    BAG = "bag"
    """A dataset version that the index knows."""
    ASSET = "asset"
    """A single asset."""
    ORPHAN = "orphan"
    """A bag that the index does not know."""
    DEBRIS = "debris"
    """Left over from an interrupted extraction, export or deletion."""
    LEGACY = "legacy"
    """A bag in the layout of deriva-ml before it had an index."""
    OTHER = "other"
    """Not created by dml or deriva-ml."""


@dataclass(frozen=True)
class CacheEntry:
    """One entry of a cache.

    Attributes:
        kind: What it is.
        name: ``RID@VERSION``, an asset's RID, or the name of a directory.
        path: The bag, the file of an asset, or the directory.
        origin: The program that created it; empty when unknown.
        rid, version: The dataset and its version, or the asset; None for other kinds.
        key: The bag's key or the name of the asset's directory; for other kinds the name of the directory.
        tier: How much of it is cached; None when it has not been verified (``dml cache verify`` does).
        bytes: Its size on disk; None when unknown.
        assets: Number of files of a bag.
        missing, missing_bytes: Number and size of those that are not cached.
        last_used: When a run or a user last requested it; its modification time, if that is not known.
        verified_at: When all its checksums were last found correct.
        pinned: Whether clearing keeps it in any case.
        used_by: Executions that have it as an input, latest first.
        needed_by: Those of them that are still open.
        note: Further information for people.
    """

    kind: EntryKind
    name: str
    path: Path
    origin: str = ""
    rid: str | None = None
    version: str | None = None
    key: str = ""
    tier: Tier | None = None
    bytes: int | None = None
    assets: int | None = None
    missing: int | None = None
    missing_bytes: int | None = None
    last_used: datetime | None = None
    verified_at: datetime | None = None
    pinned: bool = False
    used_by: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()
    note: str = ""

    def is_named(self, name: str) -> bool:
        """Whether a user may mean this entry by a name: its own, its RID, or the name of its directory."""
        return name in (self.name, self.rid, self.key)
