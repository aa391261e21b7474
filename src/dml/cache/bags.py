"""Dataset versions in the cache: found without a request where that is possible, fetched where they are missing.

A bag's metadata comes to its place by a rename, so it is there whole or not at all; its files come one by one. What is
released never changes, so what the index knows of it is enough. A development version is read as it is now and found
again only while nothing in the catalog has changed.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dml.cache import assets, records
from dml.cache.bag_contents import has_metadata, has_size, read_files, seal, time_of_change
from dml.cache.fetch import Fetched, FileToFetch, fetch_files, is_whole, require_space
from dml.cache.files import BagFile, bag_files, mark_gone, mark_here, same_content, verified_at
from dml.cache.index import Index
from dml.cache.layout import Cache, key_of
from dml.cache.link import link_tree
from dml.cache.locks import WAIT, entry_lock
from dml.cache.records import BagRecord, BagToRecord
from dml.dataset.bagit import payload_path, read_fetch, tag_manifest
from dml.dataset.checksums import file_md5
from dml.dataset.materialize import judge
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError, IntegrityError
from dml.formatting import format_size
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.files import check_inside, make_directory

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.lookup import VersionRow

__all__ = ["WarmBag", "enter_bag", "files_to_fetch", "find_here", "place_bag", "warm_bag"]


@dataclass(frozen=True)
class WarmBag:
    """A dataset version in the cache.

    Attributes:
        record: What the index says of it now.
        path: The bag.
        fetched: What had to come for it.
        made: Whether its metadata was exported by this call.
        is_development: Whether it is a development version, as it was when its metadata was exported.
    """

    record: BagRecord
    path: Path
    fetched: Fetched
    made: bool
    is_development: bool = False


def warm_bag(
    index: Index,
    catalog: Catalog,
    spec: DatasetSpec | str,
    *,
    metadata_only: bool = False,
    jobs: int | None = None,
    progress: Progress = SILENT,
    wait: float = WAIT,
) -> WarmBag:
    """Have a dataset version in the cache; what is there already is not fetched again.

    A released version that is here costs no request, and one request when the specification leaves the version open.
    Writes the cache and its index.

    Args:
        index: Open for writing.
        catalog: Where it is read from.
        spec: The dataset; without a version its current one. ``materialize=False`` means ``metadata_only``.
        metadata_only: Leave its files where they are.
        jobs: Transfers at once; what the specification says when None.
        progress: Told of each file.
        wait: Seconds to wait for another process that fetches the same version.

    Raises:
        NotFoundError: No such dataset or version, or a file is gone from the object store.
        IntegrityError: Bytes that do not match their checksum, or a bag that is malformed.
        UnsafePathError: A bag names a place outside itself, or a symbolic link is in the way.
        LockedError: Another process is still at work on it.
        RetryableError: The network, or too little room.
    """
    wanted = DatasetSpec.of(spec)
    entry = _entry(index, catalog, wanted)
    with entry_lock(index.cache, entry.key, wait=wait, progress=progress):
        made = _ensure_metadata(index, catalog, entry)
        whole = wanted.materialize and not metadata_only
        _look_again(index, entry, to_be_read=whole, progress=progress)
        fetched = Fetched()
        if whole:
            fetched = _fetch_missing(index, catalog, entry, jobs or wanted.fetch_concurrency, progress)
            with contextlib.suppress(OSError):  # not empty as long as a transfer is to be continued
                index.cache.partial_path(index.cache.entry_directory(entry.key), "").parent.rmdir()
        records.mark_used(index, entry.key)
    return WarmBag(_known(index, entry), entry.bag(index.cache), fetched, made, entry.is_development)


def find_here(index: Index, spec: DatasetSpec) -> BagRecord | None:
    """The bag of a released version that the specification names, if the index has it and it is in its place.

    No request: None also when the version is left open or is a development version, which only a catalog can tell.
    """
    if spec.version is None or spec.version.is_development:
        return None
    return _found(index, spec, str(spec.version), None)


def place_bag(warm: WarmBag, destination: Path) -> int:
    """Give a run a bag of its own: every file reflinked, or else its files linked read-only and its tables copied.

    Nothing that the run does to it passes unnoticed in the cache, and clearing the cache takes nothing from it.

    Args:
        warm: The bag.
        destination: A directory that does not exist; its parent must.

    Returns:
        The number of files.

    Raises:
        ConflictError: The place is taken.
        UnsafePathError: The bag holds a symbolic link.
        DmlError: The place cannot be written.
    """
    if destination.is_symlink() or destination.exists():
        raise ConflictError(f"{destination} exists already", hint="Name another place.")
    return link_tree(warm.path, destination, hard={remote.path for remote in read_fetch(warm.path)})


@dataclass(frozen=True)
class _Entry:
    """Which entry of the cache is meant."""

    key: str
    rid: str
    version: str
    snapshot: str | None
    excluded: tuple[str, ...]
    origin: str
    is_development: bool

    def bag(self, cache: Cache) -> Path:
        return cache.bag_directory(self.key, self.rid)


def _entry(index: Index, catalog: Catalog, spec: DatasetSpec) -> _Entry:
    """The entry of a specification: one that is here, or the one that is to be made."""
    left_out = tuple(sorted(spec.exclude_tables))
    record = find_here(index, spec)
    if record is not None:
        return _Entry(record.key, spec.rid, record.version or "", record.snapshot, left_out, record.origin, False)
    version = _version(catalog, spec)
    is_development = version.is_development
    snapshot = catalog.snaptime() if is_development else version.snapshot
    record = _found(index, spec, version.text, snapshot)
    if record is not None:
        return _Entry(record.key, spec.rid, version.text, snapshot, left_out, record.origin, is_development)
    key = key_of(index.cache.target, spec.rid, version.text, snapshot, left_out)
    return _Entry(key, spec.rid, version.text, snapshot, left_out, records.OURS, is_development)


def _version(catalog: Catalog, spec: DatasetSpec) -> VersionRow:
    """The version that is meant, in one request."""
    from dml.catalog.rows import select
    from dml.dataset.lookup import DATASET_VERSION, newest_first, resolve, version_row

    rows = select(catalog, DATASET_VERSION, where={"Dataset": spec.rid})
    versions = newest_first(version_row(row) for row in rows)
    named = [one for one in versions if spec.version is None or one.version == spec.version]
    if named and not named[0].is_unfinished:
        return named[0]
    return resolve(catalog, spec).row  # which says what is wrong


def _found(index: Index, spec: DatasetSpec, version: str, snapshot: str | None) -> BagRecord | None:
    """A bag of the version that is in its place; at the snapshot, when that is known."""
    record = records.find_bag(index, spec.rid, version, spec.exclude_tables, snapshot=snapshot)
    if record is None:
        return None
    return record if has_metadata(index.cache.bag_directory(record.key, spec.rid)) else None


def _known(index: Index, entry: _Entry) -> BagRecord:
    for record in records.bag_records(index, key=entry.key, dataset_rid=entry.rid):
        return record
    raise ConflictError(f"{entry.rid} was removed from the cache a moment ago", hint="Run the command again.")


def _ensure_metadata(index: Index, catalog: Catalog, entry: _Entry) -> bool:
    """Have the bag without its files, and its inventory in the index; returns whether it was exported now."""
    cache, bag = index.cache, entry.bag(index.cache)
    check_inside(cache.root, bag)
    made = not has_metadata(bag)
    if made and entry.origin != records.OURS:
        raise ConflictError(f"{bag} was removed a moment ago", hint="Run the command again.")
    if made:
        _export(catalog, cache, entry)
    # A process may have been killed between the two, and what deriva-ml made was never looked at.
    known = records.bag_records(index, key=entry.key, dataset_rid=entry.rid)
    if made or not known or known[0].assets is None:
        enter_bag(index, bag, entry.key, entry.rid, entry.version, entry.snapshot, entry.excluded, entry.origin)
    return made


def enter_bag(
    index: Index,
    bag: Path,
    key: str,
    rid: str,
    version: str,
    snapshot: str | None,
    excluded: tuple[str, ...],
    origin: str,
) -> None:
    """Enter a bag that is in its place into the index, with what it holds.

    Raises:
        IntegrityError, UnsafePathError: It is malformed, or names a place outside itself.
    """
    files, metadata = read_files(bag)
    target, tags = str(index.cache.target), tag_manifest(bag)
    tag_md5 = file_md5(tags) if tags.is_file() else ""
    records.add_bag(index, BagToRecord(key, target, rid, version, snapshot, excluded, origin, tag_md5, metadata), files)


def _export(catalog: Catalog, cache: Cache, entry: _Entry) -> None:
    from dml.dataset.bag_export import export_bag
    from dml.dataset.lookup import resolve

    source = resolve(catalog, DatasetSpec(entry.rid, entry.version, exclude_tables=entry.excluded))
    directory = make_directory(cache.root, cache.entry_directory(entry.key))
    for leaving in directory.glob(".Dataset_*"):  # an export that was killed
        shutil.rmtree(leaving, ignore_errors=True)
    require_space(cache.root, 1)
    bag = entry.bag(cache)
    export_bag(catalog, source, bag)
    seal(bag)


def _look_again(index: Index, entry: _Entry, *, to_be_read: bool, progress: Progress) -> None:
    """Notice files that were removed, cut or written to since they were verified; only those written to are read.

    Files that nobody verified (another program brought them, or the index was made anew) are read when they are wanted.
    """
    bag = entry.bag(index.cache)
    verified = verified_at(index, entry.key)
    gone, doubtful = [], []
    for file in bag_files(index, entry.key, present=True):
        changed = time_of_change(f"{bag}/{file.path}", file.length)
        if changed is None:
            gone.append(file.path)
        elif verified.get(file.path, None if to_be_read else changed) != changed:
            doubtful.append(file)
    if doubtful:
        size = sum(file.length for file in doubtful)
        progress.message(f"reading {len(doubtful):,} files of {entry.rid}, {format_size(size)}, to verify them")
    right: list[str] = []
    for file in doubtful:
        (right if is_whole(bag / file.path, file.length, file.checksum) else gone).append(file.path)
    if right:
        mark_here(index, entry.key, bag, right)
    if gone:
        mark_gone(index, entry.key, gone)


def _fetch_missing(index: Index, catalog: Catalog, entry: _Entry, jobs: int, progress: Progress) -> Fetched:
    missing = bag_files(index, entry.key, present=False)
    if not missing:
        return Fetched()
    cache, bag = index.cache, entry.bag(index.cache)
    files = files_to_fetch(index, catalog, entry.key, bag, missing)
    require_space(
        cache.root, sum(file.length for file in files if not (file.same or has_size(file.place, file.length)))
    )
    return fetch_files(
        catalog,
        cache.root,
        files,
        record=lambda items: mark_here(index, entry.key, bag, items),
        jobs=jobs,
        progress=progress,
        label=f"{entry.rid}@{entry.version}",
    )


def files_to_fetch(index: Index, catalog: Catalog, key: str, bag: Path, wanted: Sequence[BagFile]) -> list[FileToFetch]:
    """Where files of a bag come from and go to, every address and path judged before the first byte is asked for.

    Length and checksum are those that the index recorded when the bag was made, not what the bag says now.

    Raises:
        UnsafePathError: A path leaves the bag, or an address is not on the catalog's host.
        IntegrityError: ``fetch.txt`` no longer names a file.
    """
    cache = index.cache
    remotes = {remote.path: remote for remote in read_fetch(bag)}
    elsewhere = same_content(index, key)
    single = assets.same_content(index, key)
    files = []
    for file in wanted:
        remote = remotes.get(file.path)
        if remote is None:
            raise IntegrityError(
                f"{safe(file.path)} of {bag.parent.name} is missing, and fetch.txt does not say where it is",
                hint="dml cache verify --repair makes its metadata anew.",
            )
        judge(catalog, replace(remote, checksum=file.checksum, length=file.length))
        other = elsewhere.get((file.checksum, file.length))
        same = [payload_path(cache.bag_directory(other[0], other[1]), other[2])] if other else []
        same += single.get((file.checksum, file.length), [])
        files.append(
            FileToFetch(
                item=file.path,
                url=urlsplit(remote.url).path,
                place=payload_path(bag, file.path),
                partial=cache.partial_path(cache.entry_directory(key), file.path),
                length=file.length,
                checksum=file.checksum,
                same=tuple(same),
            )
        )
    return files
