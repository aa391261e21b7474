"""Finding what a path below a catalog names in its model: ``/schema/S/table/T/column/C`` and its like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from urllib.parse import unquote

from werkzeug.exceptions import BadRequest, Conflict, NotFound

from dml.embedded.ermrest import documents
from dml.embedded.ermrest.model import Column, ForeignKey, Key, Model, Root, Schema, Table

__all__ = ["Resource", "decode_segment", "find_resource"]

Kind = Literal[
    "catalog", "schemas", "schema", "tables", "table", "columns", "column", "keys", "key", "foreignkeys", "foreignkey"
]
_PARTS = ("comment", "annotation", "acl", "acl_binding")


@dataclass(frozen=True)
class Resource:
    """An element of the model, or a collection of them, and the part of it that is meant.

    Attributes:
        kind: What is meant; a plural is the collection within ``schema`` or ``table``.
        elements: The element itself; several foreign keys may share their columns.
        part: ``comment``, ``annotation``, ``acl`` or ``acl_binding`` of the element, if one is meant.
        item: Which annotation or ACL; None for all of them.
    """

    kind: Kind
    schema: Schema | None = None
    table: Table | None = None
    elements: tuple[Root | Schema | Table | Column | Key | ForeignKey, ...] = ()
    part: str | None = None
    item: str | None = None

    @property
    def element(self) -> Any:
        """The one element meant; 409 when the path fits several."""
        if len(self.elements) != 1:
            raise Conflict("The path fits more than one foreign key; name the referenced columns.")
        return self.elements[0]

    def document(self, model: Model) -> Any:
        """What a GET of the resource shows."""
        if self.kind == "schemas":
            return {schema.name: documents.schema_document(model, schema) for schema in model.schemas.values()}
        if self.kind == "schema":
            return documents.schema_document(model, self.element)
        if self.kind == "tables" and self.schema is not None:
            return [documents.table_document(model, table) for table in model.tables_of(self.schema)]
        if self.table is None:
            raise NotFound("There is nothing at this path.")
        return self._in_table(model, self.table)

    def _in_table(self, model: Model, table: Table) -> Any:
        if self.kind == "table":
            return documents.table_document(model, table)
        if self.kind == "columns":
            return [documents.column_document(column) for column in table.columns]
        if self.kind == "column":
            return documents.column_document(self.element)
        if self.kind == "keys":
            return [documents.key_document(model, table, key) for key in table.keys]
        if self.kind == "key":
            return documents.key_document(model, table, self.element)
        found = table.foreign_keys if self.kind == "foreignkeys" else cast("tuple[ForeignKey, ...]", self.elements)
        return [documents.foreign_key_document(model, table, foreign_key) for foreign_key in found]

    def put(self, draft: Model, **fields: Any) -> None:
        """Replace fields of the element in a draft."""
        changed = replace(self.element, **fields)
        if isinstance(changed, Root | Schema | Table):
            draft.put(changed)
            return
        table = draft.tables[self.table.id] if self.table is not None else None
        if table is None:
            raise NotFound("There is nothing at this path.")
        if isinstance(changed, Column):
            draft.put(table.with_column(changed))
        elif isinstance(changed, Key):
            draft.put(replace(table, keys=tuple(changed if one.rid == changed.rid else one for one in table.keys)))
        else:
            kept = tuple(changed if one.rid == changed.rid else one for one in table.foreign_keys)
            draft.put(replace(table, foreign_keys=kept))


class _Walk:
    """The segments of a path that are left, each percent-encoded."""

    def __init__(self, segments: list[str]) -> None:
        self._segments = segments

    def next(self) -> str | None:
        return self._segments.pop(0) if self._segments else None

    def name(self) -> str | None:
        segment = self.next()
        return None if segment is None else decode_segment(segment)

    def names(self) -> list[str] | None:
        segment = self.next()
        return None if segment is None else [decode_segment(name) for name in segment.split(",")]

    def done(self) -> bool:
        return not self._segments


def decode_segment(text: str) -> str:
    """A segment of a path without its percent-encoding; 400 when it is not UTF-8."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None


def find_resource(model: Model, segments: list[str]) -> Resource:
    """What the segments name, from ``schema``, ``annotation``, ``acl`` or ``comment`` on; 404 when there is none."""
    walk = _Walk([segment for index, segment in enumerate(segments) if segment or index < len(segments) - 1])
    first = walk.next()
    root = Resource("catalog", elements=(model.root,))
    resource = _schema(model, walk) if first == "schema" else _part(root, first, walk)
    if not walk.done():
        raise NotFound("There is nothing at this path.")
    return resource


def _part(resource: Resource, word: str | None, walk: _Walk) -> Resource:
    """The part of an element that the next segments name, or the element itself."""
    if word is None:
        return resource
    fields = {"comment": "comment", "annotation": "annotations", "acl": "acls", "acl_binding": "acl_bindings"}
    if word not in _PARTS or not hasattr(resource.elements[0], fields[word]):
        raise NotFound(f'There is no "{word[:40]}" here.')
    return replace(resource, part=word, item=None if word == "comment" else walk.name())


def _schema(model: Model, walk: _Walk) -> Resource:
    name = walk.name()
    if name is None:
        return Resource("schemas")
    schema = model.find_schema(name)
    if schema is None:
        # Not found for every method but the POST that would make it.
        return Resource("schema", None, None, (), None, name) if walk.done() else _missing(f'Schema "{name}"')
    word = walk.next()
    if word != "table":
        return _part(Resource("schema", schema, None, (schema,)), word, walk)
    name = walk.name()
    if name is None:
        return Resource("tables", schema)
    table = model.find_table(schema.name, name)
    if table is None:
        return _missing(f'Table "{schema.name}:{name}"')
    return _table(model, schema, table, walk)


def _missing(what: str) -> Resource:
    raise NotFound(f"{what} does not exist.")


def _table(model: Model, schema: Schema, table: Table, walk: _Walk) -> Resource:
    word = walk.next()
    finder = _WITHIN.get(word or "")
    if finder is not None:
        return finder(model, Resource("table", schema, table, (table,)), walk)
    return _part(Resource("table", schema, table, (table,)), word, walk)


def _column(_model: Model, resource: Resource, walk: _Walk) -> Resource:
    name, table = walk.name(), resource.elements[0]
    if name is None:
        return replace(resource, kind="columns")
    column = table.find_column(name) if isinstance(table, Table) else None
    if column is None:
        return _missing(f'Column "{name}"')
    return _part(replace(resource, kind="column", elements=(column,)), walk.next(), walk)


def _key(_model: Model, resource: Resource, walk: _Walk) -> Resource:
    names, table = walk.names(), cast(Table, resource.elements[0])
    if names is None:
        return replace(resource, kind="keys")
    for key in table.keys:
        if set(table.names(key.columns)) == set(names):
            return _part(replace(resource, kind="key", elements=(key,)), walk.next(), walk)
    return _missing(f"A key on ({', '.join(names)})")


def _foreign_key(model: Model, resource: Resource, walk: _Walk) -> Resource:
    """``foreignkey/columns/reference/schema:table/columns``, each level narrower than the one before."""
    names, table = walk.names(), cast(Table, resource.elements[0])
    if names is None:
        return replace(resource, kind="foreignkeys")
    found = [one for one in table.foreign_keys if set(table.names(one.columns)) == set(names)]
    word = walk.next()
    if word == "reference":
        segment = walk.next()
        if segment is not None:
            target = [decode_segment(part) for part in segment.split(":")]
            found = [one for one in found if list(model.qualified(model.tables[one.table]))[-len(target) :] == target]
            names = walk.names()
            if names is not None:
                found = [one for one in found if set(model.tables[one.table].names(one.referenced)) == set(names)]
        word = walk.next()
    if not found:
        return _missing("Such a foreign key")
    return _part(replace(resource, kind="foreignkey", elements=tuple(found)), word, walk)


_WITHIN: dict[str, Callable[[Model, Resource, _Walk], Resource]] = {
    "column": _column,
    "key": _key,
    "foreignkey": _foreign_key,
}
