"""Verifying the entries of a cache: every byte is read again (``reading``), what is wrong put right (``repairing``).

Bags and assets that the index did not know, or that nobody had looked at, are entered when they prove right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache import assets, records
from dml.cache.bag_contents import has_metadata
from dml.cache.bag_scan import Fault, Reading, problem_of, read_assets, read_metadata
from dml.cache.bags import enter_bag
from dml.cache.fetch import JOBS
from dml.cache.files import bag_files
from dml.cache.index import Index
from dml.cache.inventory import CachedItem, Kind
from dml.cache.layout import key_of, split_asset_name
from dml.cache.locks import WAIT, entry_lock
from dml.cache.records import OURS
from dml.cache.repair import fetch_broken, renew_metadata, repair_asset
from dml.dataset.bagit import read_info
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, LockedError, UnsafePathError
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Fault", "Verified", "verify_item"]


@dataclass(frozen=True)
class Verified:
    """What reading one entry again showed.

    Attributes:
        item: The entry as it was listed.
        files: How many files were read.
        bytes: Their size.
        faults: What is wrong with it.
        missing: Files that are not here, as the index knew: no fault, ``warm`` fetches them.
        remark: What happened to it, for people; empty when it is as it was.
    """

    item: CachedItem
    files: int = 0
    bytes: int = 0
    faults: tuple[Fault, ...] = ()
    missing: int = 0
    remark: str = ""

    @property
    def is_right(self) -> bool:
        """Whether everything that is here is right now."""
        return all(fault.repaired for fault in self.faults)


def verify_item(
    index: Index,
    item: CachedItem,
    *,
    catalog: Catalog | None = None,
    jobs: int = JOBS,
    progress: Progress = SILENT,
    wait: float = WAIT,
) -> Verified:
    """Verify one entry of a cache, and repair it when a catalog is given.

    Bags and assets that the index did not know, or that nobody had looked at, are entered into it when they prove
    right. Writes the index; with a catalog also the cache.

    Args:
        index: Open for writing.
        item: What is verified, from :func:`dml.cache.inventory.survey`.
        catalog: Where broken files are fetched again; None only looks.
        jobs: Transfers at once.
        progress: Told of what is fetched.
        wait: Seconds to wait for another process at work on the entry.

    Raises:
        DmlError: A repair was not possible: the network, the rights, the disk.
    """
    if item.kind not in (Kind.BAG, Kind.ASSET, Kind.ORPHAN):
        return Verified(
            item, remark="left alone: dml cache clear --debris" if item.kind is Kind.DEBRIS else "left alone"
        )
    try:
        with entry_lock(index.cache, item.key, wait=wait, progress=progress):
            if item.kind is Kind.ASSET:
                return _verify_asset(index, item, catalog, progress)
            return _verify_bag(index, item, catalog, jobs, progress)
    except LockedError as error:
        return Verified(item, remark=f"left alone: {error.message}")


def _verify_bag(index: Index, item: CachedItem, catalog: Catalog | None, jobs: int, progress: Progress) -> Verified:
    cache = index.cache
    rid = item.rid or ""
    bag = cache.bag_directory(item.key, rid)
    if not has_metadata(bag):
        records.forget_bag(index, item.key)
        return Verified(item, remark="its bag is gone; forgotten")
    unknown = item.kind is Kind.ORPHAN or item.assets is None
    if unknown:
        problem = _adopt(index, item, bag)
        if problem:
            return Verified(item, faults=(Fault(bag.name, problem),))
    record = next(iter(records.bag_records(index, key=item.key, dataset_rid=rid)))
    files = bag_files(index, item.key)
    named = {file.path for file in files}
    reading = Reading()
    broken = read_assets(index, item.key, bag, files, reading)
    read_metadata(bag, record.tag_md5, named, reading)
    faults = reading.faults
    can_renew = item.origin == OURS and not DatasetVersion(record.version or "0").is_development
    if catalog is not None and can_renew and any(fault.path not in broken for fault in faults):
        renew_metadata(catalog, record, bag, named)
        again = Reading()
        read_metadata(bag, record.tag_md5, named, again)
        left = {fault.path for fault in again.faults}
        faults = [replace(one, repaired=one.path not in broken and one.path not in left) for one in faults]
    if catalog is not None and broken:
        came = fetch_broken(index, catalog, item.key, bag, broken, jobs, progress)
        faults = [replace(one, repaired=one.repaired or one.path in came) for one in faults]
    wrong = {fault.path for fault in faults if not fault.repaired}
    missing = [file.path for file in bag_files(index, item.key, present=False) if file.path not in wrong]
    records.mark_verified(index, item.key, right=not wrong and not missing)
    remark = "entered into the index" if unknown else ""
    return Verified(item, reading.files, reading.bytes, tuple(faults), len(missing), remark)


def _adopt(index: Index, item: CachedItem, bag: Path) -> str:
    """Enter a bag that the index does not know, or that nobody looked at; returns what speaks against it."""
    version = item.version or ""
    snapshot: str | None = None
    try:
        if item.kind is Kind.ORPHAN:
            info = read_info(bag)
            version = info.get("DERIVA-ML-Version", "")
            snapshot = info.get("External-Identifier", "").partition("@")[2] or None
            key = key_of(index.cache.target, item.rid or "", version, snapshot)
            if not version or key != item.key:
                return "the index does not know it, and which version or tables it holds cannot be told: clear it"
        else:
            snapshot = next((one.snapshot for one in records.bag_records(index, key=item.key)), None)
        enter_bag(index, bag, item.key, item.rid or "", version, snapshot, (), item.origin)
    except (IntegrityError, UnsafePathError) as error:
        return error.message
    return ""


def _verify_asset(index: Index, item: CachedItem, catalog: Catalog | None, progress: Progress) -> Verified:
    cache = index.cache
    parts = split_asset_name(item.key)
    directory = cache.asset_directory(item.key)
    if parts is None or not directory.is_dir():
        assets.forget_asset(index, item.key)
        return Verified(item, remark="its directory is gone; forgotten")
    known = next(iter(assets.asset_records(index, name=item.key)), None)
    place = directory / known.filename if known else _only_file(directory)
    if place is None:
        return Verified(item, faults=(Fault(item.key, "not one file"),))
    problem = problem_of(place, known.length if known else None, parts[1])
    if not problem:
        size = place.stat().st_size
        if known is None:
            asset = assets.AssetToCache(parts[0], "", place.name, size, parts[1])
            assets.enter_asset(index, item.key, asset, place)
            return Verified(item, 1, size, remark="entered into the index")
        assets.mark_asset_verified(index, item.key, place)
        return Verified(item, 1, size)
    if known is not None:
        assets.mark_asset_verified(index, item.key, None)
    repaired = catalog is not None and repair_asset(index, catalog, cache, item.key, parts, place, progress)
    return Verified(item, faults=(Fault(place.name, problem, repaired),))


def _only_file(directory: Path) -> Path | None:
    files = [path for path in directory.iterdir() if not path.name.startswith(".")]
    return files[0] if len(files) == 1 and not files[0].is_dir() else None
