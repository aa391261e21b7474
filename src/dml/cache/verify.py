"""``dml cache verify``: reads every byte of cached entries again and, if wanted, repairs what is damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.asset_records import (
    AssetToCache,
    asset_records,
    forget_asset,
    mark_asset_verified,
    record_asset,
)
from dml.cache.bag_contents import has_metadata
from dml.cache.bag_entries import index_bag
from dml.cache.bag_files import bag_files
from dml.cache.bag_records import BagIdentity, Origin, bag_records, forget_bag, mark_verified
from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.fetch import JOBS
from dml.cache.file_checks import find_fault
from dml.cache.index import Index
from dml.cache.layout import cache_key, split_asset_name
from dml.cache.locks import WAIT, entry_lock
from dml.cache.repair import refetch_asset, refetch_files, replace_metadata
from dml.cache.scan import Fault, Scan, scan_files, scan_metadata
from dml.cache.session import CacheSession
from dml.dataset.bagit import read_info
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, LockedError, NotFoundError, UnsafePathError
from dml.progress import SILENT, Progress
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Fault", "Verified", "verify", "verify_entry"]

_ADDED = "added to the index"


@dataclass(frozen=True)
class Verified:
    """The result of verifying one entry.

    Attributes:
        entry: The entry as it was listed before.
        files: Number of correct files that were read.
        bytes: Their size.
        faults: What is wrong with it.
        missing: Files that were never fetched, which is no fault; ``dml cache warm`` fetches them.
        note: What else happened to it; empty when nothing did.
    """

    entry: CacheEntry
    files: int = 0
    bytes: int = 0
    faults: tuple[Fault, ...] = ()
    missing: int = 0
    note: str = ""

    @property
    def is_intact(self) -> bool:
        """Whether everything that is cached is correct now."""
        return all(fault.repaired for fault in self.faults)


def verify(
    session: CacheSession,
    names: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
    jobs: int = JOBS,
    progress: Progress = SILENT,
) -> Iterator[Verified]:
    """Verify the named entries of a cache, or all, one after the other; see :func:`verify_entry`.

    Raises:
        NotFoundError: There is no entry of a name.
        DmlError: A repair failed: the network, missing rights, the disk.
    """
    entries = session.entries()
    for name in names:
        if not any(entry.is_named(name) for entry in entries):
            raise NotFoundError(f"{safe(name)} is not in the cache", hint="List its entries with dml cache list.")
    for entry in entries:
        if not names or any(entry.is_named(name) for name in names):
            yield verify_entry(session.index, entry, catalog=catalog, jobs=jobs, progress=progress)


def verify_entry(
    index: Index,
    entry: CacheEntry,
    *,
    catalog: Catalog | None = None,
    jobs: int = JOBS,
    progress: Progress = SILENT,
    wait: float = WAIT,
) -> Verified:
    """Verify one entry of a cache, and repair it when a catalog is given.

    Bags and assets that the index does not know, or has no counts of, are added to it when they are correct. Writes the
    index; with a catalog also the cache.

    Args:
        index: Open for writing.
        entry: The entry as it is listed.
        catalog: Where damaged files are fetched again; None repairs nothing.
        jobs: Downloads at once.
        progress: Observes what is fetched.
        wait: Seconds to wait for another process that is using the entry.

    Raises:
        DmlError: A repair failed: the network, missing rights, the disk.
    """
    if entry.kind not in (EntryKind.BAG, EntryKind.ASSET, EntryKind.ORPHAN):
        hint = ": dml cache clear --debris" if entry.kind is EntryKind.DEBRIS else ""
        return Verified(entry, note=f"skipped{hint}")
    try:
        with entry_lock(index.cache, entry.key, wait=wait, progress=progress):
            if entry.kind is EntryKind.ASSET:
                return _verify_asset(index, entry, catalog, progress)
            return _verify_bag(index, entry, catalog, jobs, progress)
    except LockedError as error:
        return Verified(entry, note=f"skipped: {error.message}")


def _verify_bag(index: Index, entry: CacheEntry, catalog: Catalog | None, jobs: int, progress: Progress) -> Verified:
    rid = entry.rid or ""
    bag = index.cache.bag_directory(entry.key, rid)
    if not has_metadata(bag):
        forget_bag(index, entry.key)
        return Verified(entry, note="bag missing; removed from the index")
    is_unknown = entry.kind is EntryKind.ORPHAN or entry.assets is None
    if is_unknown:
        problem = _add_to_index(index, entry, bag)
        if problem:
            return Verified(entry, faults=(Fault(bag.name, problem),))
    record = next(iter(bag_records(index, key=entry.key, dataset_rid=rid)))
    files = bag_files(index, entry.key)
    paths = {file.path for file in files}
    scan = Scan()
    broken = scan_files(index, entry.key, bag, files, scan)
    scan_metadata(bag, record.tag_md5, paths, scan)
    faults = scan.faults
    # The metadata is repaired first: a damaged fetch.txt would not say where to fetch the files. Only a released
    # version of dml's own exports to the same bytes again.
    is_exportable = entry.origin == Origin.DML and not DatasetVersion(record.version or "0").is_development
    if catalog is not None and is_exportable and any(fault.path not in broken for fault in faults):
        replace_metadata(catalog, record, bag, paths)
        after = Scan()
        scan_metadata(bag, record.tag_md5, paths, after)
        unrepaired = {fault.path for fault in after.faults}.union(broken)
        faults = [replace(fault, repaired=fault.path not in unrepaired) for fault in faults]
    if catalog is not None and broken:
        fetched = refetch_files(index, catalog, entry.key, bag, broken, jobs, progress)
        faults = [replace(fault, repaired=fault.repaired or fault.path in fetched) for fault in faults]
    damaged = {fault.path for fault in faults if not fault.repaired}
    missing = [file.path for file in bag_files(index, entry.key, present=False) if file.path not in damaged]
    mark_verified(index, entry.key, intact=not damaged and not missing)
    note = _ADDED if is_unknown else ""
    return Verified(entry, scan.files, scan.bytes, tuple(faults), len(missing), note)


def _add_to_index(index: Index, entry: CacheEntry, bag: Path) -> str:
    """Record a bag that the index does not know, or has no counts of; returns what prevents it, empty when nothing.

    An orphan must be what its bag-info.txt says: its key, a hash of exactly that, must match.
    """
    rid, version = entry.rid or "", entry.version or ""
    try:
        if entry.kind is EntryKind.ORPHAN:
            info = read_info(bag)
            version = info.get("DERIVA-ML-Version", "")
            snapshot = info.get("External-Identifier", "").partition("@")[2] or None
            if not version or cache_key(index.cache.target, rid, version, snapshot) != entry.key:
                return "not in the index, and its version and tables are unknown: clear it"
        else:
            snapshot = next((record.snapshot for record in bag_records(index, key=entry.key)), None)
        index_bag(index, BagIdentity(entry.key, rid, version, snapshot, (), entry.origin))
    except (IntegrityError, UnsafePathError) as error:
        return error.message
    return ""


def _verify_asset(index: Index, entry: CacheEntry, catalog: Catalog | None, progress: Progress) -> Verified:
    parts = split_asset_name(entry.key)
    directory = index.cache.asset_directory(entry.key)
    if parts is None or not directory.is_dir():
        forget_asset(index, entry.key)
        return Verified(entry, note="directory missing; removed from the index")
    rid, md5 = parts
    record = next(iter(asset_records(index, name=entry.key)), None)
    path = record.path(index.cache) if record else _only_file(directory)
    if path is None:
        return Verified(entry, faults=(Fault(entry.key, "does not hold exactly one file"),))
    problem = find_fault(path, record.length if record else None, md5)
    if not problem:
        size = path.stat().st_size
        if record is None:
            record_asset(index, entry.key, AssetToCache(rid, "", path.name, size, md5), path)
            return Verified(entry, 1, size, note=_ADDED)
        mark_asset_verified(index, entry.key, path)
        return Verified(entry, 1, size)
    if record is not None:
        mark_asset_verified(index, entry.key, None)
    repaired = catalog is not None and refetch_asset(index, catalog, rid, md5, path, progress)
    return Verified(entry, faults=(Fault(path.name, problem, repaired),))


def _only_file(directory: Path) -> Path | None:
    files = [path for path in directory.iterdir() if not path.name.startswith(".")]
    return files[0] if len(files) == 1 and not files[0].is_dir() else None
