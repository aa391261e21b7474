"""Bringing input assets into an execution's directory, verified, from the cache where they are there.

A cached file that anything touched since it was verified is read again before it serves. A run is given it as a
reflink, a read-only hard link or a copy, so that it cannot change what later runs are given, and clearing the cache
takes nothing away from it. Deriva-ml's layout is kept on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.asset_records import AssetToCache
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.link import link_file
from dml.cache.warm_asset import warm_asset
from dml.catalog.concurrency import gather
from dml.catalog.objects import download
from dml.errors import DmlError
from dml.execution.configuration import AssetSpec
from dml.execution.durations import elapsed, format_duration
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
        asset: Its row.
        path: The file.
        from_cache: Whether its bytes were here already.
    """

    asset: ResolvedAsset
    path: Path
    from_cache: bool


def fetch_inputs(
    session: WorkspaceSession, rid: str, *, progress: Progress = SILENT, jobs: int = 4
) -> list[FetchedAsset]:
    """Fetch every declared input that is not there yet, assets and dataset versions, and record how long it took.

    Writes ``downloaded-assets`` of the execution, the cache (for datasets, and for assets where asked for), and the
    registry. Returns the assets.

    Raises:
        NotFoundError: An input or its bytes are gone from the catalog.
        IntegrityError: The bytes are not those the catalog describes.
    """
    declared = inputs.list_inputs(session.registry, rid)
    wanted = [one for one in declared if one.kind == "asset"]
    if not any(one.kind in ("asset", "dataset") for one in declared):
        return []
    began = session.registry.clock()
    if len(wanted) < len(declared):
        from dml.execution.input_bags import fetch_datasets

        fetch_datasets(session, rid, progress=progress)
    specs = [AssetSpec(one.rid, cache=bool(one.options.get("cache"))) for one in wanted]
    resolved = resolve_assets(session.catalog, specs) if specs else []
    calls = [partial(_fetch_input, session, rid, asset, progress) for asset in resolved]
    fetched = gather(calls, at_once=jobs)
    with session.registry.transaction():
        for one in fetched:
            inputs.mark_inputs(session.registry, rid, [("asset", one.asset.rid)], "fetched", path=str(one.path))
        took = format_duration(elapsed(began, session.registry.clock()))
        executions.update_execution(session.registry, rid, download_duration=took)
    return fetched


def input_path(session: WorkspaceSession, rid: str, asset: ResolvedAsset) -> Path:
    """Where an input asset of an execution is placed.

    Raises:
        UnsafePathError: The catalog's file name cannot be one.
    """
    name = safe_file_name(str(asset.row.get("Filename") or asset.rid))
    return session.workspace.downloaded_path(rid, asset.table.name, asset.rid, name)


def fetch(
    session: WorkspaceSession, asset: ResolvedAsset, destination: Path, *, root: Path, progress: Progress = SILENT
) -> FetchedAsset:
    """Bring an asset's bytes to a file below ``root``; one that is there and whole is left alone.

    Raises:
        IntegrityError: The bytes are not those the catalog describes.
        DmlError: The place cannot be written.
    """
    with disk_errors(destination):
        make_directory(root, destination.parent)
    if _is_whole(destination, asset):
        return FetchedAsset(asset, destination, from_cache=True)
    with disk_errors(destination):
        destination.unlink(missing_ok=True)
    if not asset.spec.cache:
        _download(session, asset, destination, progress)
        return FetchedAsset(asset, destination, from_cache=False)
    with Index.writing(Cache.of(session.workspace, session.cache)) as index:
        warm = warm_asset(index, session.catalog, AssetToCache.from_row(asset.row), progress=progress)
    link_file(warm.path, destination)
    return FetchedAsset(asset, destination, from_cache=not warm.fetched.files)


def _fetch_input(session: WorkspaceSession, rid: str, asset: ResolvedAsset, progress: Progress) -> FetchedAsset:
    return fetch(session, asset, input_path(session, rid, asset), root=session.workspace.root, progress=progress)


def _is_whole(path: Path, asset: ResolvedAsset) -> bool:
    """Whether the file has the length and MD5 that the catalog says."""
    length, md5 = asset.row.get("Length"), asset.row.get("MD5")
    try:
        if not path.is_file() or (length is not None and path.stat().st_size != length):
            return False
        return md5 is None or digest(path.parent, path).md5_hex == str(md5).lower()
    except (OSError, DmlError):
        return False


def _download(session: WorkspaceSession, asset: ResolvedAsset, destination: Path, progress: Progress) -> None:
    item = f"{asset.table.name}/{destination.name}"
    length, md5 = asset.row.get("Length"), asset.row.get("MD5")
    progress.begin(item, length)
    try:
        download(
            session.catalog,
            str(asset.row["URL"]),
            destination,
            length=length,
            md5_hex=None if md5 is None else str(md5).lower(),
            progress=lambda count: progress.advance(item, count),
        )
    except BaseException:
        progress.finish(item, "failed")
        raise
    progress.finish(item, "downloaded")
