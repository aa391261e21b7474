"""How much of dataset versions and assets is cached, by the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.asset_records import asset_records
from dml.cache.bag_contents import has_metadata, read_files
from dml.cache.bag_records import BagRecord, Origin, bag_records, find_bag
from dml.cache.file_checks import has_size
from dml.cache.index import Index
from dml.cache.resolve_name import is_asset, is_known_asset
from dml.cache.session import CacheSession
from dml.cache.tiers import Tier, tier_of
from dml.cache.usage import Usage
from dml.errors import NotFoundError, RetryableError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.spec import DatasetSpec

__all__ = ["CacheStatus", "VersionStatus", "asset_status", "cached_versions", "status_of", "version_status"]


@dataclass(frozen=True)
class VersionStatus:
    """How much of a dataset version, or of a single asset, is cached.

    Attributes:
        rid, version: The dataset and its version; an asset has none.
        tier: How much of it is cached.
        assets, asset_bytes: Number and size of its files; None when it is not cached.
        missing, missing_bytes: Number and size of those that are not cached; None when it is not cached.
        bytes: Its size on disk.
        path: The bag or the file; None when it is not cached.
        key, origin, snapshot: Of the cached bag; empty or None when it is not cached.
        pinned: Whether clearing keeps it in any case.
        last_used, verified_at: When it was last requested, and when it was last found fully correct.
        used_by, needed_by: Executions that have it as an input, and those of them that are still open.
        current: Whether it is the current version; None when the catalog was not asked.
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
    current: bool | None = None


@dataclass(frozen=True)
class CacheStatus:
    """The versions that a name means, and a warning when the catalog could not say which one is current."""

    versions: tuple[VersionStatus, ...]
    warning: str = ""


def status_of(session: CacheSession, spec: DatasetSpec, connect: Callable[[], Catalog]) -> CacheStatus:
    """How much of what a name means is cached. Writes nothing.

    A name with a version, or of an asset that the index knows, takes no request. For a dataset without a version the
    catalog is asked which one is current; that one comes first, then all others that are cached. When the catalog
    cannot be reached, the cached ones are the answer.

    Args:
        session: The cache.
        spec: A dataset, or the RID of an asset.
        connect: Opens the catalog; only called when it is needed.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is neither a dataset nor an asset.
        RetryableError: The catalog cannot be reached and no version is cached.
    """
    index, usage = session.index, session.usage
    if spec.version is not None:
        return CacheStatus((version_status(index, spec, str(spec.version), usage),))
    if is_known_asset(index, spec.rid):
        return CacheStatus((asset_status(index, spec.rid, usage),))
    cached = cached_versions(index, spec.rid, usage)
    try:
        newest = _current_version(connect(), spec.rid)
    except NotFoundError:
        if not is_asset(index, connect(), spec):
            raise
        return CacheStatus((asset_status(index, spec.rid, usage),))
    except RetryableError as error:
        if not cached:
            raise
        return CacheStatus(tuple(cached), f"cannot find out which version of {spec.rid} is current: {error.message}")
    first = replace(version_status(index, spec, newest, usage), current=True)
    return CacheStatus((first, *(replace(other, current=False) for other in cached if other.key != first.key)))


def version_status(index: Index, spec: DatasetSpec, version: str, usage: Usage | None = None) -> VersionStatus:
    """How much of one version is cached; makes no request and writes nothing.

    Args:
        index: The index.
        spec: The dataset, and the tables that the bag leaves out.
        version: The version.
        usage: Which executions use what; None leaves that out.
    """
    usage = usage or Usage()
    record = find_bag(index, spec.rid, version, spec.exclude_tables)
    if record is not None and has_metadata(record.path(index.cache)):
        return _status(index, record, usage)
    users, needers = usage.used_by(spec.rid, version), usage.needed_by(spec.rid, version)
    return VersionStatus(spec.rid, version, used_by=users, needed_by=needers)


def cached_versions(index: Index, rid: str, usage: Usage | None = None) -> list[VersionStatus]:
    """Every cached version of a dataset, the latest exported first; makes no request and writes nothing."""
    records = (
        record
        for record in bag_records(index, dataset_rid=rid)
        if record.target in (None, str(index.cache.target)) and has_metadata(record.path(index.cache))
    )
    return [_status(index, record, usage or Usage()) for record in records]


def asset_status(index: Index, rid: str, usage: Usage | None = None) -> VersionStatus:
    """Whether a single asset is cached; makes no request and writes nothing."""
    usage = usage or Usage()
    status = VersionStatus(rid, "", used_by=usage.used_by(rid), needed_by=usage.needed_by(rid))
    record = next(iter(asset_records(index, rid=rid)), None)
    if record is None or not has_size(record.path(index.cache), record.length):
        return status
    return replace(
        status,
        tier=Tier.MATERIALIZED,
        assets=1,
        asset_bytes=record.length,
        missing=0,
        missing_bytes=0,
        bytes=record.length,
        path=record.path(index.cache),
        key=record.name,
        origin=Origin.DML,
        pinned=record.pinned,
        last_used=record.last_used,
        verified_at=record.verified_at,
    )


def _current_version(catalog: Catalog, rid: str) -> str:
    """The newest version of a dataset, in one request.

    Raises:
        NotFoundError: There is no such dataset, or it has no version.
    """
    from dml.dataset.lookup import read_versions, resolve

    versions = read_versions(catalog, rid)
    return versions[0].text if versions else str(resolve(catalog, rid).row.text)  # which raises what is wrong


def _status(index: Index, record: BagRecord, usage: Usage) -> VersionStatus:
    path, version, size = record.path(index.cache), record.version or "", record.cached_bytes
    assets, asset_bytes = record.assets, record.asset_bytes
    missing, missing_bytes = record.missing, record.missing_bytes
    if assets is None or missing is None:  # created by deriva-ml and not examined yet
        files, metadata = read_files(path)
        absent = [file.length for file in files if not file.present]
        assets, asset_bytes = len(files), sum(file.length for file in files)
        missing, missing_bytes = len(absent), sum(absent)
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
        used_by=usage.used_by(record.dataset_rid, version),
        needed_by=usage.needed_by(record.dataset_rid, version),
    )
