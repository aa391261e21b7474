"""The sub-resources of names and versions: ``;versions``, ``;metadata`` and ``;acl``.

Access control lists are stored and returned as in Hatrac but not enforced: an embedded catalog has a
single owner.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, Conflict, MethodNotAllowed, NotFound

from dml.embedded.hatrac import metadata, responses
from dml.embedded.hatrac.names import Address, url_of
from dml.embedded.hatrac.object_index import Name, ObjectIndex, Version, resolve_name, resolve_version, versions
from dml.embedded.hatrac.storage import CHECKSUMS, Storage, digest_of

_BODY_LIMIT = 1 << 20
_NAMESPACE_ACLS = ("owner", "create", "subtree-owner", "subtree-create", "subtree-update", "subtree-read")
_OBJECT_ACLS = ("owner", "update", "read", "subtree-owner", "subtree-read")
_VERSION_ACLS = ("owner", "read")


class Subresources:
    """The sub-resources of one object store."""

    def __init__(self, index: ObjectIndex, storage: Storage) -> None:
        self._index = index
        self._storage = storage

    def respond(self, request: Request, address: Address) -> Response:
        """Answer a request below ``;versions``, ``;metadata`` or ``;acl``."""
        match address.resource, len(address.arguments):
            case "versions", 0 if address.version is None:
                return self._versions(request, address)
            case "metadata", 0:
                return _read(request, self._version(address).metadata)
            case "metadata", 1:
                return self._field(request, self._version(address), address.arguments[0])
            case "acl", 0 | 1 | 2:
                return self._acl(request, address)
        raise NotFound("no such sub-resource")

    def _versions(self, request: Request, address: Address) -> Response:
        name = self._object(address)
        return _read(request, [version.url for version in versions(self._index.connection(), name)])

    def _field(self, request: Request, version: Version, field: str) -> Response:
        if field not in metadata.FIELDS:
            raise NotFound(f"no metadata field is named {field!r}")
        stored = version.metadata.get(field)
        etag = _etag(stored)
        match request.method:
            case "GET" | "HEAD":
                if stored is None:
                    raise NotFound(f"{version.url} has no {field}")
                return responses.text(request, stored, etag)
            case "PUT":
                if request.mimetype not in ("text/plain", ""):
                    raise BadRequest("metadata must be sent as text/plain")
                value = metadata.validate({field: _body(request)})[field]
                if field in CHECKSUMS and value != digest_of(self._storage.path(version.file_id), field):
                    raise Conflict(f"the content does not match this {field}")
                responses.check_conditions(request, etag)
                self._set_metadata(version, {**version.metadata, field: value})
            case "DELETE":
                if stored is None:
                    raise NotFound(f"{version.url} has no {field}")
                responses.check_conditions(request, etag)
                self._set_metadata(version, {name: value for name, value in version.metadata.items() if name != field})
            case _:
                raise MethodNotAllowed(None, f"{request.method} is not allowed for metadata")
        return responses.no_content()

    def _set_metadata(self, version: Version, fields: dict[str, str]) -> None:
        with self._index.transaction() as connection:
            statement = "UPDATE version SET metadata = ? WHERE serial = ?"
            connection.execute(statement, (json.dumps(fields), version.serial))

    def _acl(self, request: Request, address: Address) -> Response:
        resource: Name | Version
        names: tuple[str, ...]
        if address.version is not None:
            resource, names = self._version(address), _VERSION_ACLS
        else:
            resource = resolve_name(self._index.connection(), address.name)
            names = _OBJECT_ACLS if resource.is_object else _NAMESPACE_ACLS
        acls = {name: resource.acls.get(name, []) for name in names}
        if not address.arguments:
            return _read(request, acls)
        access, role = address.arguments[0], address.arguments[1] if len(address.arguments) == 2 else None
        if access not in acls:
            raise BadRequest(f"this resource has no access control list {access!r}")
        if request.method in ("GET", "HEAD"):
            if role is None:
                return _read(request, acls[access])
            if role not in acls[access]:
                raise NotFound(f"{role!r} is not in this access control list")
            return responses.text(request, role, _etag(acls[access]))
        responses.check_conditions(request, _etag(acls[access]))
        self._set_acls(resource, {**acls, access: _changed(request, acls[access], role)})
        return responses.no_content()

    def _set_acls(self, resource: Name | Version, acls: dict[str, list[str]]) -> None:
        with self._index.transaction() as connection:
            if isinstance(resource, Name):
                connection.execute("UPDATE name SET acls = ? WHERE id = ?", (json.dumps(acls), resource.id))
            else:
                connection.execute("UPDATE version SET acls = ? WHERE serial = ?", (json.dumps(acls), resource.serial))

    def _object(self, address: Address) -> Name:
        name = resolve_name(self._index.connection(), address.name)
        if not name.is_object:
            raise NotFound(f"{url_of(name.path)} is a namespace; only objects have this sub-resource")
        return name

    def _version(self, address: Address) -> Version:
        return resolve_version(self._index.connection(), self._object(address), address.version)


def _changed(request: Request, roles: list[str], role: str | None) -> list[str]:
    """The roles after a PUT or DELETE of the whole list, or of one role in it."""
    match request.method:
        case "PUT" if role is not None:
            return [*roles, *([] if role in roles else [role])]
        case "PUT":
            return _roles(request)
        case "DELETE" if role is not None:
            if role not in roles:
                raise NotFound(f"{role!r} is not in this access control list")
            return [other for other in roles if other != role]
        case "DELETE":
            return []
    raise MethodNotAllowed(None, f"{request.method} is not allowed for an access control list")


def _roles(request: Request) -> list[str]:
    try:
        roles = json.loads(_body(request))
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise BadRequest("an access control list must be a JSON array of strings")
    return roles


def _body(request: Request) -> str:
    try:
        return request.stream.read(_BODY_LIMIT).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8") from error


def _read(request: Request, body: Any) -> Response:
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(["GET", "HEAD"], f"{request.method} is not allowed here")
    return responses.document(request, body, _etag(body))


def _etag(body: Any) -> str:
    return hashlib.md5(json.dumps(body, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
