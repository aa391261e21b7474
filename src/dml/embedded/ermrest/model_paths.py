"""Resolution of model paths, such as ``/schema/S/table/T/column/C``, to elements of the model."""

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
    """A resource of the model: an element, a collection of elements, or a part of an element.

    Attributes:
        kind: The kind of resource; a plural is the collection in ``schema`` or ``table``.
        elements: The element; more than one if several foreign keys share their columns.
        part: ``comment``, ``annotation``, ``acl`` or ``acl_binding``; None for the element itself.
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
        """The single element; 409 if the path matches several."""
        if len(self.elements) != 1:
            raise Conflict("The path matches more than one foreign key; name the referenced columns.")
        return self.elements[0]

    def document(self, model: Model) -> Any:
        """The document that GET returns."""
        if self.kind == "schemas":
            return {schema.name: documents.schema_document(model, schema) for schema in model.schemas.values()}
        if self.kind == "schema":
            return documents.schema_document(model, self.element)
        if self.kind == "tables" and self.schema is not None:
            return [documents.table_document(model, table) for table in model.tables_of(self.schema)]
        if self.table is None:
            raise NotFound("No resource has this path.")
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
        foreign_keys = (
            table.foreign_keys if self.kind == "foreignkeys" else cast("tuple[ForeignKey, ...]", self.elements)
        )
        return [documents.foreign_key_document(model, table, foreign_key) for foreign_key in foreign_keys]

    def put(self, draft: Model, **fields: Any) -> None:
        """Replace fields of the element in a draft."""
        changed = replace(self.element, **fields)
        if isinstance(changed, Root | Schema | Table):
            draft.put(changed)
            return
        table = draft.tables[self.table.id] if self.table is not None else None
        if table is None:
            raise NotFound("No resource has this path.")
        if isinstance(changed, Column):
            draft.put(table.with_column(changed))
        elif isinstance(changed, Key):
            draft.put(
                replace(table, keys=tuple(changed if other.rid == changed.rid else other for other in table.keys))
            )
        else:
            kept = tuple(changed if other.rid == changed.rid else other for other in table.foreign_keys)
            draft.put(replace(table, foreign_keys=kept))


class _Walk:
    """The remaining segments of a path, percent-encoded."""

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
    """Percent-decode a path segment; 400 if it is not UTF-8."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None


def find_resource(model: Model, segments: list[str]) -> Resource:
    """Resolve segments that start with ``schema``, ``annotation``, ``acl`` or ``comment``; 404 if nothing matches."""
    walk = _Walk([segment for index, segment in enumerate(segments) if segment or index < len(segments) - 1])
    first = walk.next()
    root = Resource("catalog", elements=(model.root,))
    resource = _schema(model, walk) if first == "schema" else _part(root, first, walk)
    if not walk.done():
        raise NotFound("No resource has this path.")
    return resource


def _part(resource: Resource, word: str | None, walk: _Walk) -> Resource:
    """The part of an element named by the next segments, or the element itself."""
    if word is None:
        return resource
    fields = {"comment": "comment", "annotation": "annotations", "acl": "acls", "acl_binding": "acl_bindings"}
    if word not in _PARTS or not hasattr(resource.elements[0], fields[word]):
        raise NotFound(f'This element has no "{word[:40]}".')
    return replace(resource, part=word, item=None if word == "comment" else walk.name())


def _schema(model: Model, walk: _Walk) -> Resource:
    name = walk.name()
    if name is None:
        return Resource("schemas")
    schema = model.find_schema(name)
    if schema is None:
        # POST creates the schema; every other method responds 404.
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
    """``foreignkey/columns/reference/schema:table/columns``; each level narrows the selection."""
    names, table = walk.names(), cast(Table, resource.elements[0])
    if names is None:
        return replace(resource, kind="foreignkeys")
    foreign_keys = [
        foreign_key for foreign_key in table.foreign_keys if set(table.names(foreign_key.columns)) == set(names)
    ]
    word = walk.next()
    if word == "reference":
        segment = walk.next()
        if segment is not None:
            qualified_name = [decode_segment(part) for part in segment.split(":")]
            foreign_keys = [
                foreign_key
                for foreign_key in foreign_keys
                if list(model.qualified(model.tables[foreign_key.table]))[-len(qualified_name) :] == qualified_name
            ]
            names = walk.names()
            if names is not None:
                foreign_keys = [
                    foreign_key
                    for foreign_key in foreign_keys
                    if set(model.tables[foreign_key.table].names(foreign_key.referenced)) == set(names)
                ]
        word = walk.next()
    if not foreign_keys:
        return _missing("Such a foreign key")
    return _part(replace(resource, kind="foreignkey", elements=tuple(foreign_keys)), word, walk)


_WITHIN: dict[str, Callable[[Model, Resource, _Walk], Resource]] = {
    "column": _column,
    "key": _key,
    "foreignkey": _foreign_key,
}
