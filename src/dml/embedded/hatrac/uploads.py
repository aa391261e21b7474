"""Hatrac's upload jobs: objects uploaded in chunks, in any order, over any number of connections.

A job has one file, and each chunk is written at its offset. Finishing the job only hashes the file and
replaces the job's row by a version's row, so its cost does not include copying. Requests that write a
chunk hold a shared lock on the file and finishing holds an exclusive one, so a late chunk cannot change
a finished object.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, Conflict, LengthRequired, MethodNotAllowed, NotFound

from dml.embedded.authn import Client
from dml.embedded.hatrac import metadata, responses
from dml.embedded.hatrac.digests import RunningDigests
from dml.embedded.hatrac.names import Address, url_of
from dml.embedded.hatrac.object_index import (
    Job,
    Name,
    ObjectIndex,
    add_version,
    create_name,
    current_version,
    find_name,
    jobs,
    refuse_too_long,
    resolve_job,
    resolve_name,
)
from dml.embedded.hatrac.storage import CHECKSUMS, Storage, digest_of, new_id, receive

_DOCUMENT_LIMIT = 1 << 20


class Uploads:
    """The upload jobs of one object store."""

    def __init__(self, index: ObjectIndex, storage: Storage) -> None:
        self._index = index
        self._storage = storage
        self._digests = RunningDigests(CHECKSUMS, storage.open)

    def respond(self, request: Request, address: Address, client: Client) -> Response:
        """Answer a request below ``;upload``."""
        match request.method, len(address.arguments):
            case "POST", 0:
                return self._open(request, address, client)
            case "GET" | "HEAD", 0:
                name = self._object(address)
                urls = [job.url for job in jobs(self._index.connection(), name)]
                return Response(json.dumps(urls) + "\n", content_type="application/json")
            case "GET" | "HEAD", 1:
                return Response(json.dumps(_job_document(self._job(address))) + "\n", content_type="application/json")
            case "POST", 1:
                return self._finish(address, client)
            case "DELETE", 1:
                return self._cancel(address)
            case "PUT", 2:
                return self._put_chunk(request, address)
            case _, 0 | 1 | 2:
                raise MethodNotAllowed(None, f"{request.method} is not allowed here")
        raise NotFound("upload jobs have no further sub-resources")

    def _open(self, request: Request, address: Address, client: Client) -> Response:
        """Open a job; creates the object's name if it does not exist."""
        document = _read_document(request)
        chunk_length, content_length = (
            _read_byte_count(document, "chunk-length"),
            _read_byte_count(document, "content-length"),
        )
        if chunk_length == 0:
            raise BadRequest("chunk-length must be at least 1")
        fields = metadata.validate(document)
        refuse_too_long(self._index, address.name, request, client.id)
        job = new_id()
        with self._storage.pending([job], self._index.is_referenced), self._index.transaction() as connection:
            os.close(self._storage.create(job))
            name = find_name(connection, address.name)
            if name is None:
                parents = request.args.get("parents", "").lower() == "true"
                name = create_name(connection, address.name, is_object=True, parents=parents, owner=client.id)
            if not name.is_object:
                raise Conflict(f"{url_of(name.path)} is a namespace")
            latest = current_version(connection, name)
            responses.check_conditions(request, None if latest is None else latest.etag)
            connection.execute(
                "INSERT INTO job (name_id, job, file_id, chunk_length, content_length, metadata, owner)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name.id, job, job, chunk_length, content_length, json.dumps(fields), client.id),
            )
        return responses.created(f"{url_of(name.path)};upload/{job}")

    def _put_chunk(self, request: Request, address: Address) -> Response:
        job = self._job(address)
        text = address.arguments[1]
        if not (text.isascii() and text.isdigit()):
            raise BadRequest(f"{text!r} is not a chunk number")
        position = int(text)
        if request.content_length is None:
            raise LengthRequired("a chunk requires a Content-Length")
        if position > job.last_position:
            raise Conflict(f"chunk {position} is out of range: the last one is {job.last_position}")
        # Hatrac checks the length of the last chunk only when the job is finished.
        if position < job.last_position and request.content_length != job.chunk_length:
            raise Conflict(
                f"chunk {position} has {request.content_length} bytes, not the {job.chunk_length} of the job"
            )
        checksums = {name: value for name, value in metadata.validate(request.headers).items() if name in CHECKSUMS}
        with self._locked(job, fcntl.LOCK_SH) as descriptor:
            self._job(address)
            chunk, offset, length = (job.id, position), position * job.chunk_length, request.content_length
            if self._index.connection().execute(_RECEIVED + " AND position = ?", chunk).fetchone():
                # The chunk must not count as received until it is rewritten: the request may break off.
                with self._index.transaction() as connection:
                    _forget_chunk(connection, *chunk)
            receive(request.stream, length, descriptor, offset, checksums)
            os.fdatasync(descriptor)
            with self._index.transaction() as connection:
                resolve_job(connection, resolve_name(connection, job.path), job.job)
                _forget_chunk(connection, *chunk)  # a concurrent request may have sent it too
                connection.execute("INSERT INTO chunk VALUES (?, ?, ?)", (*chunk, length))
            self._digests.received(job.file_id, offset, length, [name for name in CHECKSUMS if name in job.metadata])
        return responses.no_content()

    def _finish(self, address: Address, client: Client) -> Response:
        """Check that the upload is complete and make it the object's latest version."""
        job = self._job(address)
        with self._locked(job, fcntl.LOCK_EX) as descriptor:
            job = self._job(address)
            length = self._received_length(job)
            os.ftruncate(descriptor, length)
            known = {} if job.is_rewritten else self._digests.take(job.file_id, length)
            for checksum in CHECKSUMS:
                expected = job.metadata.get(checksum)
                if expected is None:
                    continue
                if (known.get(checksum) or digest_of(self._storage.path(job.file_id), checksum)) != expected:
                    raise Conflict(f"the uploaded content does not match the {checksum} of the job")
            self._storage.make_durable(job.file_id, descriptor)
            with self._index.transaction() as connection:
                name = resolve_name(connection, job.path)
                resolve_job(connection, name, job.job)
                connection.execute("DELETE FROM job WHERE id = ?", (job.id,))
                version = add_version(connection, name, job.file_id, length, job.metadata, client.id)
        return responses.created(url_of(job.path, version))

    def _cancel(self, address: Address) -> Response:
        job = self._job(address)
        with (
            self._storage.pending([job.file_id], self._index.is_referenced),
            self._index.transaction() as connection,
        ):
            if connection.execute("DELETE FROM job WHERE id = ?", (job.id,)).rowcount == 0:
                raise NotFound(f"{job.url} was finished or cancelled during the request")
        return responses.no_content()

    def _received_length(self, job: Job) -> int:
        """The length of the uploaded object in bytes: the announced length, or 0 if no chunk was received.

        Raises:
            Conflict: Only some of the content was received.
        """
        rows = self._index.connection().execute(_RECEIVED, (job.id,))
        lengths = {row["position"]: row["length"] for row in rows}
        if not lengths:
            return 0
        missing = job.last_position + 1 - len(lengths)
        if missing or sum(lengths.values()) != job.content_length:
            problem = f"{missing} chunks are missing" if missing else "the last chunk has the wrong length"
            raise Conflict(f"the upload is not complete: {problem}")
        return job.content_length

    @contextlib.contextmanager
    def _locked(self, job: Job, mode: int) -> Iterator[int]:
        try:
            descriptor = self._storage.open(job.file_id, write=True)
        except FileNotFoundError as error:
            raise NotFound(f"{job.url} was cancelled during the request") from error
        try:
            fcntl.flock(descriptor, mode)
            yield descriptor
        finally:
            os.close(descriptor)

    def _object(self, address: Address) -> Name:
        name = resolve_name(self._index.connection(), address.name)
        if not name.is_object:
            raise NotFound(f"{url_of(name.path)} is a namespace and has no upload jobs")
        return name

    def _job(self, address: Address) -> Job:
        return resolve_job(self._index.connection(), self._object(address), address.arguments[0])


_RECEIVED = "SELECT position, length FROM chunk WHERE job_id = ?"


def _forget_chunk(connection: sqlite3.Connection, job_id: int, position: int) -> None:
    """Remove a chunk's row, if any, and mark the job as rewritten: its running digests are then invalid."""
    if connection.execute("DELETE FROM chunk WHERE job_id = ? AND position = ?", (job_id, position)).rowcount:
        connection.execute("UPDATE job SET is_rewritten = 1 WHERE id = ?", (job_id,))


def _job_document(job: Job) -> dict[str, Any]:
    return {
        "url": job.url,
        "target": url_of(job.path),
        "owner": [job.owner],
        "chunk-length": job.chunk_length,
        "content-length": job.content_length,
        **job.metadata,
    }


def _read_document(request: Request) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise BadRequest("an upload job must be described by a JSON object of type application/json")
    if request.content_length is not None and request.content_length > _DOCUMENT_LIMIT:
        raise BadRequest("the description of the upload job is too long")
    try:
        document = json.loads(request.stream.read(_DOCUMENT_LIMIT))
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadRequest("an upload job must be described by a JSON object")
    return document


def _read_byte_count(document: dict[str, Any], field: str) -> int:
    value = document.get(field)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise BadRequest(f"an upload job requires {field}, a number of bytes")
    return value
