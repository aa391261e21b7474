"""Rows of the index about bags: which dataset version each one holds, how much of it is cached, when it was used.

Each function that writes runs in one durable transaction, or joins the one that is open. Listing reads one row per bag,
however many files it has: ``bag_files`` keeps the counts of files up to date in that row.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from dml.cache.bag_files import BagFile, record_files
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.schema import DATASET_ANCHOR
from dml.cache.tiers import Tier, tier_of
from dml.workspace.times import parse_time

__all__ = [
    "BagIdentity",
    "BagRecord",
    "Origin",
    "add_bag",
    "bag_records",
    "find_bag",
    "forget_bag",
    "mark_used",
    "mark_verified",
]


class Origin(StrEnum):
    """The program that created an entry."""

    DML = "dml"
    DERIVA_ML = "deriva-ml"


@dataclass(frozen=True)
class BagIdentity:
    """What a bag holds.

    Attributes:
        key: Its key, the name of its directory.
        dataset_rid, version: The dataset version.
        snapshot: The snaptime at which it was read; None for deriva-ml's bags without one.
        excluded: Tables that it leaves out, sorted.
        origin: The program that created it.
    """

    key: str
    dataset_rid: str
    version: str
    snapshot: str | None
    excluded: tuple[str, ...] = ()
    origin: str = Origin.DML

    def path(self, cache: Cache) -> Path:
        """The directory of the bag."""
        return cache.bag_directory(self.key, self.dataset_rid)


@dataclass(frozen=True)
class BagRecord:
    """A bag as the index knows it. One that deriva-ml recorded and dml has not examined yet has no counts.

    Attributes:
        key: Its key, the name of its directory.
        dataset_rid: RID of the dataset.
        version: Its version; None when deriva-ml did not record one.
        target: The catalog, ``host/id``; None when dml has not examined the bag.
        snapshot: The snaptime at which it was read.
        excluded: Tables that it leaves out.
        origin: The program that created it.
        tag_md5: MD5 of its tag manifest when it was recorded; empty when unknown.
        metadata_bytes: Size of everything but its files; None when unknown.
        assets, asset_bytes: Number and size of its files; None when unknown.
        missing, missing_bytes: Number and size of the files that are not cached; None when unknown.
        size_bytes: Its size on disk as the index records it; None when it does not.
        last_used: When a run or a user last requested it; when it was created, if that is not known.
        verified_at: When all its checksums were last found correct.
        pinned: Whether clearing keeps it in any case.
    """

    key: str
    dataset_rid: str
    version: str | None
    target: str | None
    snapshot: str | None
    excluded: tuple[str, ...]
    origin: str
    tag_md5: str
    metadata_bytes: int | None
    assets: int | None
    asset_bytes: int | None
    missing: int | None
    missing_bytes: int | None
    size_bytes: int | None
    last_used: datetime | None
    verified_at: datetime | None
    pinned: bool

    @property
    def tier(self) -> Tier | None:
        """How much of it is cached, by the index; None when dml has not examined it."""
        if self.assets is None or self.missing is None:
            return None
        return tier_of(self.assets, self.missing)

    @property
    def cached_bytes(self) -> int | None:
        """Its size on disk as far as the index knows."""
        if self.metadata_bytes is None or self.asset_bytes is None or self.missing_bytes is None:
            return self.size_bytes
        return self.metadata_bytes + self.asset_bytes - self.missing_bytes

    @property
    def name(self) -> str:
        """``RID@VERSION``."""
        return f"{self.dataset_rid}@{self.version}" if self.version else self.dataset_rid

    def path(self, cache: Cache) -> Path:
        """The directory of the bag."""
        return cache.bag_directory(self.key, self.dataset_rid)


# A pin is matched by dataset and version. For a bag of deriva-ml the version is in the JSON of its row, which may be
# anything, so it is only parsed when SQLite says that it is valid.
_SELECT = """
    SELECT b.checksum, b.built_at, b.anchor_summary_json, b.size_bytes, a.rid AS anchor, d.*,
      EXISTS (SELECT 1 FROM dml_pins AS p WHERE p.rid = a.rid AND p.target = coalesce(d.target, :target)
              AND p.version = coalesce(d.version, json_extract(CASE WHEN json_valid(b.anchor_summary_json)
                  THEN b.anchor_summary_json ELSE '{}' END, '$.version'), '')) AS pinned
    FROM bags AS b JOIN bag_anchor_rids AS a ON a.checksum = b.checksum AND a."table" = :anchor
    LEFT JOIN dml_bags AS d ON d.checksum = b.checksum AND d.dataset_rid = a.rid"""


def bag_records(index: Index, *, dataset_rid: str | None = None, key: str | None = None) -> list[BagRecord]:
    """Bags of the index, newest first; one that deriva-ml anchored at several datasets is listed once for each.

    Args:
        index: The index.
        dataset_rid: Only bags of this dataset.
        key: Only the bag with this key.
    """
    query = (
        f"{_SELECT} WHERE (:rid IS NULL OR a.rid = :rid) AND (:key IS NULL OR b.checksum = :key)"
        " ORDER BY b.built_at DESC, b.checksum"
    )
    values = {"target": str(index.cache.target), "anchor": DATASET_ANCHOR, "rid": dataset_rid, "key": key}
    return index.read(lambda connection: [_record(row) for row in connection.execute(query, values)])


def find_bag(
    index: Index, dataset_rid: str, version: str, excluded: Iterable[str] = (), *, snapshot: str | None = None
) -> BagRecord | None:
    """The bag of a version in the index, preferring dml's to deriva-ml's, which never leave a table out.

    Args:
        index: The index.
        dataset_rid: RID of the dataset.
        version: Compared by PEP 440, so ``1.2`` finds ``1.2.0``.
        excluded: Tables that the bag must leave out.
        snapshot: Only a bag that was read at this snaptime.
    """
    from dml.dataset.version import DatasetVersion
    from dml.errors import UsageError

    wanted, left_out, target = DatasetVersion(version), tuple(sorted(set(excluded))), str(index.cache.target)

    def matches(record: BagRecord) -> bool:
        if record.target not in (None, target) or snapshot not in (None, record.snapshot):
            return False
        try:
            return record.excluded == left_out and DatasetVersion(record.version or "") == wanted
        except UsageError:
            return False

    found = filter(matches, bag_records(index, dataset_rid=dataset_rid))
    return min(found, key=lambda record: record.origin != Origin.DML, default=None)


def add_bag(index: Index, bag: BagIdentity, files: Sequence[BagFile], *, tag_md5: str, metadata_bytes: int) -> None:
    """Record a bag and its files, or replace what is recorded about it; deriva-ml lists the bag from then on.

    Args:
        index: Open for writing.
        bag: The bag.
        files: The files that are fetched apart from its metadata.
        tag_md5: MD5 of its tag manifest, on which all its other checksums depend; empty when it has none.
        metadata_bytes: Size of everything but the files.
    """
    now = index.now()
    with index.transaction() as connection:
        row = connection.execute("SELECT built_at FROM bags WHERE checksum = ?", (bag.key,)).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO bags (checksum, built_at, anchor_summary_json, size_bytes) VALUES (?, ?, ?, ?)",
                (bag.key, now, json.dumps({"version": bag.version}), metadata_bytes),
            )
        connection.execute(
            'INSERT OR IGNORE INTO bag_anchor_rids (checksum, "table", rid) VALUES (?, ?, ?)',
            (bag.key, DATASET_ANCHOR, bag.dataset_rid),
        )
        connection.execute(
            "INSERT INTO dml_bags (checksum, target, dataset_rid, version, snapshot, excluded, origin, tag_md5,"
            " metadata_bytes, assets, asset_bytes, missing, missing_bytes, last_used)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)"
            " ON CONFLICT (checksum) DO UPDATE SET tag_md5 = excluded.tag_md5,"
            " metadata_bytes = excluded.metadata_bytes, assets = excluded.assets,"
            " asset_bytes = excluded.asset_bytes, verified_at = NULL",
            (
                bag.key,
                str(index.cache.target),
                bag.dataset_rid,
                bag.version,
                bag.snapshot,
                json.dumps(list(bag.excluded)),
                bag.origin,
                tag_md5,
                metadata_bytes,
                len(files),
                sum(file.length for file in files),
                now,
            ),
        )
        record_files(connection, bag.key, files)


def mark_used(index: Index, key: str) -> None:
    """Record that a bag was requested now."""
    with index.transaction() as connection:
        connection.execute("UPDATE dml_bags SET last_used = ? WHERE checksum = ?", (index.now(), key))


def mark_verified(index: Index, key: str, *, intact: bool) -> None:
    """Record that every checksum of a bag was found correct now, or that one was not."""
    with index.transaction() as connection:
        at = index.now() if intact else None
        connection.execute("UPDATE dml_bags SET verified_at = ? WHERE checksum = ?", (at, key))


def forget_bag(index: Index, key: str) -> None:
    """Delete every row about a bag, its anchors included; its directory is left to the caller."""
    with index.transaction() as connection:
        for table in ("dml_files", "dml_bags", "bag_anchor_rids", "bags"):
            connection.execute(f"DELETE FROM {table} WHERE checksum = ?", (key,))  # noqa: S608 - names of this module


def _record(row: sqlite3.Row) -> BagRecord:
    known = row["dataset_rid"] is not None
    version = row["version"] if known else _json_object(row["anchor_summary_json"]).get("version")
    return BagRecord(
        key=str(row[0]),
        dataset_rid=str(row["anchor"]),
        version=str(version) if version else None,
        target=row["target"],
        snapshot=row["snapshot"] if known else _snapshot_in(str(row[0])),
        excluded=tuple(json.loads(row["excluded"])) if known else (),
        origin=row["origin"] if known else Origin.DERIVA_ML,
        tag_md5=row["tag_md5"] or "",
        metadata_bytes=row["metadata_bytes"],
        assets=row["assets"],
        asset_bytes=row["asset_bytes"],
        missing=row["missing"],
        missing_bytes=row["missing_bytes"],
        size_bytes=row["size_bytes"],
        last_used=parse_time(row["last_used"]) or parse_time(row["built_at"]),
        verified_at=parse_time(row["verified_at"]),
        pinned=bool(row["pinned"]),
    )


def _snapshot_in(key: str) -> str | None:
    """The snapshot in a key of deriva-ml, ``<16 hexadecimal digits>_<snapshot>``."""
    return key.partition("_")[2] or None


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
