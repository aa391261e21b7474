"""What the workspace takes on disk: its cache and the directories of its executions; fetching into it, clearing it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.cache.clear import Selection
    from dml.cache.inventory import CachedItem
    from dml.cache.layout import Cache

_MEBIBYTE = 1 << 20


def cache_of(ml: DerivaML) -> Cache:
    """The cache that the workspace uses."""
    from dml.cache.layout import Cache
    from dml.workspace.layout import Workspace

    return Cache.of(Workspace(ml.working_dir, ml.target), ml.cache_dir)


def list_cached_bags(self: DerivaML) -> list[CachedItem]:
    """The dataset versions in the cache, by name; asks no catalog and writes nothing."""
    from dml.cache.inventory import Kind

    return [one for one in _survey(self) if one.kind is Kind.BAG]


def list_cached_assets(self: DerivaML) -> list[CachedItem]:
    """The single assets in the cache, by RID; asks no catalog and writes nothing."""
    from dml.cache.inventory import Kind

    return [one for one in _survey(self) if one.kind is Kind.ASSET]


def get_cache_size(self: DerivaML) -> dict[str, float]:
    """What the cache takes on disk: ``total_bytes``, ``total_mb`` (MiB) and ``part_count``."""
    from dml.cache.disk_usage import measure

    shares = measure(cache_of(self))
    size = sum(one.bytes for one in shares)
    return {"total_bytes": size, "total_mb": size / _MEBIBYTE, "part_count": len(shares)}


def clear_cache(self: DerivaML, older_than_days: float | None = None) -> dict[str, int]:
    """Remove what is in the cache, or only what was last used so many days ago. Writes the cache.

    What is pinned, and what an execution that is not over has as input, stays.

    Returns:
        ``removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clear import Selection

    before = None if older_than_days is None else datetime.now(UTC) - timedelta(days=older_than_days)
    return _clear(self, Selection(everything=True) if before is None else Selection(before=before))


def delete_cached_bag(self: DerivaML, dataset_rid: str, version: str | None = None) -> dict[str, int]:
    """Remove a dataset from the cache, all its versions or one. Writes the cache.

    What is pinned, and what an execution that is not over has as input, stays; one that is not cached is none removed.

    Returns:
        ``bags_removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clear import Selection

    there = [one for one in self.list_cached_bags() if one.rid == dataset_rid and version in (None, one.version)]
    done = _clear(self, Selection(names=tuple(one.name for one in there)))
    return {"bags_removed": done["removed"], "kept": done["kept"], "bytes_freed": done["bytes_freed"]}


def delete_cached_asset(self: DerivaML, asset_rid: str, md5: str | None = None) -> dict[str, int]:
    """Remove an asset from the cache, whatever its bytes or only those of a checksum (hexadecimal). Writes the cache.

    What is pinned, and what an execution that is not over has as input, stays; one that is not cached is none removed.

    Returns:
        ``assets_removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clear import Selection

    ending = None if md5 is None else f"_{md5.lower()}"
    there = [
        one
        for one in self.list_cached_assets()
        if one.rid == asset_rid and (ending is None or one.key.lower().endswith(ending))
    ]
    done = _clear(self, Selection(names=tuple(one.key for one in there)))
    return {"assets_removed": done["removed"], "kept": done["kept"], "bytes_freed": done["bytes_freed"]}


def download_asset(self: DerivaML, asset_rid: str) -> Path:
    """The file of an asset in the cache, fetched where it is missing; no execution is made. Change nothing in it.

    Raises:
        NotFoundError: There is no such row, or its bytes are gone.
        UsageError: It is no asset.
        IntegrityError: The bytes are not those that the catalog describes.
    """
    from dml.cache.assets import find_asset_row, warm_asset
    from dml.cache.index import Index

    with Index.writing(cache_of(self)) as index:
        return warm_asset(index, self.catalog, find_asset_row(self.catalog, asset_rid)).path


def list_execution_dirs(self: DerivaML) -> list[dict[str, Any]]:
    """The directories of executions in the workspace, the latest changed first; asks no catalog and writes nothing.

    Returns:
        For each ``execution_rid``, ``path``, ``size_bytes``, ``size_mb`` (MiB), ``modified`` (UTC) and ``file_count``;
        links, as those to inputs, take nothing.
    """
    from dml.workspace.layout import Workspace

    root = Workspace(self.working_dir, self.target).executions_directory
    found = [_measured(path) for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return sorted(found, key=lambda one: (one["modified"], one["execution_rid"]), reverse=True)


def clean_execution_dirs(
    self: DerivaML, older_than_days: float | None = None, exclude_rids: Sequence[str] | None = None
) -> dict[str, int]:
    """Older name of ``gc_executions``: remove the files of executions that are over. Writes the workspace.

    What was never uploaded is not touched.

    Args:
        older_than_days: Only without activity for so long.
        exclude_rids: Never these.

    Returns:
        ``dirs_removed``, ``bytes_freed`` and ``errors``.
    """
    from dml.deprecation import superseded
    from dml.errors import DmlError

    superseded("clean_execution_dirs", "gc_executions")
    before = {one["execution_rid"]: one["size_bytes"] for one in self.list_execution_dirs()}
    age = None if older_than_days is None else timedelta(days=older_than_days)
    result = {"dirs_removed": 0, "bytes_freed": 0, "errors": 0}
    over = [one.rid for one in self.list_executions(status=("Uploaded", "Aborted")) if one.rid in before]
    for rid in over:
        if rid in (exclude_rids or ()):
            continue
        try:
            removed = self.gc_executions(older_than=age, execution_rids=[rid])
        except DmlError:
            result["errors"] += 1
            continue
        result["dirs_removed"] += removed
        result["bytes_freed"] += before[rid] if removed else 0
    return result


def get_storage_summary(self: DerivaML) -> dict[str, Any]:
    """What the workspace takes on disk, in MiB; asks no catalog and writes nothing.

    Returns:
        ``working_dir``, ``cache_dir``, ``cache_size_mb``, ``cache_file_count``, ``bag_count``, ``bag_size_mb``,
        ``asset_count``, ``asset_size_mb``, ``execution_dir_count``, ``execution_size_mb`` and ``total_size_mb``. A file
        that several bags share is counted with the first.
    """
    from dml.cache.disk_usage import measure

    cache = cache_of(self)
    shares = measure(cache)
    bags = [one for one in shares if one.path.parent == cache.bags_directory]
    assets = [one for one in shares if one.path.parent == cache.assets_directory]
    executions = self.list_execution_dirs()
    in_cache = sum(one.bytes for one in shares)
    in_executions = sum(one["size_bytes"] for one in executions)
    return {
        "working_dir": str(self.working_dir),
        "cache_dir": str(cache.root),
        "cache_size_mb": in_cache / _MEBIBYTE,
        "cache_file_count": sum(_files(one.path) for one in shares),
        "bag_count": len(bags),
        "bag_size_mb": sum(one.bytes for one in bags) / _MEBIBYTE,
        "asset_count": len(assets),
        "asset_size_mb": sum(one.bytes for one in assets) / _MEBIBYTE,
        "execution_dir_count": len(executions),
        "execution_size_mb": in_executions / _MEBIBYTE,
        "total_size_mb": (in_cache + in_executions) / _MEBIBYTE,
    }


def _measured(path: Path) -> dict[str, Any]:
    from dml.cache.bag_contents import walk_size

    size = walk_size(path)
    return {
        "execution_rid": path.name,
        "path": str(path),
        "size_bytes": size,
        "size_mb": size / _MEBIBYTE,
        "modified": datetime.fromtimestamp(path.stat().st_mtime, UTC),
        "file_count": _files(path),
    }


def _files(path: Path) -> int:
    if not path.is_dir():
        return 1
    return sum(1 for one in path.rglob("*") if one.is_file() and not one.is_symlink())


def _clear(ml: DerivaML, selection: Selection) -> dict[str, int]:
    from dml.cache.clear import clear, plan_clearing
    from dml.cache.index import Index
    from dml.cache.inventory import take_inventory
    from dml.cache.usage import usage_of
    from dml.workspace.layout import Workspace

    cache = cache_of(ml)
    if not cache.root.is_dir():
        return {"removed": 0, "kept": 0, "bytes_freed": 0}
    with Index.writing(cache) as index:
        usage = usage_of(Workspace(ml.working_dir, ml.target), cache, links=True)
        done = clear(index, plan_clearing(index, take_inventory(index, usage), selection))
    return {"removed": len(done.removed), "kept": len(done.kept), "bytes_freed": done.bytes}


def _survey(ml: DerivaML) -> list[CachedItem]:
    from dml.cache.index import Index
    from dml.cache.inventory import take_inventory
    from dml.cache.usage import usage_of
    from dml.workspace.layout import Workspace

    cache = cache_of(ml)
    with Index.reading(cache) as index:
        return take_inventory(index, usage_of(Workspace(ml.working_dir, ml.target), cache))
