"""Fetches dataset versions into the cache.

A bag's metadata appears by a rename, so it is complete or absent; its files arrive one by one. A released version never
changes, so what the index knows about it is enough. A development version is exported as it is now.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dml.cache.asset_records import copies_in_assets
from dml.cache.bag_contents import has_metadata, make_read_only
from dml.cache.bag_entries import index_bag, resolve_bag
from dml.cache.bag_files import BagFile, bag_files, copies_in_bags, mark_lost, mark_present, verified_times
from dml.cache.bag_records import BagIdentity, BagRecord, Origin, bag_records, mark_used
from dml.cache.fetch import fetch_files, require_space
from dml.cache.file_checks import has_size, is_intact, modified_ns
from dml.cache.file_fetcher import FetchResult, FileToFetch
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.locks import WAIT, entry_lock
from dml.dataset.bagit import payload_path, read_fetch
from dml.dataset.remote_files import check_remote_file
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError, IntegrityError
from dml.formatting import format_size, pluralize
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.files import check_inside, make_directory

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["WarmBag", "files_to_fetch", "warm_bag"]


@dataclass(frozen=True)
class WarmBag:
    """A dataset version in the cache.

    Attributes:
        record: Its row in the index.
        path: The bag.
        fetched: The files that this call fetched.
        metadata_fetched: Whether this call exported its metadata.
        is_development: Whether it is a development version, as it was when its metadata was exported.
    """

    record: BagRecord
    path: Path
    fetched: FetchResult
    metadata_fetched: bool
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
    """Fetch what the cache lacks of a dataset version. Writes the cache and its index.

    A released version that is cached costs no request, or one when the specification names no version.

    Args:
        index: Open for writing.
        catalog: Where to read.
        spec: The dataset; without a version its current one. ``materialize=False`` means ``metadata_only``.
        metadata_only: Fetch no files.
        jobs: Downloads at once; None takes the number of the specification.
        progress: Observes each file.
        wait: Seconds to wait for another process that is fetching the same version.

    Raises:
        NotFoundError: No such dataset or version, or a file is missing from the object store.
        IntegrityError: A file does not have its checksum, or a bag is malformed.
        UnsafePathError: A path leads out of the bag, or a symbolic link is in the way.
        LockedError: Another process is still using it.
        RetryableError: The network fails, or the disk space does not suffice.
    """
    wanted = DatasetSpec.of(spec)
    bag, is_development = resolve_bag(index, catalog, wanted)
    with entry_lock(index.cache, bag.key, wait=wait, progress=progress):
        exported = _ensure_metadata(index, catalog, bag)
        with_files = wanted.materialize and not metadata_only
        _recheck_files(index, bag, read_unverified=with_files, progress=progress)
        fetched = FetchResult()
        if with_files:
            fetched = _fetch_missing(index, catalog, bag, jobs or wanted.fetch_concurrency, progress)
            with contextlib.suppress(OSError):  # not empty while a download is unfinished
                index.cache.partial_path(index.cache.entry_directory(bag.key), "").parent.rmdir()
        mark_used(index, bag.key)
    record = _record(index, bag)
    if record is None:
        raise ConflictError(f"{bag.dataset_rid} has just been removed from the cache", hint="Run the command again.")
    return WarmBag(record, bag.path(index.cache), fetched, exported, is_development)


def files_to_fetch(index: Index, catalog: Catalog, key: str, bag: Path, wanted: Sequence[BagFile]) -> list[FileToFetch]:
    """Sources and destinations of files of a bag; all URLs and paths are checked before the first request.

    Length and checksum are those that the index recorded when the bag was exported, not what the bag says now.

    Raises:
        UnsafePathError: A path leads out of the bag, or a URL to another host.
        IntegrityError: ``fetch.txt`` no longer names a file.
    """
    cache = index.cache
    remotes = {remote.path: remote for remote in read_fetch(bag)}
    in_bags, in_assets = copies_in_bags(index, key), copies_in_assets(index, key)
    files = []
    for file in wanted:
        remote = remotes.get(file.path)
        if remote is None:
            raise IntegrityError(
                f"{safe(file.path)} of {bag.parent.name} is missing, and fetch.txt does not say where to fetch it",
                hint="Export its metadata again with dml cache verify --repair.",
            )
        check_remote_file(catalog, replace(remote, checksum=file.checksum, length=file.length))
        content = file.checksum, file.length
        copies = list(in_assets.get(content, []))
        if content in in_bags:
            other_key, other_rid, path = in_bags[content]
            copies.insert(0, payload_path(cache.bag_directory(other_key, other_rid), path))
        files.append(
            FileToFetch(
                name=file.path,
                url=urlsplit(remote.url).path,
                destination=payload_path(bag, file.path),
                partial=cache.partial_path(cache.entry_directory(key), file.path),
                length=file.length,
                checksum=file.checksum,
                copies=tuple(copies),
            )
        )
    return files


def _record(index: Index, bag: BagIdentity) -> BagRecord | None:
    return next(iter(bag_records(index, key=bag.key, dataset_rid=bag.dataset_rid)), None)


def _ensure_metadata(index: Index, catalog: Catalog, bag: BagIdentity) -> bool:
    """Export and record the bag where that has not been done; returns whether it was exported now."""
    path = bag.path(index.cache)
    check_inside(index.cache.root, path)
    is_missing = not has_metadata(path)
    if is_missing and bag.origin != Origin.DML:
        raise ConflictError(f"{path} has just been removed", hint="Run the command again.")
    if is_missing:
        _export(catalog, index.cache, bag)
    # A process may have been killed between export and record, and deriva-ml does not record what a bag holds.
    record = _record(index, bag)
    if is_missing or record is None or record.assets is None:
        index_bag(index, bag)
    return is_missing


def _export(catalog: Catalog, cache: Cache, bag: BagIdentity) -> None:
    from dml.dataset.bag_export import export_bag
    from dml.dataset.lookup import resolve

    source = resolve(catalog, DatasetSpec(bag.dataset_rid, bag.version, exclude_tables=bag.excluded))
    directory = make_directory(cache.root, cache.entry_directory(bag.key))
    for interrupted in directory.glob(".Dataset_*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    require_space(cache.root, 1)
    export_bag(catalog, source, bag.path(cache))
    make_read_only(bag.path(cache))


def _recheck_files(index: Index, bag: BagIdentity, *, read_unverified: bool, progress: Progress) -> None:
    """Notice files that were deleted, truncated or written to since they were verified.

    A file whose modification time has changed is read. One that was never verified (another program fetched it, or the
    index was rebuilt) is read only when ``read_unverified`` is set, because the files are about to be used.
    """
    path = bag.path(index.cache)
    verified = verified_times(index, bag.key)
    lost, doubtful = [], []
    for file in bag_files(index, bag.key, present=True):
        modified = modified_ns(f"{path}/{file.path}", file.length)
        if modified is None:
            lost.append(file.path)
        elif verified.get(file.path, None if read_unverified else modified) != modified:
            doubtful.append(file)
    if doubtful:
        size = format_size(sum(file.length for file in doubtful))
        progress.message(f"verifying {pluralize(len(doubtful), 'file')} of {bag.dataset_rid}, {size}")
    intact: list[str] = []
    for file in doubtful:
        (intact if is_intact(path / file.path, file.length, file.checksum) else lost).append(file.path)
    if intact:
        mark_present(index, bag.key, path, intact)
    if lost:
        mark_lost(index, bag.key, lost)


def _fetch_missing(index: Index, catalog: Catalog, bag: BagIdentity, jobs: int, progress: Progress) -> FetchResult:
    missing = bag_files(index, bag.key, present=False)
    if not missing:
        return FetchResult()
    root, path = index.cache.root, bag.path(index.cache)
    files = files_to_fetch(index, catalog, bag.key, path, missing)
    new = (file for file in files if not (file.copies or has_size(file.destination, file.length)))
    require_space(root, sum(file.length for file in new))
    return fetch_files(
        catalog,
        root,
        files,
        record=lambda names: mark_present(index, bag.key, path, names),
        jobs=jobs,
        progress=progress,
        label=f"{bag.dataset_rid}@{bag.version}",
    )
