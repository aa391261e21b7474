"""Putting right what verifying found wrong: files are fetched again, metadata is exported again beside the bag.

The same version exports to the same bytes, so each wrong file is replaced by its right one in one step.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache import assets
from dml.cache.bag_scan import paths_of, problem_of
from dml.cache.bags import files_to_fetch
from dml.cache.fetch import FileToFetch, fetch_files
from dml.cache.files import bag_files, mark_here
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.link import READ_ONLY
from dml.cache.records import BagRecord
from dml.dataset.checksums import file_checksum
from dml.errors import IntegrityError, NotFoundError, PartialError
from dml.progress import Progress

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["fetch_broken", "renew_metadata", "repair_asset"]


def fetch_broken(
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


def renew_metadata(catalog: Catalog, record: BagRecord, bag: Path, files: set[str]) -> None:
    """Export the version again beside the bag and take over each file that differs; what does not belong is removed."""
    from dml.dataset.bag_export import export_bag
    from dml.dataset.lookup import resolve
    from dml.dataset.spec import DatasetSpec

    source = resolve(catalog, DatasetSpec(record.dataset_rid, record.version, exclude_tables=record.excluded))
    beside = bag.parent / f".Dataset_{record.dataset_rid}.repair"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        export_bag(catalog, source, beside)
        right = set(paths_of(beside))
        for path in paths_of(bag):
            if path not in right and path not in files:
                (bag / path).unlink()
        for path in sorted(right):
            place, fresh = bag / path, beside / path
            if problem_of(place, None, file_checksum(fresh)):
                place.parent.mkdir(parents=True, exist_ok=True)
                fresh.chmod(READ_ONLY)
                fresh.replace(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def repair_asset(
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
