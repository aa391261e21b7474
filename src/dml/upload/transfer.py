"""Hashing staged files and uploading their bytes, several files at a time.

Everything is recorded before it is done: the upload with its URL and checksum, then the server's upload job and each
confirmed chunk. After an interruption, the next commit asks the store what it has and sends at most the chunk again
that was being transferred.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.objects import object_path, stat, upload
from dml.errors import AuthError, DmlError, RetryableError
from dml.upload.progress_store import ProgressStore
from dml.upload.worker_pool import Calls, Cancelled, CancelToken, run_in_parallel
from dml.workspace import assets, uploads
from dml.workspace.file_identity import FileIdentity
from dml.workspace.hashing import BLOCK, Digest, digest
from dml.workspace.uploads import UploadJob

if TYPE_CHECKING:
    from dml.upload.batch import PendingFile
    from dml.upload.observer import UploadObserver
    from dml.workspace.session import WorkspaceSession

_HASHES_PER_WRITE = 200


@dataclass(frozen=True)
class HashedFile:
    """A pending file with its checksum.

    Attributes:
        file: The file.
        digest: Its checksum.
        url: Path of the object that will hold its bytes, ``/hatrac/<Table>/<md5>.<filename>``.
    """

    file: PendingFile
    digest: Digest
    url: str

    @property
    def key(self) -> str:
        """``Table/filename``."""
        return self.file.key


def hash_files(
    session: WorkspaceSession, rid: str, files: Sequence[PendingFile], jobs: int, token: CancelToken | None = None
) -> tuple[list[HashedFile], dict[str, DmlError]]:
    """Compute the checksums of files and record them in the registry; a recorded checksum of an unchanged file is used.

    Args:
        session: The workspace.
        rid: The execution whose files they are.
        files: The files.
        jobs: How many large files are read at the same time.
        token: Cancels the hashing.

    Returns:
        The hashed files, and the errors by key: a file disappeared or changed while it was read.

    Raises:
        Cancelled: The token was cancelled.
    """
    token = token or CancelToken()
    computed: dict[str, tuple[FileIdentity, str]] = {}
    digests: dict[str, Digest] = {}
    errors: dict[str, DmlError] = {}
    for key, result in _digests(session, files, jobs, token):
        if isinstance(result, Cancelled):
            raise result
        if isinstance(result, DmlError):
            errors[key] = result
            continue
        digests[key] = result
        if result.is_new:
            computed[key] = (result.identity, result.md5_hex)
        if len(computed) >= _HASHES_PER_WRITE:
            assets.record_hashes(session.registry, rid, computed)
            computed = {}
    if computed:
        assets.record_hashes(session.registry, rid, computed)
    hashed = [
        HashedFile(file, digests[file.key], object_path(file.table.name, digests[file.key].md5_hex, file.row.filename))
        for file in files
        if file.key in digests
    ]
    return hashed, errors


def upload_bytes(
    session: WorkspaceSession,
    rid: str,
    groups: Iterable[Sequence[HashedFile]],
    observer: UploadObserver,
    *,
    jobs: int,
    chunk_size: int,
    token: CancelToken,
) -> tuple[set[str], dict[str, DmlError]]:
    """Upload the bytes of files to the object store. Writes the store and the registry; can be repeated.

    Args:
        session: The workspace.
        rid: The execution whose files they are.
        groups: The files in groups. A group is requested, in another thread, while earlier ones are uploaded.
        observer: Receives the progress of each file.
        jobs: How many files are uploaded at the same time.
        chunk_size: Size in bytes of the chunks of a large file.
        token: Cancelled when the upload is interrupted; the producer of the groups should check it too.

    Returns:
        The keys of the files whose bytes the store has confirmed, and the errors by key.

    Raises:
        RetryableError: The server cannot be reached; what was confirmed is recorded.
        AuthError: Not signed in, or not allowed.
    """
    store = ProgressStore(session.registry, rid)
    progress = _Progress(observer, store, token)
    calls = _uploads(session, rid, groups, progress, chunk_size)
    confirmed: set[str] = set()
    errors: dict[str, DmlError] = {}
    # The remaining files would fail for the same reason, so these errors end the whole upload.
    fatal = (RetryableError, AuthError)
    with run_in_parallel(calls, jobs, token, stop_at=fatal) as results:
        for key, result in results:
            if isinstance(result, DmlError):
                errors[key] = result
                observer.finish(key, "failed")
            else:
                confirmed.add(key)
                store.finish(key, result.length)
                observer.finish(key, "uploaded" if result.is_sent else "already there")
    for error in errors.values():
        if isinstance(error, fatal):
            raise error
    return confirmed, errors


@dataclass(frozen=True)
class _Confirmed:
    """Length in bytes of an object that the store has confirmed, and whether its bytes had to be sent."""

    length: int
    is_sent: bool


@dataclass(frozen=True)
class _Progress:
    """Where the progress of an upload goes, and what cancels it."""

    observer: UploadObserver
    store: ProgressStore
    token: CancelToken

    def counter(self, key: str) -> Callable[[int], None]:
        """A function that counts the bytes of one file."""
        record = self.store.counter(key)

        def advance(count: int) -> None:
            self.token.raise_if_cancelled()
            self.observer.advance(key, count)
            record(count)

        return advance


def _digests(
    session: WorkspaceSession, files: Sequence[PendingFile], jobs: int, token: CancelToken
) -> Iterator[tuple[str, Digest | DmlError]]:
    """The checksum of each file, or the error: small files one after the other, then large ones in parallel.

    Hashing a small file takes less time than handing it to a thread.
    """
    large = []
    for file in files:
        if file.identity.size > BLOCK:
            large.append((file.key, _hash_function(session, file, token)))
            continue
        try:
            yield file.key, _hash_function(session, file, token)()
        except DmlError as error:
            yield file.key, error
    if large:
        with run_in_parallel(large, jobs, CancelToken()) as results:
            yield from results


def _hash_function(session: WorkspaceSession, file: PendingFile, token: CancelToken) -> Callable[[], Digest]:
    row = file.row
    known = (row.identity, row.md5) if row.identity is not None and row.md5 else None
    root, seen = session.workspace.root, file.identity
    return lambda: digest(root, file.path, known=known, seen=seen, advance=lambda _count: token.raise_if_cancelled())


def _uploads(
    session: WorkspaceSession, rid: str, groups: Iterable[Sequence[HashedFile]], progress: _Progress, chunk_size: int
) -> Calls[_Confirmed]:
    """A function for each file that uploads it; every group is recorded before the first of its files is uploaded."""
    interrupted = {job.key for job in uploads.list_uploads(session.registry, rid)}
    for files in groups:
        progress.token.raise_if_cancelled()
        if not files:
            continue
        with session.registry.transaction():
            jobs = [
                uploads.begin_upload(
                    session.registry,
                    rid,
                    file.key,
                    url=file.url,
                    md5=file.digest.md5_hex,
                    size=file.digest.length,
                    chunk_size=chunk_size,
                )
                for file in files
            ]
        for file, job in zip(files, jobs, strict=True):
            yield file.key, _upload_function(session, file, job, progress, is_resumed=file.key in interrupted)


def _upload_function(
    session: WorkspaceSession, file: HashedFile, job: UploadJob, progress: _Progress, *, is_resumed: bool
) -> Callable[[], _Confirmed]:
    """A function that uploads one file, unless the store has it from an interrupted commit."""

    def record_chunk(server_job: str, chunks_done: int) -> None:
        if not progress.token.is_closed:
            uploads.record_chunk(session.registry, job.execution_rid, file.key, server_job, chunks_done)
        progress.token.raise_if_cancelled()

    def run() -> _Confirmed:
        progress.observer.begin(file.key, file.file.path, file.digest.length)
        if is_resumed and job.job is None:
            stored = stat(session.catalog, file.url)
            if stored is not None and stored.md5_hex == file.digest.md5_hex:
                return _Confirmed(file.digest.length, is_sent=False)
        upload(
            session.catalog,
            file.file.path,
            file.url,
            md5_hex=file.digest.md5_hex,
            content_type=mimetypes.guess_type(file.file.row.filename)[0],
            chunk_size=job.chunk_size,
            progress=progress.counter(file.key),
            job=job.job,
            chunks_done=job.chunks_done,
            remember=record_chunk,
        )
        return _Confirmed(file.digest.length, is_sent=True)

    return run
