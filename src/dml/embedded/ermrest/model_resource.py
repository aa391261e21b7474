"""The model resources: ``/schema`` and below, and the annotations, comments, ACLs and bindings of each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, Conflict, MethodNotAllowed, NotFound

from dml.embedded.authn import Client
from dml.embedded.ermrest import columns, constraints, documents, responses, tables
from dml.embedded.ermrest.catalogs import Catalog, View
from dml.embedded.ermrest.element_documents import policy
from dml.embedded.ermrest.model import Model, Root, Schema, Table
from dml.embedded.ermrest.model_change import Change
from dml.embedded.ermrest.model_history import record
from dml.embedded.ermrest.model_paths import Resource, find_resource
from dml.embedded.ermrest.request_bodies import read_document
from dml.embedded.ermrest.times import encode_snaptime

__all__ = ["FEATURES", "respond_model", "respond_status"]

FEATURES = {
    "catalog_post_input": True, "catalog_alias": False, "history_control": False, "implicit_fkey_control": False,
    "indexing_preferences": False, "quantified_value_lists": True, "subpath_aliasing": True,
}  # fmt: skip


def respond_status(request: Request, catalog: Catalog, snapshot: str | None) -> Response:
    """The document of the catalog itself, with its latest snapshot id."""
    with catalog.reading(snapshot) as view:
        etag = f"{view.snapshot or 0:x}.{view.state.time:x}-status"
        status = {"id": catalog.id, "is_persistent": True, **_root(view)}
        return responses.unchanged(request, etag) or responses.document(status, etag)


def _root(view: View) -> dict[str, Any]:
    return {
        "snaptime": encode_snaptime(view.time),
        "annotations": view.model.root.annotations,
        "acls": view.model.root.acls,
        "rights": documents.CATALOG_RIGHTS,
        "features": FEATURES,
    }


def respond_model(
    request: Request, catalog: Catalog, client: Client, segments: list[str], snapshot: str | None
) -> Response:
    """Answer a request for an element of the model, given by the path's segments from ``schema`` or ``acl`` on."""
    if request.method in ("GET", "HEAD"):
        return _read(request, catalog, segments, snapshot)
    document = _document(request, segments)
    with catalog.writing(client, rebuilds=True) as (transaction, view):
        responses.check_match(request, view.model_etag())
        change = Change(transaction, view.model.draft())
        resource = find_resource(change.draft, segments)
        status, answer = _write(request.method, change, resource, document)
        record(transaction, change.draft)
        version = transaction.time if change.draft.changed else view.model.version
        etag = f"0.{version:x}-model"
        return (
            responses.empty(status, etag) if answer is None else responses.document(answer(change.draft), etag, status)
        )


def _document(request: Request, segments: list[str]) -> Any:
    if request.method == "DELETE" or not request.get_data():
        return None
    if segments[-1] == "comment" and request.mimetype != responses.JSON:
        try:
            return request.get_data().decode()
        except UnicodeDecodeError:
            raise BadRequest("The comment is not UTF-8.") from None
    return read_document(request)


def _read(request: Request, catalog: Catalog, segments: list[str], snapshot: str | None) -> Response:
    with catalog.reading(snapshot) as view:
        etag = view.model_etag()
        resource = find_resource(view.model, segments)
        if resource.kind == "schema" and not resource.elements:
            raise NotFound(f'Schema "{resource.item}" does not exist.')
        answer = responses.unchanged(request, etag)
        if answer is not None:
            return answer
        if resource.part == "comment":
            return _comment(resource, etag)
        if resource.part is not None:
            return responses.document(_part(resource), etag)
        shown = resource.document(view.model)
        return responses.document({**_root(view), "schemas": shown} if resource.kind == "schemas" else shown, etag)


def _comment(resource: Resource, etag: str) -> Response:
    comment = resource.element.comment
    if comment is None:
        raise NotFound("The element has no comment.")
    response = Response(comment, content_type="text/plain; charset=utf-8")
    response.set_etag(etag)
    return response


_FIELDS = {"annotation": "annotations", "acl": "acls", "acl_binding": "acl_bindings"}


def _part(resource: Resource) -> Any:
    found = getattr(resource.element, _FIELDS[str(resource.part)])
    if resource.item is None:
        return found
    if resource.item not in found:
        raise NotFound(f'The element has no {resource.part} "{resource.item}".')
    return found[resource.item]


Answer = tuple[int, Callable[[Model], Any] | None]


def _write(method: str, change: Change, resource: Resource, document: Any) -> Answer:
    if resource.part == "comment":
        return _write_comment(method, change, resource, document)
    if resource.part is not None:
        return _write_part(method, change, resource, document)
    if resource.kind == "schema" and not resource.elements and method != "POST":
        raise NotFound(f'Schema "{resource.item}" does not exist.')
    writer = {"POST": _create, "PUT": _alter, "DELETE": _drop}.get(method)
    if writer is None:
        raise MethodNotAllowed(description=f"{method} is not allowed here.")
    return writer(change, resource, document)


def _create(change: Change, resource: Resource, document: Any) -> Answer:
    if resource.kind == "schema":
        tables.create_schema(change, {"schema_name": resource.schema.name if resource.schema else resource.item})
        return 201, None
    if document is None:
        raise BadRequest("The request needs a document.")
    if resource.kind == "schemas":
        made = tables.create_all(change, document if isinstance(document, list) else [document])
        shown = [_shown(element) for element in made]
        return 201, lambda model: _one_or_all(document, [show(model) for show in shown])
    if resource.kind == "tables" and resource.schema is not None:
        schema = resource.schema
        created = tables.create_tables(change, [(schema, entry) for entry in _as_list(document)])
        return 201, lambda model: _one_or_all(
            document, [documents.table_document(model, model.tables[table.id]) for table in created]
        )
    if resource.table is None:
        raise MethodNotAllowed(description="Nothing can be created here.")
    return _create_within(change, resource, document)


def _shown(element: Schema | Table) -> Callable[[Model], Any]:
    """How to show a schema or table that was just made."""
    if isinstance(element, Schema):
        return lambda model: documents.schema_document(model, model.schemas[element.id])
    return lambda model: documents.table_document(model, model.tables[element.id])


def _as_list(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def _one_or_all(document: Any, shown: list[Any]) -> Any:
    return shown if isinstance(document, list) else shown[0]


def _create_within(change: Change, resource: Resource, document: Any) -> Answer:
    number = resource.table.id if resource.table is not None else 0
    if resource.kind == "columns":
        made = [columns.add_column(change, change.draft.tables[number], entry) for entry in _as_list(document)]
        return 201, lambda _: _one_or_all(document, [documents.column_document(column) for column in made])
    if resource.kind == "keys":
        keys = [constraints.add_key(change, change.draft.tables[number], entry) for entry in _as_list(document)]
        return 201, lambda model: _one_or_all(
            document, [documents.key_document(model, model.tables[number], key) for key in keys]
        )
    if resource.kind == "foreignkeys":
        added = constraints.add_foreign_keys(change, change.draft.tables[number], _as_list(document))
        return 201, lambda model: [
            documents.foreign_key_document(model, model.tables[number], foreign_key) for foreign_key in added
        ]
    raise MethodNotAllowed(description="Nothing can be created here.")


def _alter(change: Change, resource: Resource, document: Any) -> Answer:
    table = change.draft.tables[resource.table.id] if resource.table is not None else None
    if resource.kind == "schema":
        schema = tables.alter_schema(change, resource.element, document)
        return 200, lambda model: documents.schema_document(model, schema)
    if table is None:
        raise MethodNotAllowed(description="This cannot be replaced as a whole.")
    if resource.kind == "table":
        altered = tables.alter_table(change, table, document)
        return 200, lambda model: documents.table_document(model, altered)
    if resource.kind == "column":
        column = columns.alter_column(change, table, resource.element, document)
        return 200, lambda _: documents.column_document(column)
    if resource.kind == "key":
        key = constraints.alter_key(change, table, resource.element, document)
        return 200, lambda model: documents.key_document(model, model.tables[table.id], key)
    if resource.kind == "foreignkey":
        foreign_key = constraints.alter_foreign_key(change, table, resource.element, document)
        return 200, lambda model: documents.foreign_key_document(model, model.tables[table.id], foreign_key)
    raise MethodNotAllowed(description="This cannot be replaced as a whole.")


def _drop(change: Change, resource: Resource, _document: Any) -> Answer:
    table = change.draft.tables[resource.table.id] if resource.table is not None else None
    if resource.kind == "schema":
        tables.drop_schema(change, resource.element)
    elif resource.kind == "table" and table is not None:
        tables.drop_table(change, table)
    elif resource.kind == "column" and table is not None:
        columns.drop_column(change, table, resource.element)
    elif resource.kind == "key" and table is not None:
        constraints.drop_key(change, table, resource.element)
    elif resource.kind == "foreignkey" and table is not None:
        for foreign_key in resource.elements:
            constraints.drop_foreign_key(change, change.draft.tables[table.id], foreign_key)  # type: ignore[arg-type]
    else:
        raise MethodNotAllowed(description="This cannot be deleted.")
    return 204, None


def _write_comment(method: str, change: Change, resource: Resource, document: Any) -> Answer:
    if method == "PUT":
        if document is not None and not isinstance(document, str):
            raise BadRequest("A comment must be text.")
        resource.put(change.draft, comment=document or "")
    elif method == "DELETE":
        if resource.element.comment is None:
            raise NotFound("The element has no comment.")
        resource.put(change.draft, comment=None)
    else:
        raise MethodNotAllowed(description=f"{method} is not allowed for a comment.")
    return 204, None


def _write_part(method: str, change: Change, resource: Resource, document: Any) -> Answer:
    field = _FIELDS[str(resource.part)]
    present: dict[str, Any] = dict(getattr(resource.element, field))
    status = 204
    if method == "PUT":
        given = {resource.item: document} if resource.item is not None else document
        if not isinstance(given, dict):
            raise BadRequest(f'All of "{field}" must be replaced by an object.')
        if resource.part != "annotation":
            given, status = policy({field: given}, field), 200
        elif resource.item is not None and resource.item not in present:
            status = 201
        whole = resource.item is None and not (isinstance(resource.element, Root) and resource.part == "acl")
        present = given if whole else {**present, **given}
    elif method == "DELETE":
        if resource.item is not None and resource.item not in present:
            raise NotFound(f'The element has no {resource.part} "{resource.item}".')
        present = {
            name: value for name, value in present.items() if resource.item is not None and name != resource.item
        }
    else:
        raise MethodNotAllowed(description=f"{method} is not allowed for {field}.")
    if isinstance(resource.element, Root) and resource.part == "acl":
        present = {name: [] for name in documents.CATALOG_ACLS} | present
        if not present["owner"]:
            raise Conflict("A catalog must keep an owner.")
    resource.put(change.draft, **{field: present})
    shown = present.get(resource.item) if resource.item is not None else present
    return (status, None) if status != 200 else (200, lambda _: shown)
