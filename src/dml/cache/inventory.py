"""Lists all entries of a cache from its index and a few directory listings, without walking any files.

Besides the bags and assets of dml there may be those of deriva-ml, directories without a row in the index, leftovers of
interrupted work, and bags in an older layout. All of them are listed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dml.cache.asset_records import CachedAssetRecord, asset_records
from dml.cache.bag_records import BagRecord, Origin, bag_records
from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.index import Index
from dml.cache.layout import Cache, split_asset_name
from dml.cache.pins import list_pins
from dml.cache.tiers import Tier
from dml.cache.usage import Usage

__all__ = ["Totals", "list_entries", "totals"]

_PARTS = {"bags", "assets", "dml-locks", "dml-pins.json"}
_LEGACY = re.compile(r"([0-9A-Z][0-9A-Z-]*)_([0-9a-f]{40,128})")
_NOT_VERIFIED = "not verified yet: dml cache verify"


@dataclass(frozen=True)
class Totals:
    """Number of dataset versions, of those that lack files, and of assets; and their size on disk as far as known."""

    bags: int
    incomplete: int
    assets: int
    bytes: int


def totals(index: Index) -> Totals:
    """Sum up the index for one line of an overview; no directory is read."""
    bags = bag_records(index)
    assets = asset_records(index)
    size = sum(record.cached_bytes or 0 for record in bags) + sum(record.length for record in assets)
    return Totals(len(bags), sum(record.tier is Tier.INCOMPLETE for record in bags), len(assets), size)


def list_entries(index: Index, usage: Usage, *, workspace_root: Path | None = None) -> list[CacheEntry]:
    """All entries of a cache: bags, assets, then the other kinds, each by name.

    Args:
        index: The index.
        usage: Which executions use what.
        workspace_root: Where deriva-ml used to keep bags before it had a cache directory; None does not look there.
    """
    entries = [*_bags(index, usage), *_assets(index, usage), *_others(index.cache)]
    if workspace_root is not None:
        entries += [_legacy(item) for item in _scan(workspace_root) if _is_legacy(item)]
    order = list(EntryKind)
    return sorted(entries, key=lambda entry: (order.index(entry.kind), entry.name, entry.key))


def _bags(index: Index, usage: Usage) -> Iterator[CacheEntry]:
    cache, pinned = index.cache, {rid for rid, version in list_pins(index) if version}
    directories = {item.name: item for item in _scan(cache.bags_directory)}
    known = set()
    for record in bag_records(index):
        known.add(record.key)
        yield _bag(record, cache, usage, directories.get(record.key))
    for name, item in directories.items():
        if name not in known:
            yield _unknown_bag(item, usage, pinned)


def _bag(record: BagRecord, cache: Cache, usage: Usage, item: os.DirEntry[str] | None) -> CacheEntry:
    exists = item is not None and item.is_dir(follow_symlinks=False)
    version = record.version or ""
    note = ""
    if not exists:
        note = "directory missing"
    elif record.target not in (None, str(cache.target)):
        note = f"from {record.target}"
    elif record.assets is None:
        note = _NOT_VERIFIED
    elif record.excluded:
        note = f"without {', '.join(record.excluded)}"
    return CacheEntry(
        EntryKind.BAG,
        record.name,
        record.path(cache),
        record.origin,
        record.dataset_rid,
        record.version,
        record.key,
        record.tier if exists else Tier.NOT_CACHED,
        record.cached_bytes if exists else 0,
        record.assets,
        record.missing,
        record.missing_bytes,
        record.last_used,
        record.verified_at,
        record.pinned,
        usage.used_by(record.dataset_rid, version),
        usage.needed_by(record.dataset_rid, version),
        note,
    )


def _unknown_bag(item: os.DirEntry[str], usage: Usage, pinned: Collection[str]) -> CacheEntry:
    """A directory without a row in the index. Its version is unknown, so a pin or need of any version protects it."""
    if item.is_symlink():
        return _entry(item, EntryKind.OTHER, "symbolic link")
    if not item.is_dir(follow_symlinks=False):
        return _entry(item, EntryKind.OTHER, "not a directory")
    for suffix, note in (("_staging", "interrupted extraction"), (".trash", "interrupted deletion")):
        if item.name.endswith(suffix):
            return _entry(item, EntryKind.DEBRIS, note)
    bag = next((child.name for child in _scan(Path(item.path)) if child.name.startswith("Dataset_")), None)
    origin = Origin.DML if item.name.startswith("dml-") else Origin.DERIVA_ML
    if bag is None:
        return _entry(item, EntryKind.DEBRIS, "interrupted export", origin)
    rid = bag.removeprefix("Dataset_")
    return CacheEntry(
        EntryKind.ORPHAN,
        item.name,
        Path(item.path),
        origin,
        rid,
        key=item.name,
        last_used=_modified(item),
        pinned=rid in pinned,
        needed_by=usage.needed_by_any_version(rid),
        note=f"bag of {rid}, not in the index",
    )


def _assets(index: Index, usage: Usage) -> Iterator[CacheEntry]:
    cache = index.cache
    pinned = list_pins(index)
    directories = {item.name: item for item in _scan(cache.assets_directory)}
    records = {record.name: record for record in asset_records(index)}
    for name in sorted(directories.keys() | records.keys()):
        yield _asset(name, cache, usage, pinned, directories.get(name), records.get(name))


def _asset(
    name: str,
    cache: Cache,
    usage: Usage,
    pinned: set[tuple[str, str]],
    item: os.DirEntry[str] | None,
    record: CachedAssetRecord | None,
) -> CacheEntry:
    parts = split_asset_name(name)
    if item is not None and (parts is None or not item.is_dir(follow_symlinks=False)):
        kind = EntryKind.DEBRIS if name.endswith(".trash") else EntryKind.OTHER
        return _entry(item, kind, "symbolic link" if item.is_symlink() else "not an asset")
    rid = record.rid if record else (parts or (name, ""))[0]
    return CacheEntry(
        EntryKind.ASSET,
        rid,
        record.path(cache) if record else cache.assets_directory / name,
        Origin.DML if record else Origin.DERIVA_ML,
        rid,
        key=name,
        tier=Tier.NOT_CACHED if item is None else Tier.MATERIALIZED if record and record.verified_at else None,
        bytes=0 if item is None else record.length if record else None,
        last_used=record.last_used if record else _modified(item) if item else None,
        verified_at=record.verified_at if record else None,
        pinned=(rid, "") in pinned,
        used_by=usage.used_by(rid),
        needed_by=tuple(dict.fromkeys((*usage.needed_by(rid), *usage.linked_by.get(name, ())))),
        note="directory missing" if item is None else "" if record else _NOT_VERIFIED,
    )


def _others(cache: Cache) -> Iterator[CacheEntry]:
    """What lies in the cache's own directory besides its parts."""
    for item in _scan(cache.root):
        if item.name in _PARTS or item.name.startswith("index.sqlite"):
            continue
        if _is_legacy(item):
            yield _legacy(item)
        elif item.name.startswith("tmp") and item.is_dir(follow_symlinks=False):
            yield _entry(item, EntryKind.DEBRIS, "interrupted export")
        else:
            yield _entry(item, EntryKind.OTHER)


def _is_legacy(item: os.DirEntry[str]) -> bool:
    return _LEGACY.fullmatch(item.name) is not None and item.is_dir(follow_symlinks=False)


def _legacy(item: os.DirEntry[str]) -> CacheEntry:
    rid = item.name.rpartition("_")[0]
    return _entry(item, EntryKind.LEGACY, f"bag of {rid} in an older layout", Origin.DERIVA_ML, rid)


def _entry(
    item: os.DirEntry[str], kind: EntryKind, note: str = "", origin: str = "", rid: str | None = None
) -> CacheEntry:
    return CacheEntry(
        kind, item.name, Path(item.path), origin, rid, key=item.name, last_used=_modified(item), note=note
    )


def _scan(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as items:
            return sorted(items, key=lambda item: item.name)
    except OSError:
        return []


def _modified(item: os.DirEntry[str]) -> datetime | None:
    try:
        return datetime.fromtimestamp(item.stat(follow_symlinks=False).st_mtime, UTC)
    except OSError:
        return None
