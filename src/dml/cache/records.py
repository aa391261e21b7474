"""What the index says about bags: which dataset version each is, how much of it is here, when it was used.

Each function that writes is one durable transaction, or joins the one that is open. A listing reads one row a bag,
however many files it has: those are the business of ``files``, which keeps their counts here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dml.cache.files import BagFile, enter_files
from dml.cache.index import Index
from dml.cache.schema import DATASET_ANCHOR
from dml.cache.tiers import Tier, tier_of
from dml.workspace.times import read_time

__all__ = [
    "BagRecord",
    "BagToRecord",
    "add_bag",
    "bag_records",
    "find_bag",
    "forget_bag",
    "mark_used",
    "mark_verified",
]

OURS, THEIRS = "dml", "deriva-ml"
"""Values of ``BagRecord.origin``."""


@dataclass(frozen=True)
class BagToRecord:
    """A bag as it is entered into the index.

    Attributes:
        key: Its key, the name of its directory.
        target: The catalog, ``host/id``.
        dataset_rid, version, snapshot, excluded: What it is a bag of.
        origin: Which program made it.
        tag_md5: MD5 of its tag manifest, from which all other checksums follow.
        metadata_bytes: Size of everything but the files.
    """

    key: str
    target: str
    dataset_rid: str
    version: str
    snapshot: str | None
    excluded: tuple[str, ...]
    origin: str
    tag_md5: str
    metadata_bytes: int


@dataclass(frozen=True)
class BagRecord:
    """A bag as the index knows it. What deriva-ml recorded and nobody has looked at since has no counts.

    Attributes:
        key: Its key, the name of its directory.
        dataset_rid: The dataset.
        version: Its version; None when deriva-ml did not record one.
        target: The catalog, ``host/id``; None when only deriva-ml knows.
        snapshot: The snaptime at which it was read.
        excluded: Tables that were left out.
        origin: ``dml`` or ``deriva-ml``.
        tag_md5: MD5 of its tag manifest when it was entered; empty when not known.
        metadata_bytes: Size of everything but its files; None when not known.
        assets, asset_bytes: Its files; None when not known.
        missing, missing_bytes: Those that are not here.
        size_bytes: What the index says it takes on disk; None when it does not say.
        built_at: When it was made.
        last_used: When a run or a user last asked for it.
        verified_at: When all its checksums were last found right.
        pinned: Whether it is kept whatever happens.
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
    built_at: datetime | None
    last_used: datetime | None
    verified_at: datetime | None
    pinned: bool

    @property
    def tier(self) -> Tier | None:
        """How much of it is here by the index; None when nobody has looked."""
        if self.assets is None or self.missing is None:
            return None
        return tier_of(self.assets, self.missing)

    @property
    def bytes_here(self) -> int | None:
        """What it takes on disk as far as the index knows."""
        if self.metadata_bytes is None or self.asset_bytes is None or self.missing_bytes is None:
            return self.size_bytes
        return self.metadata_bytes + self.asset_bytes - self.missing_bytes

    @property
    def name(self) -> str:
        """``RID@VERSION``."""
        return f"{self.dataset_rid}@{self.version}" if self.version else self.dataset_rid


_SELECT = """
    SELECT b.checksum, b.built_at, b.anchor_summary_json, b.size_bytes, a.rid AS anchor, d.*,
      EXISTS (SELECT 1 FROM dml_pins AS p WHERE p.rid = a.rid AND p.target = coalesce(d.target, :target)
              AND p.version = coalesce(d.version, json_extract(CASE WHEN json_valid(b.anchor_summary_json)
                  THEN b.anchor_summary_json ELSE '{}' END, '$.version'), '')) AS pinned
    FROM bags AS b JOIN bag_anchor_rids AS a ON a.checksum = b.checksum AND a."table" = :anchor
    LEFT JOIN dml_bags AS d ON d.checksum = b.checksum AND d.dataset_rid = a.rid"""


def bag_records(index: Index, *, dataset_rid: str | None = None, key: str | None = None) -> list[BagRecord]:
    """Bags of the index, the newest first; one that deriva-ml anchored at several datasets comes once for each.

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
    """The bag of a version in the index: ours before deriva-ml's, which is only taken when no table is left out.

    Args:
        index: The index.
        dataset_rid: The dataset.
        version: Compared as PEP 440 does, so ``1.2`` finds ``1.2.0``.
        excluded: Tables that are left out.
        snapshot: Only a bag read at this snaptime.
    """
    from dml.dataset.version import DatasetVersion
    from dml.errors import UsageError

    wanted, left_out, target = DatasetVersion(version), tuple(sorted(set(excluded))), str(index.cache.target)
    found = []
    for record in bag_records(index, dataset_rid=dataset_rid):
        try:
            same = record.version is not None and DatasetVersion(record.version) == wanted
        except UsageError:
            same = False
        there = record.target in (None, target) and snapshot in (None, record.snapshot)
        if same and there and record.excluded == left_out:
            found.append(record)
    return min(found, key=lambda record: record.origin != OURS, default=None)


def add_bag(index: Index, bag: BagToRecord, files: Sequence[BagFile]) -> None:
    """Enter a bag, or enter anew what is known of it; deriva-ml lists it from then on."""
    now = index.now()
    total = sum(file.length for file in files)
    with index.transaction() as connection:
        row = connection.execute("SELECT built_at FROM bags WHERE checksum = ?", (bag.key,)).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO bags (checksum, built_at, anchor_summary_json, size_bytes) VALUES (?, ?, ?, ?)",
                (bag.key, now, json.dumps({"version": bag.version}), bag.metadata_bytes),
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
                bag.target,
                bag.dataset_rid,
                bag.version,
                bag.snapshot,
                json.dumps(list(bag.excluded)),
                bag.origin,
                bag.tag_md5,
                bag.metadata_bytes,
                len(files),
                total,
                now,
            ),
        )
        enter_files(connection, bag.key, files)


def mark_used(index: Index, key: str) -> None:
    """Record that a bag was asked for now."""
    with index.transaction() as connection:
        connection.execute("UPDATE dml_bags SET last_used = ? WHERE checksum = ?", (index.now(), key))


def mark_verified(index: Index, key: str, *, right: bool) -> None:
    """Record that every checksum of a bag was found right now, or that it was not."""
    with index.transaction() as connection:
        at = index.now() if right else None
        connection.execute("UPDATE dml_bags SET verified_at = ? WHERE checksum = ?", (at, key))


def forget_bag(index: Index, key: str) -> None:
    """Remove everything about a bag, its anchors included; its directory is the caller's business."""
    with index.transaction() as connection:
        for table in ("dml_files", "dml_bags", "bag_anchor_rids", "bags"):
            connection.execute(f"DELETE FROM {table} WHERE checksum = ?", (key,))  # noqa: S608 - names of this module


def _record(row: sqlite3.Row) -> BagRecord:
    known = row["dataset_rid"] is not None
    summary = _mapping(row["anchor_summary_json"])
    version = row["version"] if known else summary.get("version")
    return BagRecord(
        key=str(row[0]),
        dataset_rid=str(row["anchor"]),
        version=str(version) if version else None,
        target=row["target"],
        snapshot=row["snapshot"] if known else _snapshot_in(str(row[0])),
        excluded=tuple(json.loads(row["excluded"])) if known else (),
        origin=row["origin"] if known else THEIRS,
        tag_md5=row["tag_md5"] or "",
        metadata_bytes=row["metadata_bytes"],
        assets=row["assets"],
        asset_bytes=row["asset_bytes"],
        missing=row["missing"],
        missing_bytes=row["missing_bytes"],
        size_bytes=row["size_bytes"],
        built_at=read_time(row["built_at"]),
        last_used=read_time(row["last_used"]) or read_time(row["built_at"]),
        verified_at=read_time(row["verified_at"]),
        pinned=bool(row["pinned"]),
    )


def _snapshot_in(key: str) -> str | None:
    """deriva-ml's keys end in the snapshot: ``<16 hexadecimal digits>_<snapshot>``."""
    return key.partition("_")[2] or None


def _mapping(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
