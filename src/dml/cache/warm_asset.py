"""Fetches single assets into the cache, verified once, and notices when a cached one was changed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.asset_records import (
    AssetToCache,
    asset_records,
    file_identity,
    mark_asset_used,
    record_asset,
)
from dml.cache.fetch import fetch_files, require_space
from dml.cache.file_checks import has_size
from dml.cache.file_fetcher import FetchResult, FileToFetch
from dml.cache.index import Index
from dml.cache.locks import WAIT, entry_lock
from dml.cache.resolve_name import find_asset
from dml.dataset.bagit import payload_path
from dml.progress import SILENT, Progress
from dml.workspace.files import check_inside
from dml.workspace.names import safe_file_name

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["WarmAsset", "fetch_asset", "warm_asset"]


@dataclass(frozen=True)
class WarmAsset:
    """An asset in the cache: its file, and what this call fetched."""

    path: Path
    fetched: FetchResult


def warm_asset(
    index: Index,
    catalog: Catalog,
    asset: AssetToCache | str,
    *,
    progress: Progress = SILENT,
    wait: float = WAIT,
) -> WarmAsset:
    """Fetch an asset unless it is cached. Writes the cache and its index.

    A cached asset costs no request if its row is given, and is read again only if its file was changed.

    Args:
        index: Open for writing.
        catalog: Where to read.
        asset: The asset's row, or its RID.
        progress: Observes the download.
        wait: Seconds to wait for another process that is fetching it.

    Raises:
        NotFoundError: There is no such row, or its bytes are missing from the object store.
        UsageError: The RID is not an asset's.
        IntegrityError: The bytes are not those that the catalog describes.
        UnsafePathError: Its file name is not a plain one, or a symbolic link is in the way.
        LockedError: Another process is still using it.
        RetryableError: The network fails, or the disk space does not suffice.
    """
    if isinstance(asset, str):
        asset = find_asset(catalog, asset)
    cache = index.cache
    name = cache.asset_name(asset.rid, asset.md5)
    path = cache.asset_directory(name) / safe_file_name(asset.filename)
    check_inside(cache.root, path)
    with entry_lock(cache, name, wait=wait, progress=progress):
        record = next(iter(asset_records(index, name=name)), None)
        if record and record.identity == file_identity(path) and has_size(path, asset.length):
            mark_asset_used(index, name)
            return WarmAsset(path, FetchResult())
        copies = _copies_in_bags(index, asset)
        require_space(cache.root, 0 if copies or has_size(path, asset.length) else asset.length)
        return WarmAsset(path, fetch_asset(index, catalog, asset, path, copies=copies, progress=progress))


def fetch_asset(
    index: Index,
    catalog: Catalog,
    asset: AssetToCache,
    path: Path,
    *,
    copies: tuple[Path, ...] = (),
    progress: Progress = SILENT,
) -> FetchResult:
    """Fetch the bytes of an asset to its path and record it; the caller holds the entry's lock.

    Raises:
        NotFoundError, IntegrityError, DmlError: As :func:`dml.cache.fetch.fetch_files`.
    """
    cache = index.cache
    name = cache.asset_name(asset.rid, asset.md5)
    file = FileToFetch(
        name=f"{asset.rid}/{path.name}",
        url=asset.url,
        destination=path,
        partial=cache.partial_path(path.parent, path.name),
        length=asset.length,
        checksum=asset.md5,
        copies=copies,
    )
    try:
        return fetch_files(
            catalog, cache.root, [file], record=lambda _: record_asset(index, name, asset, path), progress=progress
        )
    finally:
        with contextlib.suppress(OSError):  # not empty while the download is unfinished
            file.partial.parent.rmdir()


def _copies_in_bags(index: Index, asset: AssetToCache) -> tuple[Path, ...]:
    query = (
        "SELECT f.checksum, d.dataset_rid, f.path FROM dml_files AS f JOIN dml_bags AS d ON d.checksum = f.checksum"
        " WHERE f.md5 = ? AND f.length = ? AND f.present LIMIT 3"
    )
    rows = index.read(lambda connection: connection.execute(query, (asset.md5, asset.length)).fetchall())
    cache = index.cache
    return tuple(payload_path(cache.bag_directory(row["checksum"], row["dataset_rid"]), row["path"]) for row in rows)
