"""The workspace on disk: its cache and the directories of its executions, their sizes, and clearing them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.cache.clear_plan import Selection
    from dml.cache.entries import CacheEntry
    from dml.cache.layout import Cache
    from dml.cache.session import CacheSession

_MEBIBYTE = 1 << 20


def cache_of(ml: DerivaML) -> Cache:
    """The cache of the workspace."""
    from dml.cache.layout import Cache
    from dml.workspace.layout import Workspace

    return Cache.of(Workspace(ml.working_dir, ml.target), ml.cache_dir)


def open_cache(ml: DerivaML) -> AbstractContextManager[CacheSession]:
    """The cache of the workspace, open for reading."""
    from dml.cache.session import open_for_reading
    from dml.workspace.layout import Workspace

    return open_for_reading(Workspace(ml.working_dir, ml.target), ml.cache_dir)


def list_cached_bags(self: DerivaML) -> list[CacheEntry]:
    """The dataset versions in the cache, sorted by name; sends no request and writes nothing."""
    from dml.cache.entries import EntryKind

    with open_cache(self) as session:
        return [entry for entry in session.entries() if entry.kind is EntryKind.BAG]


def list_cached_assets(self: DerivaML) -> list[CacheEntry]:
    """The assets in the cache, sorted by RID; sends no request and writes nothing."""
    from dml.cache.entries import EntryKind

    with open_cache(self) as session:
        return [entry for entry in session.entries() if entry.kind is EntryKind.ASSET]


def get_cache_size(self: DerivaML) -> dict[str, float]:
    """The size of the cache on disk: ``total_bytes``, ``total_mb`` (MiB) and ``part_count``."""
    from dml.cache.disk_usage import measure

    usage = measure(cache_of(self))
    return {"total_bytes": usage.bytes, "total_mb": usage.bytes / _MEBIBYTE, "part_count": len(usage.parts)}


def clear_cache(self: DerivaML, older_than_days: float | None = None) -> dict[str, int]:
    """Empty the cache, or remove only what has not been used for some days. Writes the cache.

    Pinned items, and inputs of executions that are not finished, are kept.

    Args:
        older_than_days: Remove items that were last used longer ago than this; everything when None.

    Returns:
        ``removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clear_plan import Selection

    before = None if older_than_days is None else datetime.now(UTC) - timedelta(days=older_than_days)
    return _clear(self, Selection(everything=True) if before is None else Selection(before=before))


def delete_cached_bag(self: DerivaML, dataset_rid: str, version: str | None = None) -> dict[str, int]:
    """Remove a dataset from the cache, all versions or one. Writes the cache.

    Pinned items, and inputs of executions that are not finished, are kept. Nothing happens when it is not cached.

    Returns:
        ``bags_removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clear_plan import Selection

    bags = [bag for bag in self.list_cached_bags() if bag.rid == dataset_rid and version in (None, bag.version)]
    result = _clear(self, Selection(names=tuple(bag.name for bag in bags)))
    return {"bags_removed": result["removed"], "kept": result["kept"], "bytes_freed": result["bytes_freed"]}


def delete_cached_asset(self: DerivaML, asset_rid: str, md5: str | None = None) -> dict[str, int]:
    """Remove an asset from the cache. Writes the cache.

    Args:
        asset_rid: RID of the asset.
        md5: Remove only the copy with this checksum, hexadecimal; all copies when None.

    Pinned items, and inputs of executions that are not finished, are kept. Nothing happens when it is not cached.

    Returns:
        ``assets_removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clear_plan import Selection

    suffix = None if md5 is None else f"_{md5.lower()}"
    assets = [
        asset
        for asset in self.list_cached_assets()
        if asset.rid == asset_rid and (suffix is None or asset.key.lower().endswith(suffix))
    ]
    result = _clear(self, Selection(names=tuple(asset.key for asset in assets)))
    return {"assets_removed": result["removed"], "kept": result["kept"], "bytes_freed": result["bytes_freed"]}


def download_asset(self: DerivaML, asset_rid: str) -> Path:
    """The path of an asset's file in the cache, downloaded when it is missing; treat it as read-only.

    No execution is created and no input is recorded. Writes the cache.

    Raises:
        NotFoundError: The catalog has no such row, or the object store no longer has the file.
        UsageError: The row is not an asset.
        IntegrityError: The file does not match the length or checksum in the catalog.
    """
    from dml.cache.index import Index
    from dml.cache.warm_asset import warm_asset

    with Index.writing(cache_of(self)) as index:
        return warm_asset(index, self.catalog, asset_rid).path


def list_execution_dirs(self: DerivaML) -> list[dict[str, Any]]:
    """The directories of executions in the workspace, last changed first; sends no request and writes nothing.

    Returns:
        For each directory ``execution_rid``, ``path``, ``size_bytes``, ``size_mb`` (MiB), ``modified`` (UTC) and
        ``file_count``; links, such as those to inputs, are not counted.
    """
    from dml.workspace.layout import Workspace

    root = Workspace(self.working_dir, self.target).executions_directory
    directories = [_directory_info(path) for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return sorted(directories, key=lambda directory: (directory["modified"], directory["execution_rid"]), reverse=True)


def clean_execution_dirs(
    self: DerivaML, older_than_days: float | None = None, exclude_rids: Sequence[str] | None = None
) -> dict[str, int]:
    """Deprecated name of ``gc_executions``: remove the local files of finished executions. Writes the workspace.

    Files that were never uploaded are not removed.

    Args:
        older_than_days: Executions without activity for this many days; all when None.
        exclude_rids: Executions to keep.

    Returns:
        ``dirs_removed``, ``bytes_freed`` and ``errors``.
    """
    from dml.deprecation import warn_deprecated
    from dml.errors import DmlError

    warn_deprecated("clean_execution_dirs", "gc_executions")
    sizes = {directory["execution_rid"]: directory["size_bytes"] for directory in self.list_execution_dirs()}
    age = None if older_than_days is None else timedelta(days=older_than_days)
    result = {"dirs_removed": 0, "bytes_freed": 0, "errors": 0}
    finished = [
        snapshot.rid for snapshot in self.list_executions(status=("Uploaded", "Aborted")) if snapshot.rid in sizes
    ]
    for rid in finished:
        if rid in (exclude_rids or ()):
            continue
        try:
            removed = self.gc_executions(older_than=age, execution_rids=[rid])
        except DmlError:
            result["errors"] += 1
            continue
        result["dirs_removed"] += removed
        result["bytes_freed"] += sizes[rid] if removed else 0
    return result


def get_storage_summary(self: DerivaML) -> dict[str, Any]:
    """The size of the workspace on disk, in MiB; sends no request and writes nothing.

    Returns:
        ``working_dir``, ``cache_dir``, ``cache_size_mb``, ``cache_file_count``, ``bag_count``, ``bag_size_mb``,
        ``asset_count``, ``asset_size_mb``, ``execution_dir_count``, ``execution_size_mb`` and ``total_size_mb``.
        A file that several bags share is counted with the first.
    """
    from dml.cache.disk_usage import measure

    cache = cache_of(self)
    usage = measure(cache)
    bags = [part for part in usage.parts if part.path.parent == cache.bags_directory]
    assets = [part for part in usage.parts if part.path.parent == cache.assets_directory]
    directories = self.list_execution_dirs()
    execution_bytes = sum(directory["size_bytes"] for directory in directories)
    return {
        "working_dir": str(self.working_dir),
        "cache_dir": str(cache.root),
        "cache_size_mb": usage.bytes / _MEBIBYTE,
        "cache_file_count": sum(_file_count(part.path) for part in usage.parts),
        "bag_count": len(bags),
        "bag_size_mb": sum(part.bytes for part in bags) / _MEBIBYTE,
        "asset_count": len(assets),
        "asset_size_mb": sum(part.bytes for part in assets) / _MEBIBYTE,
        "execution_dir_count": len(directories),
        "execution_size_mb": execution_bytes / _MEBIBYTE,
        "total_size_mb": (usage.bytes + execution_bytes) / _MEBIBYTE,
    }


def _directory_info(path: Path) -> dict[str, Any]:
    from dml.cache.file_checks import total_size

    size = total_size(path)
    return {
        "execution_rid": path.name,
        "path": str(path),
        "size_bytes": size,
        "size_mb": size / _MEBIBYTE,
        "modified": datetime.fromtimestamp(path.stat().st_mtime, UTC),
        "file_count": _file_count(path),
    }


def _file_count(path: Path) -> int:
    if not path.is_dir():
        return 1
    return sum(1 for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink())


def _clear(ml: DerivaML, selection: Selection) -> dict[str, int]:
    from dml.cache.clear import clear
    from dml.cache.clear_plan import plan_clearing

    with open_cache(ml) as session:
        plan = plan_clearing(session, selection)
    result = clear(session.cache, plan)
    return {"removed": len(result.removed), "kept": len(result.kept), "bytes_freed": result.bytes}
