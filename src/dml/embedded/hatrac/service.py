"""The object store of an embedded catalog: request routing, namespaces and objects.

The HTTP interface is Hatrac's (https://github.com/informatics-isi-edu/hatrac): namespaces, versioned
objects, checksums, byte ranges, conditional requests and upload jobs. Everything is stored below
``<root>/hatrac``.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

from werkzeug import Request, Response
from werkzeug.exceptions import Conflict, LengthRequired, MethodNotAllowed, NotFound

from dml.embedded.authn import Client
from dml.embedded.hatrac import metadata, responses
from dml.embedded.hatrac.names import Address, parse_address, url_of
from dml.embedded.hatrac.object_index import (
    Name,
    ObjectIndex,
    add_version,
    check_parent,
    children,
    create_name,
    current_version,
    delete_name,
    files_below,
    find_name,
    refuse_too_long,
    resolve_name,
    resolve_version,
)
from dml.embedded.hatrac.storage import CHECKSUMS, Storage, new_id, receive
from dml.embedded.hatrac.subresources import Subresources
from dml.embedded.hatrac.uploads import Uploads

NAMESPACE_TYPE = "application/x-hatrac-namespace"
"""The content type of a PUT that creates a namespace."""


class Hatrac:
    """The object store below one root directory; any number of processes may have it open.

    Args:
        root: Where the embedded catalogs are; the store is its directory ``hatrac``.
        read_only: Leave alone what killed processes left behind.
    """

    def __init__(self, root: Path, read_only: bool = False) -> None:
        home = root / "hatrac"
        self._storage = Storage(home)
        self._index = ObjectIndex(home / "hatrac.sqlite3")
        self._uploads = Uploads(self._index, self._storage)
        self._subresources = Subresources(self._index, self._storage)
        if not read_only:
            self._storage.sweep(self._index.is_referenced)

    def respond(self, request: Request, path: str, client: Client) -> Response:
        """Answer one request.

        Args:
            request: The request; its body is read as a stream.
            path: The part of the raw path after ``/hatrac``.
            client: The client; becomes the owner of what the request creates.

        Raises:
            werkzeug.exceptions.HTTPException: The request is refused.
        """
        address = parse_address(path)
        if address.resource == "upload" and address.version is None:
            return self._uploads.respond(request, address, client)
        if address.resource is not None:
            return self._subresources.respond(request, address)
        match request.method:
            case "GET" | "HEAD":
                return self._get(request, address)
            case "PUT" if address.version is None:
                return self._put(request, address, client)
            case "DELETE" if address.version is None:
                return self._delete(request, address)
            case "DELETE":
                return self._delete_version(request, address)
        raise MethodNotAllowed(None, f"{request.method} is not allowed here")

    def _get(self, request: Request, address: Address) -> Response:
        connection = self._index.connection()
        name = resolve_name(connection, address.name)
        if name.is_object:
            try:
                return responses.content(request, resolve_version(connection, name, address.version), self._storage)
            except FileNotFoundError as error:
                raise NotFound(f"{url_of(name.path)} was deleted during the request") from error
        if address.version is not None:
            raise NotFound(f"{url_of(name.path)} is a namespace and has no versions")
        listed = [url_of(path) for path in children(connection, name)]
        return responses.document(request, listed, _listing_etag(listed))

    def _put(self, request: Request, address: Address, client: Client) -> Response:
        parents = request.args.get("parents", "").lower() == "true"
        if request.mimetype == NAMESPACE_TYPE:
            with self._index.transaction() as connection:
                if find_name(connection, address.name) is not None:
                    raise Conflict(f"{url_of(address.name)} exists already")
                create_name(connection, address.name, is_object=False, parents=parents, owner=client.id)
            return responses.created(url_of(address.name))
        return self._put_object(request, address, client, parents=parents)

    def _put_object(self, request: Request, address: Address, client: Client, *, parents: bool) -> Response:
        # Checked before the body, to avoid receiving what cannot be stored, and again in the transaction.
        self._admit(self._index.connection(), request, address, parents=parents)
        refuse_too_long(self._index, address.name, request, client.id)
        length = request.content_length
        if length is None:
            raise LengthRequired("an object requires a Content-Length")
        fields = metadata.validate(request.headers)
        fields["content-type"] = request.mimetype or "application/octet-stream"
        file_id = new_id()
        with self._storage.pending([file_id], self._index.is_referenced):
            descriptor = self._storage.create(file_id)
            try:
                checksums = {field: value for field, value in fields.items() if field in CHECKSUMS}
                receive(request.stream, length, descriptor, 0, checksums)
                self._storage.make_durable(file_id, descriptor)
            finally:
                os.close(descriptor)
            with self._index.transaction() as connection:
                name = self._admit(connection, request, address, parents=parents) or create_name(
                    connection, address.name, is_object=True, parents=parents, owner=client.id
                )
                version = add_version(connection, name, file_id, length, fields, client.id)
        return responses.created(url_of(name.path, version))

    def _admit(
        self, connection: sqlite3.Connection, request: Request, address: Address, *, parents: bool
    ) -> Name | None:
        """The object's existing name, or None if it can be created; refuses an object that cannot be stored."""
        name = find_name(connection, address.name)
        if name is None:
            responses.check_conditions(request, None)
            check_parent(connection, address.name, parents=parents)
            return None
        if not name.is_object:
            raise Conflict(f"{url_of(name.path)} is a namespace")
        responses.check_conditions(request, _state_etag(connection, name))
        return name

    def _delete(self, request: Request, address: Address) -> Response:
        while True:
            connection = self._index.connection()
            marked = files_below(connection, resolve_name(connection, address.name))
            with self._storage.pending(marked, self._index.is_referenced), self._index.transaction() as connection:
                name = resolve_name(connection, address.name)
                responses.check_conditions(request, _state_etag(connection, name))
                # Retry if files were added below the name after the marker was written.
                if set(files_below(connection, name)) <= set(marked):
                    delete_name(connection, name)
                    return responses.no_content()

    def _delete_version(self, request: Request, address: Address) -> Response:
        connection = self._index.connection()
        version = resolve_version(connection, resolve_name(connection, address.name), address.version)
        responses.check_conditions(request, version.etag)
        with (
            self._storage.pending([version.file_id], self._index.is_referenced),
            self._index.transaction() as connection,
        ):
            if connection.execute("DELETE FROM version WHERE serial = ?", (version.serial,)).rowcount == 0:
                raise NotFound(f"{version.url} was deleted during the request")
        return responses.no_content()


def _state_etag(connection: sqlite3.Connection, name: Name) -> str | None:
    """The ETag of an object's latest version or of a namespace's listing; None for an object without versions."""
    if name.is_object:
        latest = current_version(connection, name)
        return None if latest is None else latest.etag
    return _listing_etag([url_of(path) for path in children(connection, name)])


def _listing_etag(listed: list[str]) -> str:
    return hashlib.md5("\n".join(listed).encode(), usedforsecurity=False).hexdigest()
