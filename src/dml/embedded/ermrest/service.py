"""ERMrest on SQLite: routing of requests to the resources of a catalog.

Implements the HTTP interface of ERMrest 0.5 (https://github.com/informatics-isi-edu/ermrest) for one local owner.
ACLs and bindings are kept and shown, not enforced; full-text search is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from werkzeug import Request, Response, exceptions
from werkzeug.exceptions import BadRequest, Forbidden, MethodNotAllowed, NotFound

from dml.embedded.authn import Client
from dml.embedded.ermrest import responses
from dml.embedded.ermrest.catalogs import Catalogs
from dml.embedded.ermrest.data_resource import respond_data, respond_entity_rid
from dml.embedded.ermrest.model_paths import decode_segment
from dml.embedded.ermrest.model_resource import FEATURES, respond_model, respond_status
from dml.embedded.ermrest.request_bodies import read_document

__all__ = ["Ermrest"]

_DATA = ("entity", "attribute", "attributegroup", "aggregate")
_MODEL = ("schema", "annotation", "acl", "acl_binding", "comment")
_READS = ("GET", "HEAD")


class Ermrest:
    """The catalogs below one directory, as a service.

    Args:
        root: The directory; catalogs are in ``root/ermrest``, one SQLite file each.
        read_only: Refuse every change (403).
    """

    def __init__(self, root: Path, read_only: bool = False) -> None:
        self._catalogs = Catalogs(root, read_only=read_only)
        self._read_only = read_only

    def respond(self, request: Request, path: str, client: Client) -> Response:
        """Answer one request.

        Args:
            request: Method, headers, body, and in ``QUERY_STRING`` the raw query.
            path: What follows ``/ermrest``, still percent-encoded, without the query.
            client: Who asks; recorded with every row written.

        Raises:
            werkzeug.exceptions.HTTPException: The refusal, with a text that says why.
        """
        if self._read_only and request.method not in _READS:
            raise Forbidden("This service is read-only.")
        segments = path.split("/")[1:]
        if not segments or segments == [""]:
            return self._advertise(request)
        if segments[0] != "catalog":
            raise NotFound("No resource has this path.")
        if len(segments) == 1 or segments[1:] == [""]:
            return self._create(request, client)
        return self._in_catalog(request, decode_segment(segments[1]), segments[2:], client)

    def _advertise(self, request: Request) -> Response:
        if request.method not in _READS:
            raise MethodNotAllowed(description="The service can only be looked at.")
        return responses.document({"version": "0.5.0", "features": FEATURES}, None)

    def _create(self, request: Request, client: Client) -> Response:
        if request.method != "POST":
            raise MethodNotAllowed(description="Catalogs cannot be listed; POST creates a catalog.")
        given: Any = read_document(request) if request.get_data() else {}
        if not isinstance(given, dict):
            raise BadRequest("The document of a catalog must be an object.")
        if given.get("clone_source"):
            raise exceptions.NotImplemented("This service clones no catalogs.")
        owners, annotations = given.get("owner") or [], given.get("annotations") or {}
        if not isinstance(owners, list) or not isinstance(annotations, dict):
            raise BadRequest('"owner" must be a list and "annotations" an object.')
        number = self._catalogs.create(client, annotations, owners, given.get("id"))
        response = responses.document({"id": number}, None, 201)
        response.headers["Location"] = f"/ermrest/catalog/{number}"
        return response

    def _in_catalog(self, request: Request, name: str, segments: list[str], client: Client) -> Response:
        number, at, snaptime = name.partition("@")
        snapshot = snaptime if at else None
        catalog = self._catalogs.open(number)
        if snapshot is not None and request.method not in _READS:
            raise Forbidden("A snapshot cannot be changed.")
        api = segments[0] if segments else ""
        if api == "" and len(segments) < 2:
            if request.method == "DELETE":
                self._catalogs.delete(catalog)
                return responses.empty(204, "deleted-catalog")
            if request.method not in _READS:
                raise MethodNotAllowed(description="A catalog can only be read and deleted.")
            return respond_status(request, catalog, snapshot)
        if api in _DATA and len(segments) > 1:
            return respond_data(request, catalog, client, api, "/".join(segments[1:]), snapshot)
        if api == "entity_rid" and len(segments) == 2:
            return respond_entity_rid(request, catalog, decode_segment(segments[1]), snapshot)
        if api in _MODEL:
            return respond_model(request, catalog, client, segments, snapshot)
        if api == "textfacet":
            raise exceptions.NotImplemented("This catalog has no full-text search.")
        raise NotFound(f'A catalog has no resource "{api[:40]}".')
