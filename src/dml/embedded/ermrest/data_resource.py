"""The data resources: ``entity``, ``attribute``, ``attributegroup``, ``aggregate`` and ``entity_rid``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from werkzeug import Request, Response, exceptions
from werkzeug.exceptions import BadRequest, Conflict, HTTPException, MethodNotAllowed, NotFound

from dml.embedded.authn import Client
from dml.embedded.ermrest import responses, rows
from dml.embedded.ermrest.catalogs import Catalog, View
from dml.embedded.ermrest.grammar import DataPath, parse_data_path
from dml.embedded.ermrest.inserts import Written, insert
from dml.embedded.ermrest.outputs import Output
from dml.embedded.ermrest.request_bodies import read_rows
from dml.embedded.ermrest.resolve import Plan, resolve
from dml.embedded.ermrest.sql_compiler import compile_read
from dml.embedded.ermrest.storage import Connection
from dml.embedded.ermrest.time_limit import READ_SECONDS
from dml.embedded.ermrest.times import instant_text

__all__ = ["respond_data", "respond_entity_rid"]

_PAGE = 500
"""Rows taken from SQLite at a time."""

_KINDS = {responses.JSON: "json", responses.CSV: "csv", responses.STREAM: "stream"}


def _options(query: str) -> dict[str, str]:
    """Query parameters, the values still percent-encoded."""
    found = {}
    for part in query.replace(";", "&").split("&"):
        name, _, value = part.partition("=")
        found[unquote(name)] = value
    return found


def _listed(value: str | None) -> set[str]:
    return {unquote(name) for name in (value or "").split(",") if name}


def _limit(value: str | None) -> int | None:
    if value in (None, "", "none"):
        return None
    try:
        number = int(value)
    except ValueError:
        raise BadRequest(f'limit={value[:40]} is not a number of rows; "none" means no limit.') from None
    if not 0 <= number < 2**63:
        raise Conflict(f"limit={value[:40]} is out of range.")
    return number


def respond_data(
    request: Request, catalog: Catalog, client: Client, api: str, text: str, snapshot: str | None
) -> Response:
    """Answer a request for a data path.

    Args:
        request: The request, for its method, headers and body.
        catalog: Where to look.
        client: Who is recorded as the writer.
        api: The kind of resource.
        text: The path after it, still percent-encoded.
        snapshot: Id of the snapshot to read, None for the catalog as it is.
    """
    options = _options(request.environ.get("QUERY_STRING", ""))
    path = parse_data_path(api, text)
    if request.method in ("GET", "HEAD"):
        return _read(request, catalog, path, options, snapshot)
    writer = _WRITERS.get((request.method, api))
    if writer is None:
        raise MethodNotAllowed(description=f"{request.method} is not allowed for /{api}/.")
    return writer(request, catalog, client, path, options)


def _read(
    request: Request, catalog: Catalog, path: DataPath, options: dict[str, str], snapshot: str | None
) -> Response:
    kind, limit = responses.accepted(request, options), _limit(options.get("limit"))
    connection = catalog.storage.take()

    def finished() -> None:
        catalog.storage.give_back(connection)

    given = False
    try:
        view = catalog.view(connection, snapshot)
        plan = resolve(view.model, path.elements)
        query = compile_read(path, plan, limit, view.snapshot)
        etag = view.data_etag(_tables(plan), _KINDS[kind])
        answer = responses.unchanged(request, etag)
        if answer is not None:
            return answer
        found = _run(connection, query.sql, query.values)
        given = True
        download = unquote(options["download"]) if options.get("download") else None
        return responses.rows_response(kind, query.outputs, found, etag, download=download, when_done=finished)
    finally:
        if not given:
            finished()


def _tables(plan: Plan) -> set[int]:
    return {node.table.id for node in plan.nodes}


def _run(connection: Connection, sql: str, values: Mapping[str, Any]) -> Iterator[Any]:
    """The rows of a query. Each page has the whole limit of time: a client that reads slowly is not cut off."""
    try:
        connection.limit.start()
        cursor = connection.execute(sql, values)
        while page := cursor.fetchmany(_PAGE):
            yield from page
            connection.limit.start()
    except sqlite3.OperationalError as error:
        if connection.limit.passed:
            raise BadRequest(f"The query was stopped after {READ_SECONDS:.0f} s; ask for less at a time.") from None
        refusal = _refusal(str(error))
        if refusal is None:
            raise
        raise refusal from None


def _refusal(text: str) -> HTTPException | None:
    if "OUTER JOIN" in text:
        return exceptions.NotImplemented("This Python's SQLite is older than 3.39 and has no right or full joins.")
    if "integer overflow" in text:
        return BadRequest("A sum is out of range.")
    if "too large" in text or "too many" in text or "too big" in text:
        return BadRequest(f"The path is too complex: {text}.")
    return None


def _written(request: Request, view: View, plan: Plan, written: Written, options: dict[str, str]) -> Response:
    columns, made = written
    kind = responses.accepted(request, options)
    outputs = [Output(name, column.type, column.type.shower()) for name, column in columns]
    return responses.rows_response(kind, outputs, iter(made), view.data_etag(_tables(plan), _KINDS[kind]))


def _check_match(request: Request, view: View, plan: Plan) -> None:
    responses.check_match(request, view.data_etag(_tables(plan), "json"))


def _one_table(plan: Plan, path: DataPath) -> None:
    if len(plan.nodes) > 1 or plan.filters:
        raise BadRequest("Rows can only be written through the path of one table, without joins and filters.")
    if path.modifiers.sort or path.modifiers.pages:
        raise BadRequest("Sorting and paging have no meaning for a write.")


def _insert(request: Request, catalog: Catalog, client: Client, path: DataPath, options: dict[str, str]) -> Response:
    if options.get("onconflict", "abort") not in ("abort", "skip"):
        raise BadRequest("onconflict= must be abort or skip.")
    body = read_rows(request)
    with catalog.writing(client) as (transaction, view):
        plan = resolve(view.model, path.elements)
        _one_table(plan, path)
        _check_match(request, view, plan)
        made = insert(
            transaction,
            view.model,
            plan.nodes[0].table,
            body,
            defaults=_listed(options.get("defaults")),
            nondefaults=_listed(options.get("nondefaults")),
            skip_conflicts=options.get("onconflict") == "skip",
        )
        return _written(request, view, plan, made, options)


def _upsert(request: Request, catalog: Catalog, client: Client, path: DataPath, options: dict[str, str]) -> Response:
    body = read_rows(request)
    with catalog.writing(client) as (transaction, view):
        plan = resolve(view.model, path.elements)
        _one_table(plan, path)
        _check_match(request, view, plan)
        made = rows.upsert(transaction, plan.nodes[0].table, body)
        return _written(request, view, plan, made, options)


def _update(request: Request, catalog: Catalog, client: Client, path: DataPath, options: dict[str, str]) -> Response:
    body = read_rows(request)
    with catalog.writing(client) as (transaction, view):
        plan = resolve(view.model, path.elements)
        _check_match(request, view, plan)
        made = rows.update(transaction, plan, path, body)
        return _written(request, view, plan, made, options)


def _delete(request: Request, catalog: Catalog, client: Client, path: DataPath, options: dict[str, str]) -> Response:
    if path.modifiers.sort or path.modifiers.pages or "limit" in options:
        raise BadRequest("Sorting and paging have no meaning for a deletion.")
    with catalog.writing(client) as (transaction, view):
        plan = resolve(view.model, path.elements)
        _check_match(request, view, plan)
        if path.api == "entity":
            rows.delete(transaction, plan)
        else:
            rows.clear(transaction, plan, path)
        return responses.empty(204, view.data_etag(_tables(plan), "json"))


_Writer = Callable[[Request, Catalog, Client, DataPath, dict[str, str]], Response]
_WRITERS: dict[tuple[str, str], _Writer] = {
    ("POST", "entity"): _insert,
    ("PUT", "entity"): _upsert,
    ("PUT", "attributegroup"): _update,
    ("DELETE", "entity"): _delete,
    ("DELETE", "attribute"): _delete,
}


def respond_entity_rid(request: Request, catalog: Catalog, rid: str, snapshot: str | None) -> Response:
    """Respond with the table of a row's RID: ``{RID, schema_name, table_name}``, and ``deleted_at`` if deleted."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(description="A RID can only be looked up.")
    with catalog.reading(snapshot) as view:
        found = view.connection.execute(
            "SELECT tid, ended FROM location WHERE rid = ? AND began <= ? ORDER BY ended DESC", (rid, view.time)
        ).fetchall()
        if not found:
            raise NotFound(f"No row has the RID {rid[:40]}.")
        lease = view.model.find_table("public", "ERMrest_RID_Lease")
        found.sort(key=lambda place: (place[1] <= view.time, lease is not None and place[0] == lease.id))
        number, ended = found[0]
        gone = ended <= view.time
        model = view.model if number in view.model.tables else catalog.model_at(view.connection, ended - 1)
        schema, name = model.qualified(model.tables[number])
        answer = {"RID": rid, "schema_name": schema, "table_name": name}
        if gone:
            answer["deleted_at"] = instant_text(ended)
        etag = view.data_etag({number}, "rid")
        return responses.unchanged(request, etag) or responses.document(answer, etag)
