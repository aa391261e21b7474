"""Hashing and sending the bytes of staged files, several at a time.

Everything is recorded before it is begun: the upload with its URL and checksum, then the server's job and each
confirmed chunk. A run that comes after a killed one asks the store what it has and sends at most the chunk that was
under way.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.objects import object_path, stat, upload
from dml.errors import AuthError, DmlError, RetryableError
from dml.execution.hashing import Digest, digest
from dml.execution.parallel import Stop, in_parallel
from dml.execution.telling import Telling
from dml.workspace import assets, uploads
from dml.workspace.uploads import UploadJob

if TYPE_CHECKING:
    from dml.execution.batch import Work
    from dml.execution.watching import Watch
    from dml.execution.workplace import Workplace

_RECORDED_AT_ONCE = 200


@dataclass(frozen=True)
class Located:
    """A file with its checksum and the object it becomes.

    Attributes:
        work: The file.
        digest: Its checksum.
        url: ``/hatrac/<Table>/<md5>.<filename>``.
    """

    work: Work
    digest: Digest
    url: str

    @property
    def key(self) -> str:
        """``Table/filename``."""
        return self.work.key


def hash_files(
    place: Workplace, rid: str, works: Sequence[Work], jobs: int
) -> tuple[list[Located], dict[str, DmlError]]:
    """The checksum of every file, computed now only for those that changed since the last time.

    Returns:
        The files, and the errors by key: a file that vanished or changed while it was read.
    """
    calls = {work.key: _hasher(place, work) for work in works}
    fresh: dict[str, tuple[assets.FileIdentity, str]] = {}
    digests: dict[str, Digest] = {}
    errors: dict[str, DmlError] = {}
    with in_parallel(calls, jobs, Stop()) as results:
        for key, result in results:
            if isinstance(result, DmlError):
                errors[key] = result
                continue
            digests[key] = result
            if result.is_new:
                fresh[key] = (result.identity, result.md5_hex)
            if len(fresh) >= _RECORDED_AT_ONCE:
                assets.record_hashes(place.registry, rid, fresh)
                fresh = {}
    if fresh:
        assets.record_hashes(place.registry, rid, fresh)
    located = [
        Located(work, digests[work.key], object_path(work.table.name, digests[work.key].md5_hex, work.row.filename))
        for work in works
        if work.key in digests
    ]
    return located, errors


def send_files(
    place: Workplace, rid: str, files: Sequence[Located], watch: Watch, *, jobs: int, chunk_size: int
) -> tuple[set[str], dict[str, DmlError]]:
    """Bring the bytes of files to the store. Writes the store; may be repeated.

    Returns:
        The keys whose bytes the store confirmed, and the errors by key. What keeps the rest from going up too (no
        connection, no right, a full disk) is raised instead.

    Raises:
        RetryableError: The server cannot be reached; what was confirmed is recorded.
        AuthError: Not signed in, or not allowed.
    """
    if not files:
        return set(), {}
    begun_before = {job.key for job in uploads.list_uploads(place.registry, rid)}
    with place.registry.transaction():
        records = {
            file.key: uploads.begin_upload(
                place.registry,
                rid,
                file.key,
                url=file.url,
                md5=file.digest.md5_hex,
                size=file.digest.length,
                chunk_size=chunk_size,
            )
            for file in files
        }
    telling, stop = Telling(place.registry, rid), Stop()
    calls = {
        file.key: _sender(place, file, records[file.key], _Listener(watch, telling, stop), file.key in begun_before)
        for file in files
    }
    sizes = {file.key: file.digest.length for file in files}
    confirmed: set[str] = set()
    errors: dict[str, DmlError] = {}
    with in_parallel(calls, jobs, stop, stop_at=(RetryableError, AuthError)) as results:
        for key, result in results:
            if isinstance(result, DmlError):
                errors[key] = result
                watch.finish(key, "failed")
            else:
                confirmed.add(key)
                telling.end(key, sizes[key])
                watch.finish(key, "uploaded" if result else "already there")
    for error in errors.values():
        if isinstance(error, RetryableError | AuthError):
            raise error
    return confirmed, errors


def _hasher(place: Workplace, work: Work) -> Callable[[], Digest]:
    row = work.row
    known = (row.identity, row.md5) if row.identity is not None and row.md5 else None
    return lambda: digest(place.workspace.root, work.path, known=known)


@dataclass(frozen=True)
class _Listener:
    """Who is told of the bytes that are sent, and who may stop it."""

    watch: Watch
    telling: Telling
    stop: Stop

    def counter(self, key: str) -> Callable[[int], None]:
        """Counts the bytes of one file."""
        tell = self.telling.counter(key)

        def advance(count: int) -> None:
            self.stop.check()
            self.watch.advance(key, count)
            tell(count)

        return advance


def _sender(place: Workplace, file: Located, record: UploadJob, listener: _Listener, again: bool) -> Callable[[], bool]:
    """A function that sends one file and says whether it had to be sent."""

    def remember(job: str, done: int) -> None:
        if not listener.stop.is_over:
            uploads.remember_chunk(place.registry, record.execution_rid, file.key, job, done)
        listener.stop.check()

    def send() -> bool:
        listener.watch.begin(file.key, file.work.path, file.digest.length)
        if again and record.job is None:
            there = stat(place.catalog, file.url)
            if there is not None and there.md5_hex == file.digest.md5_hex:
                return False
        upload(
            place.catalog,
            file.work.path,
            file.url,
            md5_hex=file.digest.md5_hex,
            content_type=mimetypes.guess_type(file.work.row.filename)[0],
            chunk_size=record.chunk_size,
            progress=listener.counter(file.key),
            job=record.job,
            chunks_done=record.chunks_done,
            remember=remember,
        )
        return True

    return send
