"""Reading every byte of the cache again: what differs from its checksum is named, and fetched anew if wanted.

Metadata is compared with the bag's manifests; a bag whose metadata is wrong is exported again beside it, and since the
same version exports to the same bytes, each wrong file is replaced by its right one in one step.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache import assets, records
from dml.cache.bags import enter_bag, files_to_fetch
from dml.cache.fetching import JOBS, FileToFetch, fetch_files
from dml.cache.files import BagFile, bag_files, mark_gone, mark_here
from dml.cache.index import Index
from dml.cache.inventory import has_metadata
from dml.cache.layout import Cache, key_of, split_asset_name
from dml.cache.linking import READ_ONLY
from dml.cache.locks import WAIT, entry_lock
from dml.cache.records import OURS, BagRecord
from dml.cache.survey import CachedItem, Kind
from dml.dataset.bagit import payload_path, read_info, read_manifest, read_tag_manifest, tag_manifest
from dml.dataset.checksums import file_checksum, has_checksum
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, LockedError, NotFoundError, PartialError, UnsafePathError
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Fault", "Verified", "verify_item"]


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be.

    Attributes:
        path: The file, relative to its bag or asset directory.
        problem: ``wrong bytes``, ``gone``, ``not in the manifest``, ``a symbolic link``, ``unreadable``.
        repaired: Whether it was put right.
    """

    path: str
    problem: str
    repaired: bool = False


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


@dataclass
class _Reading:
    """Counts and faults while a bag is read."""

    files: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


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
        item: What is verified, from :func:`dml.cache.survey.survey`.
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
    reading = _Reading()
    broken = _read_assets(index, item.key, bag, files, reading)
    _read_metadata(bag, record.tag_md5, named, reading)
    faults = reading.faults
    can_renew = item.origin == OURS and not DatasetVersion(record.version or "0").is_development
    if catalog is not None and can_renew and any(fault.path not in broken for fault in faults):
        _renew_metadata(catalog, record, bag, named)
        again = _Reading()
        _read_metadata(bag, record.tag_md5, named, again)
        left = {fault.path for fault in again.faults}
        faults = [replace(one, repaired=one.path not in broken and one.path not in left) for one in faults]
    if catalog is not None and broken:
        came = _fetch_broken(index, catalog, item.key, bag, broken, jobs, progress)
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


def _read_assets(index: Index, key: str, bag: Path, files: Sequence[BagFile], reading: _Reading) -> list[str]:
    """Compare the files of a bag with the index; returns the paths of those that are wrong or gone."""
    broken, right = [], []
    for file in files:
        problem = _problem(payload_path(bag, file.path), file.length, file.checksum)
        if problem == "gone" and not (file.present or file.lost):
            continue
        if problem:
            broken.append(file.path)
            reading.faults.append(Fault(file.path, problem))
            continue
        reading.files += 1
        reading.bytes += file.length
        right.append(file.path)
    if broken:
        mark_gone(index, key, broken)
    if right:
        mark_here(index, key, bag, right)
    return broken


def _read_metadata(bag: Path, tag_md5: str, files: set[str], reading: _Reading) -> None:
    """Compare everything but the files with the manifests, and name what no manifest knows."""
    tags = _tag_files(bag, tag_md5, reading)
    expected = dict(tags)
    with contextlib.suppress(IntegrityError):  # then the tag manifest says so
        for path, checksum in read_manifest(bag).items():
            try:
                payload_path(bag, path)
            except UnsafePathError:
                reading.faults.append(Fault(path, "a path that is not safe"))
                continue
            if path not in files:
                expected[path] = checksum
    for path, checksum in sorted(expected.items()):
        problem = _problem(bag / path, None, checksum)
        if problem:
            reading.faults.append(Fault(path, problem))
        else:
            reading.files += 1
            reading.bytes += (bag / path).stat().st_size
    for path in _paths(bag):
        if (bag / path).is_symlink():
            reading.faults.append(Fault(path, "a symbolic link"))
        elif path not in expected and path not in files and (path.startswith("data/") or _is_stray_tag(path, tags)):
            reading.faults.append(Fault(path, "not in the manifest"))


def _is_stray_tag(path: str, tags: Collection[str]) -> bool:
    """Whether a file beside the payload should be in the tag manifest; a bag need not have one (RFC 8493, 2.2.1)."""
    return bool(tags) and not ("/" not in path and path.startswith("tagmanifest-"))


def _problem(place: Path, length: int | None, checksum: str) -> str:
    """What is wrong with a file; empty when nothing is."""
    try:
        if place.is_symlink():
            return "a symbolic link"
        if not place.is_file():
            return "gone"
        if length is not None and place.stat().st_size != length:
            return "wrong length"
        return "" if has_checksum(place, checksum) else "wrong bytes"
    except OSError:
        return "unreadable"


def _tag_files(bag: Path, tag_md5: str, reading: _Reading) -> dict[str, str]:
    """Checksums of the tag files, once their own manifest is what it was when the bag was entered."""
    try:
        place = tag_manifest(bag)
        problem = _problem(place, None, tag_md5) if tag_md5 else ""
        found = {} if problem == "gone" else read_tag_manifest(bag)
    except (IntegrityError, OSError) as error:
        reading.faults.append(Fault("tagmanifest", str(error)))
        return {}
    if problem:
        reading.faults.append(Fault(place.name, problem))
    return found


def _paths(bag: Path) -> Iterator[str]:
    for here, directories, names in os.walk(bag):
        links = [name for name in directories if Path(here, name).is_symlink()]
        for name in (*names, *links):
            yield Path(here, name).relative_to(bag).as_posix()


def _fetch_broken(
    index: Index, catalog: Catalog, key: str, bag: Path, broken: list[str], jobs: int, progress: Progress
) -> set[str]:
    """Fetch wrong files again; returns the paths of those that came."""
    came: set[str] = set()

    def record(paths: list[str]) -> None:
        mark_here(index, key, bag, paths)
        came.update(paths)

    wanted = [file for file in bag_files(index, key, present=False) if file.path in set(broken)]
    files = files_to_fetch(index, catalog, key, bag, wanted)
    for file in files:
        if file.place.is_symlink():
            file.place.unlink()
    # What the store no longer has, or has with other bytes, stays a fault and is listed as one.
    with contextlib.suppress(IntegrityError, NotFoundError, PartialError):
        fetch_files(catalog, index.cache.root, files, record=record, jobs=jobs, progress=progress, label=bag.name)
    return came


def _renew_metadata(catalog: Catalog, record: BagRecord, bag: Path, files: set[str]) -> None:
    """Export the version again beside the bag and take over each file that differs; what does not belong is removed."""
    from dml.dataset.bag_export import export_bag
    from dml.dataset.lookup import resolve
    from dml.dataset.spec import DatasetSpec

    source = resolve(catalog, DatasetSpec(record.dataset_rid, record.version, exclude_tables=record.excluded))
    beside = bag.parent / f".Dataset_{record.dataset_rid}.repair"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        export_bag(catalog, source, beside)
        right = set(_paths(beside))
        for path in _paths(bag):
            if path not in right and path not in files:
                (bag / path).unlink()
        for path in sorted(right):
            place, fresh = bag / path, beside / path
            if _problem(place, None, file_checksum(fresh)):
                place.parent.mkdir(parents=True, exist_ok=True)
                fresh.chmod(READ_ONLY)
                fresh.replace(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


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
    problem = _problem(place, known.length if known else None, parts[1])
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
    repaired = catalog is not None and _repair_asset(index, catalog, cache, item.key, parts, place, progress)
    return Verified(item, faults=(Fault(place.name, problem, repaired),))


def _repair_asset(
    index: Index, catalog: Catalog, cache: Cache, name: str, parts: tuple[str, str], place: Path, progress: Progress
) -> bool:
    """Fetch an asset again, as its row describes it now."""
    rid, md5 = parts
    asset = assets.find_asset_row(catalog, rid)
    if asset.md5 != md5:
        return False  # the catalog has other bytes by now: this entry is of no more use
    if place.is_symlink():
        place.unlink()
    file = FileToFetch(
        item=f"{rid}/{place.name}",
        url=asset.url,
        place=place,
        partial=cache.partial_path(place.parent, place.name),
        length=asset.length,
        checksum=md5,
    )
    try:
        fetch_files(
            catalog,
            cache.root,
            [file],
            record=lambda _: assets.enter_asset(index, name, asset, place),
            progress=progress,
        )
    except (IntegrityError, NotFoundError):
        return False
    return True


def _only_file(directory: Path) -> Path | None:
    files = [path for path in directory.iterdir() if not path.name.startswith(".")]
    return files[0] if len(files) == 1 and not files[0].is_dir() else None
