"""Rows of the index about single assets.

The name of an asset's directory holds its RID and MD5. When its bytes are verified, the identity of the file (inode,
size, modification time) is recorded; while that is unchanged the bytes are not read again.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.errors import IntegrityError
from dml.workspace.names import safe_file_name
from dml.workspace.times import parse_time

__all__ = [
    "AssetToCache",
    "CachedAssetRecord",
    "asset_records",
    "copies_in_assets",
    "file_identity",
    "forget_asset",
    "mark_asset_used",
    "mark_asset_verified",
    "record_asset",
]


@dataclass(frozen=True)
class AssetToCache:
    """An asset as its catalog row describes it.

    Attributes:
        rid: RID.
        url: Path of its bytes on the catalog's host: the column ``URL``.
        filename: File name.
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
            IntegrityError: It has no MD5 or length by which the bytes could be verified.
        """
        rid, length, md5 = str(row["RID"]), row.get("Length"), row.get("MD5")
        if not isinstance(length, int) or not md5:
            raise IntegrityError(f"Asset {rid} has no length or MD5 in the catalog and cannot be cached")
        return cls(rid, str(row["URL"]), str(row.get("Filename") or rid), length, str(md5).lower())


@dataclass(frozen=True)
class CachedAssetRecord:
    """An asset as the index knows it.

    Attributes:
        name: Name of its directory, ``<RID>_<MD5>``.
        target: Its catalog, ``host/id``.
        rid, md5, filename, length: As its catalog row had them.
        identity: ``file_identity`` of the file when it was last verified; empty when it is damaged.
        last_used: When a run or a user last requested it.
        verified_at: When its bytes were last read and found correct.
        pinned: Whether clearing keeps it in any case.
    """

    name: str
    target: str
    rid: str
    md5: str
    filename: str
    length: int
    identity: str
    last_used: datetime | None
    verified_at: datetime | None
    pinned: bool

    def path(self, cache: Cache) -> Path:
        """The file."""
        return cache.asset_directory(self.name) / self.filename


def asset_records(index: Index, *, rid: str | None = None, name: str | None = None) -> list[CachedAssetRecord]:
    """The assets of the index by name; only those with this RID, or with this name."""
    query = (
        "SELECT a.*, EXISTS (SELECT 1 FROM dml_pins AS p WHERE p.target = a.target AND p.rid = a.rid"
        " AND p.version = '') AS pinned FROM dml_assets AS a"
        " WHERE (:rid IS NULL OR a.rid = :rid) AND (:name IS NULL OR a.name = :name) ORDER BY a.name"
    )
    return index.read(
        lambda connection: [_record(row) for row in connection.execute(query, {"rid": rid, "name": name})]
    )


def record_asset(index: Index, name: str, asset: AssetToCache, path: Path) -> None:
    """Record an asset whose bytes were found correct now."""
    now, target = index.now(), str(index.cache.target)
    values = (name, target, asset.rid, asset.md5, path.name, asset.length, file_identity(path), now, now, now)
    with index.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO dml_assets (name, target, rid, md5, filename, length, stamp, stored_at, last_used,"
            " verified_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )


def mark_asset_used(index: Index, name: str) -> None:
    """Record that an asset was requested now."""
    with index.transaction() as connection:
        connection.execute("UPDATE dml_assets SET last_used = ? WHERE name = ?", (index.now(), name))


def mark_asset_verified(index: Index, name: str, path: Path | None) -> None:
    """Record that the bytes of an asset were found correct now; None says that they were not."""
    with index.transaction() as connection:
        connection.execute(
            "UPDATE dml_assets SET verified_at = ?, stamp = ? WHERE name = ?",
            (index.now() if path else None, file_identity(path) if path else "", name),
        )


def forget_asset(index: Index, name: str) -> None:
    """Delete the row of an asset; its directory is left to the caller."""
    with index.transaction() as connection:
        connection.execute("DELETE FROM dml_assets WHERE name = ?", (name,))


def copies_in_assets(index: Index, key: str) -> dict[tuple[str, int], list[Path]]:
    """Single assets with the content of files that a bag lacks, by MD5 and length."""
    query = (
        "SELECT f.md5, f.length, a.name, a.filename FROM dml_files AS f"
        " JOIN dml_assets AS a ON a.md5 = f.md5 AND a.length = f.length WHERE f.checksum = ? AND NOT f.present"
    )
    copies: dict[tuple[str, int], list[Path]] = defaultdict(list)
    for row in index.read(lambda connection: connection.execute(query, (key,)).fetchall()):
        path = index.cache.asset_directory(row["name"]) / safe_file_name(row["filename"])
        copies[row["md5"], row["length"]].append(path)
    return copies


def file_identity(path: Path) -> str:
    """Inode, size and modification time, which change when a file is replaced or written to; empty without a file."""
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def _record(row: sqlite3.Row) -> CachedAssetRecord:
    return CachedAssetRecord(
        name=row["name"],
        target=row["target"],
        rid=row["rid"],
        md5=row["md5"],
        filename=row["filename"],
        length=row["length"],
        identity=row["stamp"],
        last_used=parse_time(row["last_used"]),
        verified_at=parse_time(row["verified_at"]),
        pinned=bool(row["pinned"]),
    )
