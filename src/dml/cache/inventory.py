"""Everything that is in a cache, each thing for what it is: by the index and three directory listings, no file walked.

Besides dml's bags and assets there may be those of deriva-ml, directories that no index row describes, what an
interrupted extraction or deletion left, and the layout of older releases. Each is named, none is hidden.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from dml.cache.assets import AssetRecord, asset_records
from dml.cache.index import Index
from dml.cache.layout import Cache, split_asset_name
from dml.cache.pins import pins
from dml.cache.records import OURS, THEIRS, BagRecord, bag_records
from dml.cache.tiers import Tier
from dml.cache.usage import Usage

__all__ = ["CachedItem", "Kind", "take_inventory", "totals"]


class Kind(StrEnum):
    """What a thing in a cache is."""

    BAG = "bag"
    """A dataset version that the index knows."""
    ASSET = "asset"
    """A single asset."""
    ORPHAN = "orphan"
    """A directory among the bags that the index does not know."""
    DEBRIS = "debris"
    """What an interrupted extraction, export or deletion left."""
    LEGACY = "legacy"
    """A bag in the layout of releases before the index."""
    OTHER = "other"
    """Something that neither program put there."""


@dataclass(frozen=True)
class CachedItem:
    """One thing in a cache.

    Attributes:
        kind: What it is.
        name: ``RID@VERSION``, an asset's RID, or the name of a directory.
        path: Where it is.
        origin: The program that made it; empty when that is not known.
        rid, version: Of a bag's dataset, or an asset; None where it has none.
        key: The bag's key or the asset's directory name; the directory's name for all else.
        tier: How much of it is here; None when nobody has looked (``dml cache verify`` does).
        bytes: What it takes on disk, None when not known.
        assets, missing, missing_bytes: Of a bag: its files, and those that are not here.
        last_used: When a run or a user last asked for it; when it was last changed, where that is not known.
        verified_at: When all its checksums were last found right.
        pinned: Whether it is kept whatever happens.
        used_by: Executions that have it as input, the latest first.
        needed_by: Those of them that still need it.
        remark: What there is to say besides.
    """

    kind: Kind
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
    remark: str = ""


_PARTS = {"bags", "assets", "dml-locks", "dml-pins.json"}
_LEGACY = re.compile(r"([0-9A-Z][0-9A-Z-]*)_([0-9a-f]{40,128})")


def take_inventory(index: Index, usage: Usage, *, workspace_root: Path | None = None) -> list[CachedItem]:
    """All things in a cache: bags, assets, then the rest, each by name.

    Args:
        index: The index.
        usage: Who uses what.
        workspace_root: Where older releases left bags besides.
    """
    cache = index.cache
    items = [*_bags(index, usage), *_assets(index, usage), *_others(cache)]
    if workspace_root is not None:
        items += [_legacy(entry) for entry in _entries(workspace_root) if _is_legacy(entry)]
    order = list(Kind)
    return sorted(items, key=lambda item: (order.index(item.kind), item.name, item.key))


@dataclass(frozen=True)
class Totals:
    """A cache in one line: its datasets, those that miss files, its assets, and the bytes that are known of."""

    bags: int
    incomplete: int
    assets: int
    bytes: int


def totals(index: Index) -> Totals:
    """What the index alone says, for a line in an overview; no directory is read."""
    bags = bag_records(index)
    single = asset_records(index)
    size = sum(record.bytes_here or 0 for record in bags) + sum(record.length for record in single)
    return Totals(len(bags), sum(record.tier is Tier.INCOMPLETE for record in bags), len(single), size)


def _bags(index: Index, usage: Usage) -> Iterator[CachedItem]:
    cache, pinned = index.cache, {rid for rid, version in pins(index) if version}
    there = {entry.name: entry for entry in _entries(cache.bags_directory)}
    known = set()
    for record in bag_records(index):
        known.add(record.key)
        yield _bag(record, cache, usage, there.get(record.key))
    for name, entry in there.items():
        if name not in known:
            yield _unknown_bag(entry, usage, pinned)


def _bag(record: BagRecord, cache: Cache, usage: Usage, entry: os.DirEntry[str] | None) -> CachedItem:
    here = entry is not None and entry.is_dir(follow_symlinks=False)
    version = record.version or ""
    remark = ""
    if not here:
        remark = "its directory is gone"
    elif record.target not in (None, str(cache.target)):
        remark = f"of {record.target}"
    elif record.assets is None:
        remark = "not looked at yet: dml cache verify"
    elif record.excluded:
        remark = f"without {', '.join(record.excluded)}"
    return CachedItem(
        Kind.BAG,
        record.name,
        cache.bag_directory(record.key, record.dataset_rid),
        record.origin,
        record.dataset_rid,
        record.version,
        record.key,
        record.tier if here else Tier.NOT_CACHED,
        record.bytes_here if here else 0,
        record.assets,
        record.missing,
        record.missing_bytes,
        record.last_used,
        record.verified_at,
        record.pinned,
        usage.users_of(record.dataset_rid, version),
        usage.needers_of(record.dataset_rid, version),
        remark,
    )


def _unknown_bag(entry: os.DirEntry[str], usage: Usage, pinned: Collection[str]) -> CachedItem:
    """A directory that the index does not know. Which version it holds is not known either, so any may be needed."""
    path = Path(entry.path)
    changed = _changed(entry)
    if entry.is_symlink():
        return CachedItem(Kind.OTHER, entry.name, path, key=entry.name, last_used=changed, remark="a symbolic link")
    if not entry.is_dir(follow_symlinks=False):
        return CachedItem(Kind.OTHER, entry.name, path, key=entry.name, last_used=changed, remark="not a directory")
    for ending, remark in (("_staging", "an interrupted extraction"), (".trash", "an interrupted deletion")):
        if entry.name.endswith(ending):
            return CachedItem(Kind.DEBRIS, entry.name, path, key=entry.name, last_used=changed, remark=remark)
    inside = next((one.name for one in _entries(path) if one.name.startswith("Dataset_")), None)
    origin = OURS if entry.name.startswith("dml-") else THEIRS
    if inside is None:
        return CachedItem(
            Kind.DEBRIS, entry.name, path, origin, key=entry.name, last_used=changed, remark="an interrupted export"
        )
    rid = inside.removeprefix("Dataset_")
    return CachedItem(
        Kind.ORPHAN,
        entry.name,
        path,
        origin,
        rid,
        key=entry.name,
        last_used=changed,
        pinned=rid in pinned,
        needed_by=usage.needers_of_any(rid),
        remark=f"a bag of {rid} that the index does not know",
    )


def _assets(index: Index, usage: Usage) -> Iterator[CachedItem]:
    cache = index.cache
    pinned = pins(index)
    there = {entry.name: entry for entry in _entries(cache.assets_directory)}
    known = {record.name: record for record in asset_records(index)}
    for name in sorted(there.keys() | known.keys()):
        yield _asset(name, cache, usage, pinned, there.get(name), known.get(name))


def _asset(
    name: str,
    cache: Cache,
    usage: Usage,
    pinned: set[tuple[str, str]],
    entry: os.DirEntry[str] | None,
    record: AssetRecord | None,
) -> CachedItem:
    path = cache.assets_directory / name
    parts = split_asset_name(name)
    changed = _changed(entry) if entry else None
    if entry is not None and (parts is None or not entry.is_dir(follow_symlinks=False)):
        remark = "a symbolic link" if entry.is_symlink() else "not an asset"
        kind = Kind.DEBRIS if name.endswith(".trash") else Kind.OTHER
        return CachedItem(kind, name, path, key=name, last_used=changed, remark=remark)
    rid = record.rid if record else (parts or (name, ""))[0]
    remark = "" if record else "not looked at yet: dml cache verify"
    if entry is None:
        remark = "its directory is gone"
    return CachedItem(
        kind=Kind.ASSET,
        name=rid,
        path=path / record.filename if record else path,
        origin=OURS if record else THEIRS,
        rid=rid,
        key=name,
        tier=Tier.NOT_CACHED if entry is None else Tier.MATERIALIZED if record and record.verified_at else None,
        bytes=0 if entry is None else record.length if record else None,
        last_used=record.last_used if record else changed,
        verified_at=record.verified_at if record else None,
        pinned=(rid, "") in pinned,
        used_by=usage.users_of(rid),
        needed_by=tuple(dict.fromkeys((*usage.needers_of(rid), *usage.linked.get(name, ())))),
        remark=remark,
    )


def _others(cache: Cache) -> Iterator[CachedItem]:
    """What is in the cache's own directory besides its parts."""
    for entry in _entries(cache.root):
        if entry.name in _PARTS or entry.name.startswith("index.sqlite"):
            continue
        if _is_legacy(entry):
            yield _legacy(entry)
            continue
        is_temporary = entry.name.startswith("tmp") and entry.is_dir(follow_symlinks=False)
        yield CachedItem(
            Kind.DEBRIS if is_temporary else Kind.OTHER,
            entry.name,
            Path(entry.path),
            key=entry.name,
            last_used=_changed(entry),
            remark="an interrupted export" if is_temporary else "",
        )


def _is_legacy(entry: os.DirEntry[str]) -> bool:
    return _LEGACY.fullmatch(entry.name) is not None and entry.is_dir(follow_symlinks=False)


def _legacy(entry: os.DirEntry[str]) -> CachedItem:
    match = _LEGACY.fullmatch(entry.name)
    rid = match[1] if match else None
    return CachedItem(
        Kind.LEGACY,
        entry.name,
        Path(entry.path),
        THEIRS,
        rid,
        key=entry.name,
        last_used=_changed(entry),
        remark=f"a bag of {rid} in the layout of an older release",
    )


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _changed(entry: os.DirEntry[str]) -> datetime | None:
    try:
        return datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
    except OSError:
        return None
