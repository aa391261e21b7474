"""Table definitions for ERMrest, as JSON documents: plain tables, vocabularies, asset tables and associations.

Names of constraints, rules of foreign keys and annotations are those of deriva-ml, so that both create the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dml.catalog.model import ASSET_TAG, ForeignKey

Document = dict[str, Any]

CASCADE = "CASCADE"
NO_ACTION = "NO ACTION"

_TABLE_DISPLAY_TAG = "tag:isrd.isi.edu,2016:table-display"
_METADATA_PATTERN = "/hatrac/metadata/{{MD5}}.{{Filename}}"


@dataclass(frozen=True)
class ColumnDefinition:
    """The definition of a column.

    Attributes:
        name: The column's name.
        type: ERMrest type name; ``text[]`` and the like for arrays.
        nullok: Whether it may be null.
        default: The default value; None when there is none.
        comment: What the column is for.
        annotations: Annotations by tag.
    """

    name: str
    type: str = "text"
    nullok: bool = True
    default: object = None
    comment: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict, hash=False)


def reference(
    column: str, table: str, referenced: str = "RID", *, on_delete: str = CASCADE, on_update: str = CASCADE
) -> ForeignKey:
    """A foreign key of one column to ``schema:Table``; it cascades by default, as in associations."""
    return ForeignKey((column,), table, (referenced,), on_delete, on_update)


def table_document(
    table: str,
    columns: Iterable[ColumnDefinition],
    keys: Iterable[Sequence[str]] = (),
    foreign_keys: Iterable[ForeignKey] = (),
    *,
    comment: str = "",
    annotations: Mapping[str, Any] | None = None,
    key_names: Mapping[tuple[str, ...], str] | None = None,
) -> Document:
    """A table (``schema:Table``) with the system columns, the key on RID and RCB and RMB referring to clients."""
    schema, _, name = table.partition(":")
    system = [ColumnDefinition(n, f"ermrest_{n.lower()}", nullok=n in ("RCB", "RMB")) for n in _SYSTEM]
    clients = [ForeignKey((part,), "public:ERMrest_Client", ("ID",), NO_ACTION, NO_ACTION) for part in ("RCB", "RMB")]
    named = key_names or {}
    unique = [("RID",), *(tuple(key) for key in keys)]
    return {
        "kind": "table",
        "schema_name": schema,
        "table_name": name,
        "comment": comment or None,
        "annotations": dict(annotations or {}),
        "column_definitions": [_column_document(column) for column in (*system, *columns)],
        "keys": [
            {"unique_columns": list(key), "names": [[schema, named.get(key) or _make_id(name, *key, "key")]]}
            for key in unique
        ],
        "foreign_keys": [foreign_key_document(table, key) for key in (*foreign_keys, *clients)],
    }


_SYSTEM = ("RID", "RCT", "RMT", "RCB", "RMB")


def _column_document(column: ColumnDefinition) -> Document:
    kind: Document = {"typename": column.type}
    if column.type.endswith("[]"):
        kind |= {"is_array": True, "base_type": {"typename": column.type.removesuffix("[]")}}
    return {
        "name": column.name,
        "type": kind,
        "nullok": column.nullok,
        "default": column.default,
        "comment": column.comment or None,
        "annotations": dict(column.annotations),
    }


def foreign_key_document(table: str, key: ForeignKey) -> Document:
    """The document of a table's foreign key, named ``TABLE_COLUMN_fkey``."""
    schema, _, name = table.partition(":")
    other_schema, _, other = key.table.partition(":")
    return {
        "foreign_key_columns": [
            {"schema_name": schema, "table_name": name, "column_name": column} for column in key.columns
        ],
        "referenced_columns": [
            {"schema_name": other_schema, "table_name": other, "column_name": column} for column in key.referenced
        ],
        "names": [[schema, key.name or _make_id(name, *key.columns, "fkey")]],
        "on_delete": key.on_delete,
        "on_update": key.on_update,
    }


def vocabulary_document(table: str, curie_prefix: str, comment: str = "") -> Document:
    """A vocabulary: terms with ID, URI, Name, Description and Synonyms.

    Args:
        table: ``schema:Table``.
        curie_prefix: The prefix of its terms' compact URIs.
        comment: What the vocabulary is for.
    """
    columns = (
        ColumnDefinition("ID", "ermrest_curie", False, f"{curie_prefix}:{{RID}}", "Compact URI of the term"),
        ColumnDefinition("URI", "ermrest_uri", False, "/id/{RID}", "URI of the term"),
        ColumnDefinition("Name", "text", False, comment="The name by which rows refer to the term"),
        ColumnDefinition("Description", "markdown", False, comment="What the term means"),
        ColumnDefinition("Synonyms", "text[]", comment="Other names of the term"),
    )
    return table_document(table, columns, [["ID"], ["URI"], ["Name"]], comment=comment)


def asset_document(
    table: str,
    columns: Iterable[ColumnDefinition] = (),
    foreign_keys: Iterable[ForeignKey] = (),
    *,
    comment: str = "",
    url_pattern: str = _METADATA_PATTERN,
) -> Document:
    """An asset table: URL, Filename, Description, Length, MD5 and the given metadata columns.

    Args:
        table: ``schema:Table``.
        columns: Metadata columns.
        foreign_keys: Foreign keys of metadata columns.
        comment: What the files are.
        url_pattern: Where Chaise stores files that users add in the browser.
    """
    annotation = {
        "filename_column": "Filename",
        "byte_count_column": "Length",
        "md5": "MD5",
        "url_pattern": url_pattern,
        "display": {"*": {"file_preview": {"content_type_mapping": {"application/octet-stream": "text"}}}},
    }
    common = (
        ColumnDefinition("URL", "text", False, comment="Where the bytes are", annotations={ASSET_TAG: annotation}),
        ColumnDefinition("Filename", comment="Name of the file"),
        ColumnDefinition("Description", "markdown", comment="What the file is"),
        ColumnDefinition("Length", "int8", False, comment="Bytes"),
        ColumnDefinition("MD5", "text", False, comment="MD5 of the bytes, hexadecimal"),
    )
    display = {_TABLE_DISPLAY_TAG: {"row_name": {"row_markdown_pattern": "{{{Filename}}}"}}}
    return table_document(table, (*common, *columns), [["URL"]], foreign_keys, comment=comment, annotations=display)


def association_document(
    table: str,
    associates: Iterable[ForeignKey],
    *,
    columns: Iterable[ColumnDefinition] = (),
    foreign_keys: Iterable[ForeignKey] = (),
    defaults: Mapping[str, object] | None = None,
    comment: str = "",
) -> Document:
    """An association: a key made of one column per associated table, and further columns.

    Args:
        table: ``schema:Table``.
        associates: A foreign key for each associated table; its column is defined here and is not null.
        columns: Further columns.
        foreign_keys: Foreign keys of further columns.
        defaults: Default values of the key's columns.
        comment: What the association means.
    """
    sides = tuple(associates)
    given = defaults or {}
    own = [ColumnDefinition(side.columns[0], "text", False, given.get(side.columns[0])) for side in sides]
    key = tuple(side.columns[0] for side in sides)
    names = {key: _make_id(table.partition(":")[2], "assoc", "key")}
    return table_document(table, (*own, *columns), [key], (*sides, *foreign_keys), comment=comment, key_names=names)


def association_name(*tables: str) -> str:
    """The usual name of an association of tables (bare names), shortened to 63 bytes as deriva does."""
    return _make_id(*tables)


def _make_id(*parts: str) -> str:
    from deriva.core.ermrest_model import make_id  # loading deriva takes longer than most programs that import dml

    return str(make_id(*parts))
