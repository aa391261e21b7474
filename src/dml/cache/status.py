"""How much of a dataset version or an asset is here, by the index; every version of a dataset that is here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache import records
from dml.cache.assets import asset_records
from dml.cache.bag_contents import has_metadata, has_size, read_files
from dml.cache.index import Index
from dml.cache.records import BagRecord
from dml.cache.tiers import Tier, tier_of
from dml.cache.usage import Usage

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.lookup import VersionRow
    from dml.dataset.spec import DatasetSpec

__all__ = ["VersionStatus", "current_version", "status_of", "status_of_asset", "versions_here"]


@dataclass(frozen=True)
class VersionStatus:
    """How much of a dataset version, or of a single asset, is here.

    Attributes:
        rid, version: The dataset and its version; an asset has none.
        tier: How much of it is here.
        assets, asset_bytes: Its files; None when it is not cached.
        missing, missing_bytes: Those that are not here; None when it is not cached.
        bytes: What it takes on disk.
        path: The bag; None when it is not cached.
        key, origin, snapshot: Of the entry; empty or None when it is not cached.
        pinned: Whether it is kept whatever happens.
        last_used, verified_at: When it was last asked for, and last found right throughout.
        used_by, needed_by: Executions that have it as input, and those of them that still need it.
    """

    rid: str
    version: str
    tier: Tier = Tier.NOT_CACHED
    assets: int | None = None
    asset_bytes: int | None = None
    missing: int | None = None
    missing_bytes: int | None = None
    bytes: int = 0
    path: Path | None = None
    key: str = ""
    origin: str = ""
    snapshot: str | None = None
    pinned: bool = False
    last_used: datetime | None = None
    verified_at: datetime | None = None
    used_by: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()


def current_version(catalog: Catalog, rid: str) -> VersionRow:
    """The newest version of a dataset, in one request.

    Raises:
        NotFoundError: There is no such dataset, or it has no version.
    """
    from dml.catalog.rows import select
    from dml.dataset.lookup import DATASET_VERSION, newest_first, resolve, version_row

    versions = newest_first(version_row(row) for row in select(catalog, DATASET_VERSION, where={"Dataset": rid}))
    if versions:
        return versions[0]
    found: VersionRow = resolve(catalog, rid).row  # which says what is wrong
    return found


def status_of(
    index: Index, spec: DatasetSpec, version: str, usage: Usage | None = None, *, snapshot: str | None = None
) -> VersionStatus:
    """How much of one version is here; asks no catalog and writes nothing.

    Args:
        index: The index.
        spec: The dataset, and the tables that are left out.
        version: The version.
        usage: Who uses what.
        snapshot: The snaptime that counts, for a development version.
    """
    usage = usage or Usage()
    record = records.find_bag(index, spec.rid, version, spec.exclude_tables, snapshot=snapshot)
    users, needers = usage.users_of(spec.rid, version), usage.needers_of(spec.rid, version)
    if record is None or not has_metadata(index.cache.bag_directory(record.key, spec.rid)):
        return VersionStatus(spec.rid, version, used_by=users, needed_by=needers)
    return _status(index, record, usage)


def versions_here(index: Index, rid: str, usage: Usage | None = None) -> list[VersionStatus]:
    """Every version of a dataset that is here, the latest made first; asks no catalog and writes nothing."""
    found = []
    for record in records.bag_records(index, dataset_rid=rid):
        if record.target in (None, str(index.cache.target)) and has_metadata(
            index.cache.bag_directory(record.key, record.dataset_rid)
        ):
            found.append(_status(index, record, usage or Usage()))
    return found


def status_of_asset(index: Index, rid: str, usage: Usage | None = None) -> VersionStatus:
    """How much of a single asset is here, which has no version; asks no catalog and writes nothing."""
    usage = usage or Usage()
    record = next(iter(asset_records(index, rid=rid)), None)
    place = index.cache.asset_directory(record.name) / record.filename if record else None
    users, needers = usage.users_of(rid), usage.needers_of(rid)
    if record is None or place is None or not has_size(place, record.length):
        return VersionStatus(rid, "", used_by=users, needed_by=needers)
    return VersionStatus(
        rid,
        "",
        Tier.MATERIALIZED,
        assets=1,
        asset_bytes=record.length,
        missing=0,
        missing_bytes=0,
        bytes=record.length,
        path=place,
        key=record.name,
        origin=records.OURS,
        pinned=record.pinned,
        last_used=record.last_used,
        verified_at=record.verified_at,
        used_by=users,
        needed_by=needers,
    )


def _status(index: Index, record: BagRecord, usage: Usage) -> VersionStatus:
    path = index.cache.bag_directory(record.key, record.dataset_rid)
    version = record.version or ""
    assets, asset_bytes, missing, missing_bytes = (
        record.assets,
        record.asset_bytes,
        record.missing,
        record.missing_bytes,
    )
    size = record.bytes_here
    if assets is None or missing is None:  # deriva-ml made it, and nobody has looked yet
        files, metadata = read_files(path)
        assets, asset_bytes = len(files), sum(file.length for file in files)
        missing = sum(not file.present for file in files)
        missing_bytes = sum(file.length for file in files if not file.present)
        size = metadata + asset_bytes - missing_bytes
    return VersionStatus(
        rid=record.dataset_rid,
        version=version,
        tier=tier_of(assets, missing),
        assets=assets,
        asset_bytes=asset_bytes,
        missing=missing,
        missing_bytes=missing_bytes,
        bytes=size or 0,
        path=path,
        key=record.key,
        origin=record.origin,
        snapshot=record.snapshot,
        pinned=record.pinned,
        last_used=record.last_used,
        verified_at=record.verified_at,
        used_by=usage.users_of(record.dataset_rid, version),
        needed_by=usage.needers_of(record.dataset_rid, version),
    )
