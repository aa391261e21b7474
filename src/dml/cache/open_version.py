"""Opens a dataset version for reading rows where that costs least: a bag on disk, the cache, or the catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.bag_entries import find_cached_bag
from dml.cache.session import CacheSession
from dml.dataset.bag import DatasetBag
from dml.dataset.live_dataset import LiveDataset
from dml.dataset.lookup import resolve
from dml.dataset.spec import DatasetSpec

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.feature_values import DatasetRows

__all__ = ["OpenVersion", "open_version"]


@dataclass(frozen=True)
class OpenVersion:
    """A dataset version that can be read.

    Attributes:
        rows: Its rows.
        source: Where they are: ``bag``, ``cache`` or ``catalog``.
        name: ``RID@VERSION`` when the version was looked up in the catalog; empty otherwise.
    """

    rows: DatasetRows
    source: str
    name: str = ""


def open_version(
    session: CacheSession, name: str, connect: Callable[[], Catalog], *, use_cache: bool = True
) -> OpenVersion:
    """Open a dataset version. Writes nothing.

    Args:
        session: The cache.
        name: The directory of a bag, or a dataset with or without its version.
        connect: Opens the catalog; only called when it is needed.
        use_cache: Whether a cached version serves.

    Raises:
        NotFoundError: No such dataset or version.
        IntegrityError: The directory is not a bag of a dataset.
    """
    if "/" in name or Path(name).is_dir():
        return OpenVersion(DatasetBag(Path(name)), "bag")
    spec = DatasetSpec.parse(name)
    bag = _cached(session, spec) if use_cache else None
    if bag is not None:
        return OpenVersion(bag, "cache")
    catalog = connect()
    version = resolve(catalog, spec)
    if spec.version is None and use_cache:
        bag = _cached(session, DatasetSpec(spec.rid, version.row.text))
    looked_up = "" if spec.version else str(version)
    return OpenVersion(bag or LiveDataset(catalog, version), "cache" if bag else "catalog", looked_up)


def _cached(session: CacheSession, spec: DatasetSpec) -> DatasetBag | None:
    record = find_cached_bag(session.index, spec)
    return DatasetBag(record.path(session.cache)) if record else None
