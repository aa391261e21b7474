"""Single assets in the cache: fetched once, verified when they came, noticed when they were touched since.

The name of an asset's directory carries its RID and MD5. The file's identity (inode, size, time of change) is recorded
when its bytes were verified; as long as it is the same they are not read again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.bag_contents import has_size
from dml.cache.fetch import Fetched, FileToFetch, fetch_files, require_space
from dml.cache.index import Index
from dml.cache.locks import WAIT, entry_lock
from dml.dataset.bagit import payload_path
from dml.errors import IntegrityError, NotFoundError, UsageError
from dml.progress import SILENT, Progress
from dml.workspace.files import check_inside
from dml.workspace.names import safe_file_name
from dml.workspace.times import read_time

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "AssetRecord",
    "AssetToCache",
    "WarmAsset",
    "asset_records",
    "enter_asset",
    "find_asset_row",
    "forget_asset",
    "mark_asset_verified",
    "same_content",
    "warm_asset",
]


@dataclass(frozen=True)
class AssetToCache:
    """An asset as its catalog row describes it.

    Attributes:
        rid: Its RID.
        url: Where its bytes are: the row's ``URL``.
        filename: Its file name.
        length: Bytes.
        md5: MD5 in hexadecimal.
    """

    rid: str
    url: str
    filename: str
    length: int
    md5: str

    @classmethod
    def from_row(cls, row: dict[str, object]) -> AssetToCache:
        """Read a row of an asset table.

        Raises:
            IntegrityError: It has no MD5 or length to verify the bytes by.
        """
        rid, length, md5 = str(row["RID"]), row.get("Length"), row.get("MD5")
        if not isinstance(length, int) or not md5:
            raise IntegrityError(f"asset {rid} has no length or MD5 in the catalog; it cannot be kept in the cache")
        return cls(rid, str(row["URL"]), str(row.get("Filename") or rid), length, str(md5).lower())


@dataclass(frozen=True)
class WarmAsset:
    """An asset in the cache: its file, and what had to come for it."""

    path: Path
    fetched: Fetched


@dataclass(frozen=True)
class AssetRecord:
    """An asset as the index knows it.

    Attributes:
        name: The name of its directory, ``<RID>_<MD5>``.
        target: Its catalog, ``host/id``.
        rid, md5, filename, length: What it is.
        stamp: Identity of the file when it was last verified.
        last_used: When a run or a user last asked for it.
        verified_at: When its bytes were last read and found right.
        pinned: Whether it is kept whatever happens.
    """

    name: str
    target: str
    rid: str
    md5: str
    filename: str
    length: int
    stamp: str
    last_used: datetime | None
    verified_at: datetime | None
    pinned: bool


def warm_asset(
    index: Index,
    catalog: Catalog,
    asset: AssetToCache,
    *,
    progress: Progress = SILENT,
    wait: float = WAIT,
) -> WarmAsset:
    """Have an asset in the cache; one that is there whole costs no request and, when nothing touched it, no reading.

    Raises:
        NotFoundError: Its bytes are gone from the object store.
        IntegrityError: They are not those the catalog describes.
        UnsafePathError: Its file name cannot be one, or a symbolic link is in the way.
        LockedError: Another process is still at work on it.
        RetryableError: The network, or too little room.
    """
    cache = index.cache
    name = cache.asset_name(asset.rid, asset.md5)
    directory = cache.asset_directory(name)
    place = directory / safe_file_name(asset.filename)
    check_inside(cache.root, place)
    with entry_lock(cache, name, wait=wait, progress=progress):
        known = next(iter(asset_records(index, name=name)), None)
        if known and known.stamp == stamp(place) and has_size(place, asset.length):
            _mark_used(index, name)
            return WarmAsset(place, Fetched())
        same = _in_bags(index, asset)
        require_space(cache.root, 0 if same or has_size(place, asset.length) else asset.length)
        file = FileToFetch(
            item=f"{asset.rid}/{asset.filename}",
            url=asset.url,
            place=place,
            partial=cache.partial_path(directory, asset.filename),
            length=asset.length,
            checksum=asset.md5,
            same=same,
        )
        try:
            fetched = fetch_files(
                catalog, cache.root, [file], record=lambda _: enter_asset(index, name, asset, place), progress=progress
            )
        finally:
            with contextlib.suppress(OSError):
                file.partial.parent.rmdir()
        return WarmAsset(place, fetched)


def asset_records(index: Index, *, rid: str | None = None, name: str | None = None) -> list[AssetRecord]:
    """The assets of the index, by name; only those of one RID, or with one name."""
    query = (
        "SELECT a.*, EXISTS (SELECT 1 FROM dml_pins AS p WHERE p.target = a.target AND p.rid = a.rid"
        " AND p.version = '') AS pinned FROM dml_assets AS a"
        " WHERE (:rid IS NULL OR a.rid = :rid) AND (:name IS NULL OR a.name = :name) ORDER BY a.name"
    )
    return index.read(
        lambda connection: [_record(row) for row in connection.execute(query, {"rid": rid, "name": name})]
    )


def find_asset_row(catalog: Catalog, rid: str) -> AssetToCache:
    """An asset as the catalog describes it now, in two requests.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is a row of another kind of table.
        IntegrityError: It has no MD5 or length.
    """
    from dml.catalog.rows import locate, select

    location = locate(catalog, [rid]).get(rid)
    if location is None or location.deleted:
        raise NotFoundError(f"No row {rid} in {catalog.target}")
    table = catalog.schema().tables.get(location.qualified_name)
    if table is None or not table.is_asset:
        raise UsageError(f"{rid} is a row of {location.table}, neither a dataset nor an asset")
    rows = select(catalog, location.qualified_name, where={"RID": rid})
    if not rows:
        raise NotFoundError(f"{rid} was deleted from {location.table} a moment ago")
    return AssetToCache.from_row(rows[0])


def mark_asset_verified(index: Index, name: str, place: Path | None) -> None:
    """Record that an asset's bytes were found right now; with None, that they were not."""
    with index.transaction() as connection:
        connection.execute(
            "UPDATE dml_assets SET verified_at = ?, stamp = ? WHERE name = ?",
            (index.now() if place else None, stamp(place) if place else "", name),
        )


def forget_asset(index: Index, name: str) -> None:
    """Remove an asset from the index; its directory is the caller's business."""
    with index.transaction() as connection:
        connection.execute("DELETE FROM dml_assets WHERE name = ?", (name,))


def same_content(index: Index, key: str) -> dict[tuple[str, int], list[Path]]:
    """Single assets that hold the bytes of files that a bag misses, by MD5 and length."""
    query = (
        "SELECT f.md5, f.length, a.name, a.filename FROM dml_files AS f"
        " JOIN dml_assets AS a ON a.md5 = f.md5 AND a.length = f.length WHERE f.checksum = ? AND NOT f.present"
    )
    found: dict[tuple[str, int], list[Path]] = defaultdict(list)
    for row in index.read(lambda connection: connection.execute(query, (key,)).fetchall()):
        place = index.cache.asset_directory(row["name"]) / safe_file_name(row["filename"])
        found[row["md5"], row["length"]].append(place)
    return found


def stamp(place: Path) -> str:
    """What changes when a file is replaced or written to: inode, size and the times of change; empty without a file."""
    try:
        status = os.lstat(place)
    except OSError:
        return ""
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def _in_bags(index: Index, asset: AssetToCache) -> tuple[Path, ...]:
    query = (
        "SELECT f.checksum, d.dataset_rid, f.path FROM dml_files AS f JOIN dml_bags AS d ON d.checksum = f.checksum"
        " WHERE f.md5 = ? AND f.length = ? AND f.present LIMIT 3"
    )
    rows = index.read(lambda connection: connection.execute(query, (asset.md5, asset.length)).fetchall())
    cache = index.cache
    return tuple(payload_path(cache.bag_directory(row["checksum"], row["dataset_rid"]), row["path"]) for row in rows)


def enter_asset(index: Index, name: str, asset: AssetToCache, place: Path) -> None:
    """Enter an asset whose bytes were found right just now."""
    now = index.now()
    with index.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO dml_assets (name, target, rid, md5, filename, length, stamp, stored_at, last_used,"
            " verified_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                name,
                str(index.cache.target),
                asset.rid,
                asset.md5,
                place.name,
                asset.length,
                stamp(place),
                now,
                now,
                now,
            ),
        )


def _mark_used(index: Index, name: str) -> None:
    with index.transaction() as connection:
        connection.execute("UPDATE dml_assets SET last_used = ? WHERE name = ?", (index.now(), name))


def _record(row: sqlite3.Row) -> AssetRecord:
    return AssetRecord(
        name=row["name"],
        target=row["target"],
        rid=row["rid"],
        md5=row["md5"],
        filename=row["filename"],
        length=row["length"],
        stamp=row["stamp"],
        last_used=read_time(row["last_used"]),
        verified_at=read_time(row["verified_at"]),
        pinned=bool(row["pinned"]),
    )
