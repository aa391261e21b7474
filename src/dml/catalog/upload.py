"""Sends a file to Hatrac: small ones in one request, large ones in chunks that resume.

Nothing is sent twice that need not be: an object that is there with the same MD5 is success, a job that
was begun goes on at the chunk that is missing, and an answer that was lost is recognised by looking at
what is stored. The file is read in slices as it is sent, never whole, and never changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dml.catalog.encoding import encode_json
from dml.catalog.object_info import local_path, md5_to_base64, stat
from dml.catalog.upload_source import Progress, SourceFile
from dml.catalog.url import quote
from dml.errors import ConflictError, DmlError, IntegrityError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

_ONE_REQUEST = 100_000_000
"""Bytes above which a server may refuse a single PUT (413)."""

_MOST_CHUNKS = 10_000
_WORTH_ASKING = 1 << 20
"""Bytes from which on asking first whether the object is there (one HEAD) is cheaper than sending it in vain."""

_NEW_JOBS = 3

Remember = Callable[[str, int], None]


def upload(
    catalog: Catalog,
    path: Path,
    url: str,
    *,
    md5_hex: str,
    content_type: str | None = None,
    chunk_size: int = 50_000_000,
    progress: Progress | None = None,
    job: str | None = None,
    chunks_done: int = 0,
    remember: Remember | None = None,
) -> str:
    """Store a file's bytes under a URL. Writes the object store; safe to call again after any failure.

    Args:
        catalog: Whose host stores it.
        path: The file.
        url: The object's path, as ``object_path`` makes it.
        md5_hex: MD5 of the file in hexadecimal; the server refuses other bytes.
        content_type: Media type; ``application/octet-stream`` when None.
        chunk_size: Bytes a request; larger files go up in chunks of this size.
        progress: Told of bytes as they are sent, and of a negative number when some are sent again.
        job: The upload job of an earlier call that did not end, as ``remember`` was told.
        chunks_done: How many of its chunks had been accepted.
        remember: Told the job's URL and the number of chunks accepted: when the job is made, and after
            each chunk.

    Returns:
        The object's path, as it belongs into an asset's URL column.

    Raises:
        NotFoundError: The file is gone.
        IntegrityError: The bytes do not have this MD5: the file changed, or was damaged on the way.
        ConflictError: The name holds other bytes, or was deleted and cannot be used again.
        RetryableError: The server could not be reached; call again with what ``remember`` was told.
    """
    if chunk_size < 1:
        raise UsageError("a chunk has at least one byte")
    target = local_path(catalog, url)
    source = SourceFile(path, progress or (lambda _: None))
    headers = _description(path.name, content_type, md5_hex)
    if (job is None and source.size < _WORTH_ASKING) or not _is_stored(catalog, target, md5_hex):
        try:
            if source.size <= min(chunk_size, _ONE_REQUEST):
                _put_whole(catalog, source, target, md5_hex, headers)
            else:
                _put_in_chunks(catalog, source, target, md5_hex, headers, chunk_size, job, chunks_done, remember)
        except DmlError as error:
            raise source.failure or error from error.__cause__
    # A file that grew was sent as it was hashed, and is another one now.
    source.refuse_change()
    # What was found to be there already need not have been read to its end.
    source.progress(source.size - source.sent)
    return target


def _description(filename: str, content_type: str | None, md5_hex: str) -> dict[str, str]:
    return {
        "Content-Type": content_type or "application/octet-stream",
        "Content-MD5": md5_to_base64(md5_hex),
        "Content-Disposition": f"filename*=UTF-8''{_disposition_name(filename)}",
    }


def _disposition_name(filename: str) -> str:
    # Hatrac refuses a path in a disposition; a file name has none, but for a backslash on other systems.
    return quote(filename.encode("utf-8", "replace").decode().replace("\\", "_"))


def _is_stored(catalog: Catalog, target: str, md5_hex: str) -> bool:
    there = stat(catalog, target)
    return there is not None and there.md5_hex == md5_hex.lower()


def _put_whole(catalog: Catalog, source: SourceFile, target: str, md5_hex: str, headers: dict[str, str]) -> None:
    done = catalog.host_exchange(
        "PUT",
        f"{target}?parents=true",
        body=source.whole(),
        headers={**headers, "If-None-Match": "*"},
        repeatable=True,
        accept=(400, 409, 412),
    )
    status = done.response.status_code
    if status < 300:
        return
    if status in (409, 412) and _is_stored(catalog, target, md5_hex):
        return
    if status == 400:
        source.refuse_change()
        raise IntegrityError(
            f"the server refused the bytes of {source.path}{catalog.border.server_text(done.response)}",
            hint="The file may have changed since its checksum was taken; run the command again.",
        )
    if status == 412:
        raise ConflictError(f"{target} is taken by other bytes than those of {source.path}")
    raise catalog.border.refusal(done.response, target)


def _put_in_chunks(
    catalog: Catalog,
    source: SourceFile,
    target: str,
    md5_hex: str,
    headers: dict[str, str],
    chunk_size: int,
    job: str | None,
    chunks_done: int,
    remember: Remember | None,
) -> None:
    keep = remember or (lambda _job, _done: None)
    known = _resumable(catalog, source, md5_hex, job, chunks_done) if job is not None else None
    for _ in range(_NEW_JOBS):
        if known is None:
            known = _new_job(catalog, source, target, headers, chunk_size)
            keep(known.path, 0)
        sent = source.sent
        source.progress(min(known.done * known.chunk_size, source.size))
        try:
            _send_chunks(catalog, source, known, keep)
            _finish(catalog, source, known, target, md5_hex)
        except _JobGone:
            # Finished by a try whose answer was lost, or dropped by the server.
            if _is_stored(catalog, target, md5_hex):
                return
            source.progress(sent - source.sent)
            known = None
            continue
        return
    raise ConflictError(f"the server dropped {_NEW_JOBS} upload jobs for {target} one after the other")


class _JobGone(Exception):
    """The server knows the upload job no more."""


@dataclass(frozen=True)
class _Job:
    path: str
    chunk_size: int
    done: int


def _resumable(catalog: Catalog, source: SourceFile, md5_hex: str, job: str, done: int) -> _Job | None:
    """The remembered job, if the server still has it and it is for these bytes."""
    path = local_path(catalog, job)
    answer = catalog.host_exchange("GET", path, headers={"Accept": "application/json"}, accept=(404, 409))
    if answer.response.status_code != 200:
        return None
    state = catalog.border.json(answer.response, path)
    same = state.get("content-length") == source.size and state.get("content-md5") in (md5_to_base64(md5_hex), None)
    size = state.get("chunk-length")
    if not same or not isinstance(size, int) or size < 1:
        return None
    return _Job(path, size, max(0, min(done, -(-source.size // size))))


def _new_job(catalog: Catalog, source: SourceFile, target: str, headers: dict[str, str], chunk_size: int) -> _Job:
    size = max(chunk_size, -(-source.size // _MOST_CHUNKS))
    document = {
        "chunk-length": size,
        "content-length": source.size,
        "content-md5": headers["Content-MD5"],
        "content-type": headers["Content-Type"],
        "content-disposition": headers["Content-Disposition"],
    }
    # A job that was made and whose answer was lost holds no bytes, so asking again is harmless.
    done = catalog.host_exchange(
        "POST",
        f"{target};upload?parents=true",
        body=encode_json(document),
        headers={"Content-Type": "application/json"},
        repeatable=True,
    )
    location = done.response.headers.get("Location") or done.response.text.strip()
    return _Job(local_path(catalog, urlsplit(location).path), size, 0)


def _send_chunks(catalog: Catalog, source: SourceFile, job: _Job, remember: Remember) -> None:
    for index, start in enumerate(range(0, source.size, job.chunk_size)):
        if index < job.done:
            continue
        length = min(job.chunk_size, source.size - start)
        done = catalog.host_exchange(
            "PUT",
            f"{job.path}/{index}",
            body=source.body(start, length),
            headers={"Content-Type": "application/octet-stream"},
            repeatable=True,
            accept=(404,),
        )
        if done.response.status_code == 404:
            raise _JobGone
        remember(job.path, index + 1)


def _finish(catalog: Catalog, source: SourceFile, job: _Job, target: str, md5_hex: str) -> None:
    done = catalog.host_exchange("POST", job.path, body=b"", repeatable=True, accept=(400, 404, 409))
    if done.response.status_code == 404:
        raise _JobGone
    if done.response.status_code < 300 or _is_stored(catalog, target, md5_hex):
        return
    said = catalog.border.server_text(done.response)
    # A job left behind costs the server space; the error below is what matters.
    with contextlib.suppress(DmlError):
        catalog.host_exchange("DELETE", job.path, repeatable=True, accept=(404, 409))
    source.refuse_change()
    raise IntegrityError(
        f"the chunks of {source.path} do not make up its bytes{said}",
        hint="The file may have changed while it was sent; run the command again.",
    )
