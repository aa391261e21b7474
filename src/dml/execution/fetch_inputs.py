"""Fetching the inputs of an execution into its directory, verified, and from the cache where possible.

A cached file that has been touched since it was verified is read again before it is used. A run gets it as a reflink, a
read-only hard link or a copy, so that it can change neither what later runs are given nor lose it when the cache is
cleared. The layout is deriva-ml's, in the cache and in the execution's directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dml.asset.download import download_file
from dml.cache.asset_records import AssetToCache
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.link import link_file
from dml.cache.warm_asset import warm_asset
from dml.catalog.concurrency import gather
from dml.errors import DmlError
from dml.execution.configuration import AssetSpec
from dml.execution.durations import elapsed, format_duration
from dml.execution.input_bags import fetch_datasets
from dml.execution.resolve_inputs import ResolvedAsset, resolve_assets
from dml.progress import SILENT, Progress
from dml.workspace import executions, inputs
from dml.workspace.files import disk_errors, make_directory
from dml.workspace.hashing import digest
from dml.workspace.layout import safe_file_name

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession


@dataclass(frozen=True)
class FetchedAsset:
    """An input asset on disk.

    Attributes:
        asset: The asset with its row.
        path: The file.
        from_cache: Whether its bytes were on this machine already.
    """

    asset: ResolvedAsset
    path: Path
    from_cache: bool


def fetch_inputs(
    session: WorkspaceSession, rid: str, *, progress: Progress = SILENT, jobs: int = 4
) -> list[FetchedAsset]:
    """Fetch the declared assets and dataset versions that are missing, record the time it took, and return the assets.

    Writes ``downloaded-assets`` of the execution, the cache (for datasets, and for assets where requested), and the
    registry.

    Raises:
        NotFoundError: An input or its bytes are missing from the catalog.
        IntegrityError: The bytes do not match what the catalog records.
    """
    declared = inputs.list_inputs(session.registry, rid)
    assets = [record for record in declared if record.kind == "asset"]
    datasets = [record for record in declared if record.kind == "dataset"]
    if not assets and not datasets:
        return []
    started = session.registry.clock()
    if datasets:
        fetch_datasets(session, rid, datasets, progress=progress)
    specs = [AssetSpec(record.rid, cache=bool(record.options.get("cache"))) for record in assets]
    resolved = resolve_assets(session.catalog, specs) if specs else []
    calls = [partial(_fetch_input, session, rid, asset, progress) for asset in resolved]
    fetched = gather(calls, at_once=jobs)
    with session.registry.transaction():
        for file in fetched:
            inputs.mark_inputs(session.registry, rid, [("asset", file.asset.rid)], "fetched", path=str(file.path))
        duration = format_duration(elapsed(started, session.registry.clock()))
        executions.update_execution(session.registry, rid, download_duration=duration)
    return fetched


def input_path(session: WorkspaceSession, rid: str, asset: ResolvedAsset) -> Path:
    """The path of an input asset in the directory of an execution.

    Raises:
        UnsafePathError: The file name in the catalog is not safe as a file name.
    """
    name = safe_file_name(str(asset.row.get("Filename") or asset.rid))
    return session.workspace.downloaded_path(rid, asset.table.name, asset.rid, name)


def fetch_asset(
    session: WorkspaceSession, asset: ResolvedAsset, destination: Path, *, root: Path, progress: Progress = SILENT
) -> FetchedAsset:
    """Fetch an asset into a file below ``root``, unless the file is there and complete.

    Raises:
        IntegrityError: The bytes do not match what the catalog records.
        DmlError: The destination cannot be written.
    """
    with disk_errors(destination):
        make_directory(root, destination.parent)
    if _is_complete(destination, asset):
        return FetchedAsset(asset, destination, from_cache=True)
    with disk_errors(destination):
        destination.unlink(missing_ok=True)
    if not asset.spec.cache:
        item = f"{asset.table.name}/{destination.name}"
        row = asset.row
        download_file(
            session.catalog, row["URL"], destination, row.get("Length"), row.get("MD5"), item=item, progress=progress
        )
        return FetchedAsset(asset, destination, from_cache=False)
    with Index.writing(Cache.of(session.workspace, session.cache)) as index:
        cached = warm_asset(index, session.catalog, AssetToCache.from_row(asset.row), progress=progress)
    link_file(cached.path, destination)
    return FetchedAsset(asset, destination, from_cache=not cached.fetched.files)


def _fetch_input(session: WorkspaceSession, rid: str, asset: ResolvedAsset, progress: Progress) -> FetchedAsset:
    return fetch_asset(session, asset, input_path(session, rid, asset), root=session.workspace.root, progress=progress)


def _is_complete(path: Path, asset: ResolvedAsset) -> bool:
    """Whether the file has the length and MD5 that the catalog records."""
    length, md5 = asset.row.get("Length"), asset.row.get("MD5")
    try:
        if not path.is_file() or (length is not None and path.stat().st_size != length):
            return False
        return md5 is None or digest(path.parent, path).md5_hex == str(md5).lower()
    except (OSError, DmlError):
        return False
