"""Hashing and sending the bytes of staged files, several at a time.

Everything is recorded before it is begun: the upload with its URL and checksum, then the server's job and each
confirmed chunk. A run that comes after a killed one asks the store what it has and sends at most the chunk that was
under way.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.objects import object_path, stat, upload
from dml.errors import AuthError, DmlError, RetryableError
from dml.upload.progress_store import ProgressStore
from dml.upload.worker_pool import Calls, Cancelled, CancelToken, in_parallel
from dml.workspace import assets, uploads
from dml.workspace.file_identity import FileIdentity
from dml.workspace.hashing import BLOCK, Digest, digest
from dml.workspace.uploads import UploadJob

if TYPE_CHECKING:
    from dml.upload.batch import Work
    from dml.upload.observer import UploadObserver
    from dml.workspace.session import WorkspaceSession

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
    session: WorkspaceSession, rid: str, works: Sequence[Work], jobs: int, stop: CancelToken | None = None
) -> tuple[list[Located], dict[str, DmlError]]:
    """The checksum of every file, computed now only for those that changed since the last time.

    Args:
        session: Where.
        rid: The execution.
        works: The files.
        jobs: Large files that are read at the same time; small ones would wait for each other's threads.
        stop: Ends it early.

    Returns:
        The files, and the errors by key: a file that vanished or changed while it was read.

    Raises:
        GivenUp: It was asked to stop.
    """
    stop = stop or CancelToken()
    fresh: dict[str, tuple[FileIdentity, str]] = {}
    digests: dict[str, Digest] = {}
    errors: dict[str, DmlError] = {}
    for key, result in _digests(session, works, jobs, stop):
        if isinstance(result, Cancelled):
            raise result
        if isinstance(result, DmlError):
            errors[key] = result
            continue
        digests[key] = result
        if result.is_new:
            fresh[key] = (result.identity, result.md5_hex)
        if len(fresh) >= _RECORDED_AT_ONCE:
            assets.record_hashes(session.registry, rid, fresh)
            fresh = {}
    if fresh:
        assets.record_hashes(session.registry, rid, fresh)
    located = [
        Located(work, digests[work.key], object_path(work.table.name, digests[work.key].md5_hex, work.row.filename))
        for work in works
        if work.key in digests
    ]
    return located, errors


def send_files(
    session: WorkspaceSession,
    rid: str,
    groups: Iterable[Sequence[Located]],
    watch: UploadObserver,
    *,
    jobs: int,
    chunk_size: int,
    stop: CancelToken,
) -> tuple[set[str], dict[str, DmlError]]:
    """Bring the bytes of files to the store. Writes the store; may be repeated.

    Args:
        session: Where.
        rid: The execution.
        groups: The files, some at a time. A later group is asked for, in another thread, while an earlier one is sent.
        watch: Told of the bytes.
        jobs: Files that go up at the same time.
        chunk_size: Bytes of one piece of a large file.
        stop: Asked to stop when the sending is interrupted; what makes the groups looks at it too.

    Returns:
        The keys whose bytes the store confirmed, and the errors by key. What keeps the rest from going up too (no
        connection, no right, a full disk) is raised instead.

    Raises:
        RetryableError: The server cannot be reached; what was confirmed is recorded.
        AuthError: Not signed in, or not allowed.
    """
    telling = ProgressStore(session.registry, rid)
    listener = _Listener(watch, telling, stop)
    calls = _senders(session, rid, groups, listener, chunk_size)
    confirmed: set[str] = set()
    errors: dict[str, DmlError] = {}
    with in_parallel(calls, jobs, stop, stop_at=(RetryableError, AuthError)) as results:
        for key, result in results:
            if isinstance(result, DmlError):
                errors[key] = result
                watch.finish(key, "failed")
            else:
                confirmed.add(key)
                telling.end(key, result.length)
                watch.finish(key, "uploaded" if result.is_sent else "already there")
    for error in errors.values():
        if isinstance(error, RetryableError | AuthError):
            raise error
    return confirmed, errors


@dataclass(frozen=True)
class _Sent:
    """A file whose bytes the store has: how many, and whether they had to be sent."""

    length: int
    is_sent: bool


def _senders(
    session: WorkspaceSession, rid: str, groups: Iterable[Sequence[Located]], listener: _Listener, chunk_size: int
) -> Calls[_Sent]:
    """What sends each file, each group recorded before the first of it is begun."""
    begun_before = {job.key for job in uploads.list_uploads(session.registry, rid)}
    for files in groups:
        listener.stop.check()
        if not files:
            continue
        with session.registry.transaction():
            records = [
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
        for file, record in zip(files, records, strict=True):
            yield file.key, _sender(session, file, record, listener, file.key in begun_before)


def _digests(
    session: WorkspaceSession, works: Sequence[Work], jobs: int, stop: CancelToken
) -> Iterator[tuple[str, Digest | DmlError]]:
    """The checksum of each file, or why it has none: small files one after the other, then large ones side by side."""
    small = [work for work in works if work.identity.size <= BLOCK]
    for work in small:
        try:
            yield work.key, _hasher(session, work, stop)()
        except DmlError as error:
            yield work.key, error
    large = [(work.key, _hasher(session, work, stop)) for work in works if work.identity.size > BLOCK]
    if large:
        with in_parallel(large, jobs, CancelToken()) as results:
            yield from results


def _hasher(session: WorkspaceSession, work: Work, stop: CancelToken) -> Callable[[], Digest]:
    row = work.row
    known = (row.identity, row.md5) if row.identity is not None and row.md5 else None
    root, seen = session.workspace.root, work.identity
    return lambda: digest(root, work.path, known=known, seen=seen, advance=lambda _count: stop.check())


@dataclass(frozen=True)
class _Listener:
    """Who is told of the bytes that are sent, and who may stop it."""

    watch: UploadObserver
    telling: ProgressStore
    stop: CancelToken

    def counter(self, key: str) -> Callable[[int], None]:
        """Counts the bytes of one file."""
        tell = self.telling.counter(key)

        def advance(count: int) -> None:
            self.stop.check()
            self.watch.advance(key, count)
            tell(count)

        return advance


def _sender(
    session: WorkspaceSession, file: Located, record: UploadJob, listener: _Listener, again: bool
) -> Callable[[], _Sent]:
    """A function that sends one file, unless the store has it from a run that was interrupted."""

    def remember(job: str, done: int) -> None:
        if not listener.stop.is_over:
            uploads.record_chunk(session.registry, record.execution_rid, file.key, job, done)
        listener.stop.check()

    def send() -> _Sent:
        listener.watch.begin(file.key, file.work.path, file.digest.length)
        if again and record.job is None:
            there = stat(session.catalog, file.url)
            if there is not None and there.md5_hex == file.digest.md5_hex:
                return _Sent(file.digest.length, is_sent=False)
        upload(
            session.catalog,
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
        return _Sent(file.digest.length, is_sent=True)

    return send
