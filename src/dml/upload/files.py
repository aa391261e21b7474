"""Uploading files as a whole: hashed, sent, inserted as rows, linked, and confirmed in the registry.

Later files are hashed and looked up while earlier ones are sent, but the bytes of a file come before its row, and its
row before the confirmation. Every step can be repeated: an upload that is interrupted anywhere is continued by the
next one, which skips what is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.objects import stat
from dml.errors import DmlError, PartialError
from dml.upload import asset_rows, transfer
from dml.upload.asset_rows import OUTPUT, AssetFile, StoredAsset
from dml.upload.batch import PendingFile, group_by_table, summarize_keys
from dml.upload.observer import UploadObserver
from dml.upload.report import CommittedAsset, UploadReport
from dml.upload.worker_pool import CancelToken
from dml.workspace import assets

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.upload.transfer import HashedFile
    from dml.workspace.session import WorkspaceSession

__all__ = ["CHUNK_SIZE", "JOBS", "find_existing", "upload_files"]

CHUNK_SIZE = 50_000_000
"""Default size in bytes of the chunks of a large file."""

JOBS = 8
"""Default number of files that are uploaded at the same time."""

ROWS_PER_PAGE = 1_000
"""Asset rows that are inserted, linked and confirmed together."""

FILES_PER_LOOKUP = 100
"""Files that are looked up in the catalog together: this many checksums fit into one path."""

BYTES_PER_GROUP = 256 << 20
"""Bytes after which sending begins, even when fewer files than ``FILES_PER_LOOKUP`` are hashed."""


def upload_files(
    session: WorkspaceSession,
    rid: str,
    files: Sequence[PendingFile],
    observer: UploadObserver | None = None,
    *,
    jobs: int = JOBS,
    chunk_size: int = CHUNK_SIZE,
    look_up_first: bool = True,
) -> UploadReport:
    """Upload pending files of an execution as its outputs; its status does not change. Writes catalog and registry.

    Args:
        session: The workspace.
        rid: The execution.
        files: The files.
        observer: Receives the progress.
        jobs: How many files are uploaded at the same time.
        chunk_size: Size in bytes of the chunks of a large file.
        look_up_first: Search the catalog for identical content before sending. Without it identical content is found
            only when its insertion is refused: that saves a request where duplicates are rare, and misses rows of
            older releases, whose URL names a version of the object.

    Raises:
        PartialError: Some files could not be uploaded; their errors are recorded. A single file raises its own error.
        RetryableError: The server cannot be reached; what was confirmed is recorded.
        AuthError: Not signed in, or not allowed.
    """
    observer = observer or UploadObserver()
    report = UploadReport(execution_rids=[rid])
    if not files:
        return report
    observer.announce("hashing", f"hashing {len(files)} files")
    hashed: dict[str, HashedFile] = {}
    existing: dict[str, StoredAsset] = {}
    errors: dict[str, DmlError] = {}
    token = CancelToken()

    def new_files() -> Iterator[list[HashedFile]]:
        for group in _groups(files, jobs):
            group_hashed, group_errors = transfer.hash_files(session, rid, group, jobs, token)
            errors.update(group_errors)
            hashed.update((file.key, file) for file in group_hashed)
            if look_up_first:
                existing.update(find_existing(session, group_hashed))
            yield [file for file in group_hashed if file.key not in existing]

    sent, send_errors = transfer.upload_bytes(
        session, rid, new_files(), observer, jobs=jobs, chunk_size=chunk_size, token=token
    )
    errors.update(send_errors)
    report.bytes_sent += sum(hashed[key].digest.length for key in sent)
    observer.announce("rows", f"inserting {len(sent) + len(existing)} asset rows")
    complete = [file.file for key, file in hashed.items() if key in sent or key in existing]
    for table, table_files in group_by_table(complete):
        for begin in range(0, len(table_files), ROWS_PER_PAGE):
            page = [hashed[file.key] for file in table_files[begin : begin + ROWS_PER_PAGE]]
            _insert_page(session, rid, table, page, existing, observer, report)
    if errors:
        _raise_errors(session, rid, report, errors)
    return report


def find_existing(session: WorkspaceSession, files: Sequence[HashedFile]) -> dict[str, StoredAsset]:
    """The rows of the catalog that hold the same content already, by key of the file.

    A row whose object is missing was left behind by another program: the file is uploaded and the row is used then.
    """
    by_key = {file.key: file for file in files}
    rows: dict[str, StoredAsset] = {}
    for table, table_files in group_by_table([file.file for file in files]):
        table_rows = [_asset_file(by_key[file.key]) for file in table_files]
        rows |= asset_rows.find_identical(session.catalog, table, table_rows)
    objects = gather([partial(stat, session.catalog, row.url) for row in rows.values()])
    return {key: row for (key, row), info in zip(rows.items(), objects, strict=True) if info is not None}


def _groups(files: Sequence[PendingFile], jobs: int) -> Iterator[list[PendingFile]]:
    """The files in groups to hash and look up together: as many as one request can look up, or, of large files, as
    many as are read in parallel."""
    group: list[PendingFile] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.identity.size
        if len(group) >= FILES_PER_LOOKUP or (size >= BYTES_PER_GROUP and len(group) >= jobs):
            yield group
            group, size = [], 0
    if group:
        yield group


def _insert_page(
    session: WorkspaceSession,
    rid: str,
    table: Table,
    page: Sequence[HashedFile],
    existing: dict[str, StoredAsset],
    observer: UploadObserver,
    report: UploadReport,
) -> None:
    """Insert, link and confirm some files of one table."""
    rows = {file.key: existing[file.key] for file in page if file.key in existing}
    new = [_asset_file(file) for file in page if file.key not in existing]
    if new:
        rows |= asset_rows.insert_assets(session.catalog, table, new)
    types = {rows[file.key].rid: file.file.types for file in page}
    asset_rows.link_assets(session.catalog, table, rid, OUTPUT, types)
    descriptions = {
        rows[file.key].rid: file.file.row.description
        for file in page
        if rows[file.key].shared and file.file.row.description and not rows[file.key].description
    }
    asset_rows.add_descriptions(session.catalog, table, descriptions)
    assets.mark_uploaded(session.registry, rid, {key: (row.rid, row.url) for key, row in rows.items()})
    for file in page:
        row = rows[file.key]
        if file.key in existing:
            observer.begin(file.key, file.file.path, file.digest.length)
            observer.finish(file.key, f"already in the catalog as {row.rid}")
        report.assets.append(CommittedAsset(file.key, table.schema, row.rid, row.shared, file.file.path))
        report.shared += row.shared
    report.count(table.schema, table.name, "uploaded", len(page))


def _asset_file(file: HashedFile) -> AssetFile:
    row = file.file.row
    return AssetFile(
        key=file.key,
        url=file.url,
        filename=row.filename,
        length=file.digest.length,
        md5_hex=file.digest.md5_hex,
        description=row.description,
        metadata=row.metadata,
    )


def _raise_errors(session: WorkspaceSession, rid: str, report: UploadReport, errors: dict[str, DmlError]) -> None:
    """Record the errors of single files in the registry, and raise them."""
    assets.mark_failed(session.registry, rid, {key: str(error) for key, error in errors.items()})
    first = next(iter(errors.values()))
    if not report.assets and len(errors) == 1:
        raise first
    raise PartialError(
        f"{len(report.assets)} files of {rid} are uploaded, {len(errors)} are not"
        f" ({summarize_keys(list(errors))}): {first}",
        hint=first.hint or f"dml exec show {rid}",
    )
