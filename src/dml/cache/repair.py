"""Repairs what verifying found: fetches files again, and exports the metadata of a bag again.

The same version exports to the same bytes, so each damaged file is replaced by the correct one in one step.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.bag_files import bag_files, mark_present
from dml.cache.bag_records import BagRecord
from dml.cache.fetch import fetch_files
from dml.cache.file_checks import find_fault
from dml.cache.index import Index, set_aside_if_damaged
from dml.cache.layout import Cache
from dml.cache.link import READ_ONLY
from dml.cache.pins import read_pins_file
from dml.cache.resolve_name import find_asset
from dml.cache.scan import paths_of
from dml.cache.warm_asset import fetch_asset
from dml.cache.warm_bag import files_to_fetch
from dml.dataset.checksums import file_checksum
from dml.errors import IntegrityError, NotFoundError, PartialError
from dml.formatting import pluralize
from dml.progress import Progress

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["refetch_asset", "refetch_files", "replace_damaged_index", "replace_metadata"]


def replace_damaged_index(cache: Cache) -> str:
    """Set a damaged index aside, so that the next writer creates a new one; bags beside it are found as orphans.

    Returns:
        What was done, as a sentence; empty when the index is intact.
    """
    with Index.reading(cache) as index:
        aside = set_aside_if_damaged(index)
    if aside is None:
        return ""
    pins = pluralize(len(read_pins_file(cache)), "pin")
    return f"the index was damaged and is now {aside.name}; rebuilding it from the files on disk, with {pins}"


def refetch_files(
    index: Index, catalog: Catalog, key: str, bag: Path, broken: list[str], jobs: int, progress: Progress
) -> set[str]:
    """Fetch damaged and lost files of a bag again; returns the paths of those that were fetched."""
    fetched: set[str] = set()

    def record(paths: list[str]) -> None:
        mark_present(index, key, bag, paths)
        fetched.update(paths)

    wanted = [file for file in bag_files(index, key, present=False) if file.path in set(broken)]
    files = files_to_fetch(index, catalog, key, bag, wanted)
    for file in files:
        if file.destination.is_symlink():
            file.destination.unlink()
    # What the object store has lost or changed cannot be repaired, and stays listed as a fault.
    with contextlib.suppress(IntegrityError, NotFoundError, PartialError):
        fetch_files(catalog, index.cache.root, files, record=record, jobs=jobs, progress=progress, label=bag.name)
    return fetched


def replace_metadata(catalog: Catalog, record: BagRecord, bag: Path, files: set[str]) -> None:
    """Export a version again beside its bag, replace each metadata file that differs, and delete those that are new.

    Args:
        catalog: Where to read.
        record: The bag's row in the index; its version must be a released one.
        bag: The bag.
        files: Paths of the files that are fetched apart from the metadata; they are left alone.
    """
    from dml.dataset.bag_export import export_bag
    from dml.dataset.lookup import resolve
    from dml.dataset.spec import DatasetSpec

    source = resolve(catalog, DatasetSpec(record.dataset_rid, record.version, exclude_tables=record.excluded))
    export = bag.parent / f".Dataset_{record.dataset_rid}.repair"
    shutil.rmtree(export, ignore_errors=True)
    try:
        export_bag(catalog, source, export)
        expected = set(paths_of(export))
        for path in paths_of(bag):
            if path not in expected and path not in files:
                (bag / path).unlink()
        for path in sorted(expected):
            damaged, fresh = bag / path, export / path
            if find_fault(damaged, None, file_checksum(fresh)):
                damaged.parent.mkdir(parents=True, exist_ok=True)
                fresh.chmod(READ_ONLY)
                fresh.replace(damaged)
    finally:
        shutil.rmtree(export, ignore_errors=True)


def refetch_asset(index: Index, catalog: Catalog, rid: str, md5: str, path: Path, progress: Progress) -> bool:
    """Fetch an asset again as its row describes it now; returns whether that repaired it.

    It cannot be repaired when the row has another MD5 by now, or when the object store has lost its bytes.
    """
    asset = find_asset(catalog, rid)
    if asset.md5 != md5:
        return False
    if path.is_symlink():
        path.unlink()
    try:
        fetch_asset(index, catalog, asset, path, progress=progress)
    except (IntegrityError, NotFoundError):
        return False
    return True
