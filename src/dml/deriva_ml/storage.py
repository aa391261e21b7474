"""The cache of the workspace: what is in it, how large it is, and clearing it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.cache.layout import Cache
    from dml.cache.survey import CachedItem
    from dml.deriva_ml.facade import DerivaML


def cache_of(ml: DerivaML) -> Cache:
    """The cache that the workspace uses."""
    from dml.cache.layout import Cache
    from dml.workspace.layout import Workspace

    return Cache.of(Workspace(ml.working_dir, ml.target), ml.cache_dir)


def list_cached_bags(ml: DerivaML) -> list[CachedItem]:
    """The dataset versions in the cache, by name; asks no catalog and writes nothing."""
    from dml.cache.survey import Kind

    return [one for one in _survey(ml) if one.kind is Kind.BAG]


def list_cached_assets(ml: DerivaML) -> list[CachedItem]:
    """The single assets in the cache, by RID; asks no catalog and writes nothing."""
    from dml.cache.survey import Kind

    return [one for one in _survey(ml) if one.kind is Kind.ASSET]


def get_cache_size(ml: DerivaML) -> dict[str, float]:
    """What the cache takes on disk: ``total_bytes``, ``total_mb`` and ``part_count``."""
    from dml.cache.measuring import measure

    shares = measure(cache_of(ml))
    size = sum(one.bytes for one in shares)
    return {"total_bytes": size, "total_mb": size / 1e6, "part_count": len(shares)}


def clear_cache(ml: DerivaML, older_than_days: float | None = None) -> dict[str, int]:
    """Remove what is in the cache, or only what was last used so many days ago. Writes the cache.

    What is pinned, and what an execution that is not over has as input, stays.

    Returns:
        ``removed``, ``kept`` and ``bytes_freed``.
    """
    from dml.cache.clearing import Selection, clear, plan_clearing
    from dml.cache.index import Index
    from dml.cache.survey import survey
    from dml.cache.usage import usage_of
    from dml.workspace.layout import Workspace

    before = None if older_than_days is None else datetime.now(UTC) - timedelta(days=older_than_days)
    selection = Selection(everything=True) if before is None else Selection(before=before)
    cache = cache_of(ml)
    if not cache.root.is_dir():
        return {"removed": 0, "kept": 0, "bytes_freed": 0}
    with Index.writing(cache) as index:
        usage = usage_of(Workspace(ml.working_dir, ml.target), cache, links=True)
        done = clear(index, plan_clearing(index, survey(index, usage), selection))
    return {"removed": len(done.removed), "kept": len(done.kept), "bytes_freed": done.bytes}


def _survey(ml: DerivaML) -> list[CachedItem]:
    from dml.cache.index import Index
    from dml.cache.survey import survey
    from dml.cache.usage import usage_of
    from dml.workspace.layout import Workspace

    cache = cache_of(ml)
    with Index.reading(cache) as index:
        return survey(index, usage_of(Workspace(ml.working_dir, ml.target), cache))
