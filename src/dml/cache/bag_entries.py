"""Finds the cached bag of a dataset version, or decides which one to create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.cache.bag_contents import has_metadata, read_files
from dml.cache.bag_records import BagIdentity, BagRecord, add_bag, find_bag
from dml.cache.index import Index
from dml.cache.layout import cache_key
from dml.dataset.bagit import tag_manifest
from dml.dataset.checksums import file_md5

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.dataset.records import VersionRow
    from dml.dataset.spec import DatasetSpec

__all__ = ["find_cached_bag", "index_bag", "resolve_bag"]


def find_cached_bag(index: Index, spec: DatasetSpec) -> BagRecord | None:
    """The cached bag of the released version that a specification names; makes no request.

    None also when the specification names no version or a development version: only the catalog knows what is current.
    """
    if spec.version is None or spec.version.is_development:
        return None
    return _existing(index, spec, str(spec.version), None)


def resolve_bag(index: Index, catalog: Catalog, spec: DatasetSpec) -> tuple[BagIdentity, bool]:
    """The bag that a specification means, cached or still to be exported, and whether it is a development version.

    A cached released version costs no request. Otherwise one request finds the version, and a development version
    takes another one for the catalog's snaptime: its bag is used again only while nothing in the catalog has changed.

    Raises:
        NotFoundError: There is no such dataset or version.
        ConflictError: The dataset is deleted, or the release of the version was interrupted.
    """
    record = find_cached_bag(index, spec)
    if record is not None:
        return _identity(record, record.version or ""), False
    version = _version(catalog, spec)
    snapshot = catalog.snaptime() if version.is_development else version.snapshot
    record = _existing(index, spec, version.text, snapshot)
    if record is not None:
        return _identity(record, version.text), version.is_development
    excluded = tuple(sorted(spec.exclude_tables))
    key = cache_key(index.cache.target, spec.rid, version.text, snapshot, excluded)
    return BagIdentity(key, spec.rid, version.text, snapshot, excluded), version.is_development


def index_bag(index: Index, bag: BagIdentity) -> None:
    """Record a bag that exists in the cache, with what it holds.

    Raises:
        IntegrityError, UnsafePathError: It is malformed, or a path leads out of it.
    """
    path = bag.path(index.cache)
    files, metadata_bytes = read_files(path)
    manifest = tag_manifest(path)
    tag_md5 = file_md5(manifest) if manifest.is_file() else ""
    add_bag(index, bag, files, tag_md5=tag_md5, metadata_bytes=metadata_bytes)


def _identity(record: BagRecord, version: str) -> BagIdentity:
    return BagIdentity(record.key, record.dataset_rid, version, record.snapshot, record.excluded, record.origin)


def _version(catalog: Catalog, spec: DatasetSpec) -> VersionRow:
    """The version that a specification means, in one request."""
    from dml.dataset.lookup import read_versions, resolve

    versions = read_versions(catalog, spec.rid)
    row = next((row for row in versions if spec.version in (None, row.version)), None)
    if row is not None and not row.is_unfinished:
        return row
    return resolve(catalog, spec).row  # raises the error that says what is wrong


def _existing(index: Index, spec: DatasetSpec, version: str, snapshot: str | None) -> BagRecord | None:
    """The bag of a version that the index knows and the disk holds; at the snapshot, if one is given."""
    record = find_bag(index, spec.rid, version, spec.exclude_tables, snapshot=snapshot)
    return record if record is not None and has_metadata(record.path(index.cache)) else None
