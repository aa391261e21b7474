"""The sub-resources of names and versions: ``;versions``, ``;metadata`` and ``;acl``.

Access lists are kept and shown, as clients expect of a Hatrac, but decide nothing: an embedded
catalog has one owner.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, Conflict, MethodNotAllowed, NotFound

from dml.embedded.hatrac import metadata, responses
from dml.embedded.hatrac.names import Address, url_of
from dml.embedded.hatrac.object_index import Directory, Name, Version, resolve_name, resolve_version, versions
from dml.embedded.hatrac.storage import CHECKSUMS, Storage, digest_of

_BODY_LIMIT = 1 << 20
_NAMESPACE_ACLS = ("owner", "create", "subtree-owner", "subtree-create", "subtree-update", "subtree-read")
_OBJECT_ACLS = ("owner", "update", "read", "subtree-owner", "subtree-read")
_VERSION_ACLS = ("owner", "read")


class Details:
    """The sub-resources of one object store."""

    def __init__(self, directory: Directory, storage: Storage) -> None:
        self._directory = directory
        self._storage = storage

    def respond(self, request: Request, address: Address) -> Response:
        """Answer a request below ``;versions``, ``;metadata`` or ``;acl``."""
        match address.resource, len(address.arguments):
            case "versions", 0 if address.version is None:
                return self._versions(request, address)
            case "metadata", 0:
                described = self._version(address).metadata
                return _read(request, described)
            case "metadata", 1:
                return self._field(request, self._version(address), address.arguments[0])
            case "acl", 0 | 1 | 2:
                return self._acl(request, address)
        raise NotFound("there is no such sub-resource")

    def _versions(self, request: Request, address: Address) -> Response:
        name = self._object(address)
        return _read(request, [version.url for version in versions(self._directory.connection(), name)])

    def _field(self, request: Request, version: Version, field: str) -> Response:
        if field not in metadata.FIELDS:
            raise NotFound(f"there is no metadata {field!r}")
        stored = version.metadata.get(field)
        etag = _etag(stored)
        match request.method:
            case "GET" | "HEAD":
                if stored is None:
                    raise NotFound(f"{version.url} has no {field}")
                return responses.text(request, stored, etag)
            case "PUT":
                if request.mimetype not in ("text/plain", ""):
                    raise BadRequest("metadata is sent as text/plain")
                value = metadata.checked({field: _body(request)})[field]
                if field in CHECKSUMS and value != digest_of(self._storage.path(version.file_id), field):
                    raise Conflict(f"the content does not have this {field}")
                responses.check_conditions(request, etag)
                self._set_metadata(version, {**version.metadata, field: value})
            case "DELETE":
                if stored is None:
                    raise NotFound(f"{version.url} has no {field}")
                responses.check_conditions(request, etag)
                self._set_metadata(version, {name: value for name, value in version.metadata.items() if name != field})
            case _:
                raise MethodNotAllowed(None, f"{request.method} is not possible on metadata")
        return responses.no_content()

    def _set_metadata(self, version: Version, described: dict[str, str]) -> None:
        with self._directory.change() as connection:
            statement = "UPDATE version SET metadata = ? WHERE serial = ?"
            connection.execute(statement, (json.dumps(described), version.serial))

    def _acl(self, request: Request, address: Address) -> Response:
        holder: Name | Version
        names: tuple[str, ...]
        if address.version is not None:
            holder, names = self._version(address), _VERSION_ACLS
        else:
            holder = resolve_name(self._directory.connection(), address.name)
            names = _OBJECT_ACLS if holder.is_object else _NAMESPACE_ACLS
        acls = {name: holder.acls.get(name, []) for name in names}
        if not address.arguments:
            return _read(request, acls)
        access, role = address.arguments[0], address.arguments[1] if len(address.arguments) == 2 else None
        if access not in acls:
            raise BadRequest(f"there is no access list {access!r} here")
        if request.method in ("GET", "HEAD"):
            if role is None:
                return _read(request, acls[access])
            if role not in acls[access]:
                raise NotFound(f"{role!r} is not on this list")
            return responses.text(request, role, _etag(acls[access]))
        responses.check_conditions(request, _etag(acls[access]))
        self._set_acls(holder, {**acls, access: _changed(request, acls[access], role)})
        return responses.no_content()

    def _set_acls(self, holder: Name | Version, acls: dict[str, list[str]]) -> None:
        with self._directory.change() as connection:
            if isinstance(holder, Name):
                connection.execute("UPDATE name SET acls = ? WHERE id = ?", (json.dumps(acls), holder.id))
            else:
                connection.execute("UPDATE version SET acls = ? WHERE serial = ?", (json.dumps(acls), holder.serial))

    def _object(self, address: Address) -> Name:
        name = resolve_name(self._directory.connection(), address.name)
        if not name.is_object:
            raise NotFound(f"{url_of(name.path)} is a namespace; only objects have this")
        return name

    def _version(self, address: Address) -> Version:
        return resolve_version(self._directory.connection(), self._object(address), address.version)


def _changed(request: Request, roles: list[str], role: str | None) -> list[str]:
    """A list after a PUT or DELETE of the whole of it, or of one role on it."""
    match request.method:
        case "PUT" if role is not None:
            return [*roles, *([] if role in roles else [role])]
        case "PUT":
            return _roles(request)
        case "DELETE" if role is not None:
            if role not in roles:
                raise NotFound(f"{role!r} is not on this list")
            return [other for other in roles if other != role]
        case "DELETE":
            return []
    raise MethodNotAllowed(None, f"{request.method} is not possible on an access list")


def _roles(request: Request) -> list[str]:
    try:
        roles = json.loads(_body(request))
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise BadRequest("an access list is a JSON array of strings")
    return roles


def _body(request: Request) -> str:
    try:
        return request.stream.read(_BODY_LIMIT).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8") from error


def _read(request: Request, body: Any) -> Response:
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(["GET", "HEAD"], f"{request.method} is not possible here")
    return responses.document(request, body, _etag(body))


def _etag(body: Any) -> str:
    return hashlib.md5(json.dumps(body, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
