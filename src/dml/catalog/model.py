"""The parts of a catalog's model: columns, keys, foreign keys and tables, read from ERMrest's ``/schema`` document.

``schema`` says what the tables mean to DERIVA-ML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ASSET_TAG = "tag:isrd.isi.edu,2017:asset"
"""The annotation of the URL column of an asset table."""

SYSTEM_COLUMNS = ("RID", "RCT", "RMT", "RCB", "RMB")
"""The columns that every table has and the server sets."""

ASSET_COLUMNS = ("URL", "Filename", "Description", "Length", "MD5")
"""The columns that every asset table has, without the system columns."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: The column's name.
        type: ERMrest type name, as in ``text``, ``int8``, ``text[]``, ``markdown``.
        nullok: Whether it may be null.
        default: The default value; None when there is none.
        annotations: Annotations by tag.
        comment: What the column is for; empty when not given.
    """

    name: str
    type: str
    nullok: bool = True
    default: object = None
    annotations: Mapping[str, Any] = field(default_factory=dict, hash=False)
    comment: str = ""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key.

    Attributes:
        columns: Referring columns.
        table: The referenced table as ``schema:Table``.
        referenced: Referenced columns, in the order of ``columns``.
        on_delete, on_update: ``NO ACTION``, ``RESTRICT``, ``CASCADE``, ``SET NULL`` or ``SET DEFAULT``.
        name: The name of the constraint; empty when unknown.
    """

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    name: str = ""


@dataclass(frozen=True)
class Table:
    """A table or view.

    Attributes:
        schema, name: The two parts of its qualified name.
        columns: In the catalog's order, with the system columns.
        keys: Tuples of column names, including ``(RID,)``.
        foreign_keys: The foreign keys of its columns.
        annotations: Annotations by tag.
        comment: What the table is for.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    annotations: Mapping[str, Any] = field(default_factory=dict, hash=False)
    comment: str = ""

    @property
    def qualified_name(self) -> str:
        """``schema:Table``."""
        return f"{self.schema}:{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column with a name; None when there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def foreign_key_of(self, column: str) -> ForeignKey | None:
        """The foreign key of exactly one column; None when it has none."""
        return next((key for key in self.foreign_keys if key.columns == (column,)), None)

    def reference_to(self, table: str) -> ForeignKey | None:
        """The first single-column foreign key to a table (``schema:Table``); None when there is none."""
        return next((key for key in self.foreign_keys if key.table == table and len(key.columns) == 1), None)

    @property
    def is_vocabulary(self) -> bool:
        """Whether it has the columns of a vocabulary."""
        return {"ID", "URI", "Name", "Description"} <= set(self.column_names)

    @property
    def is_asset(self) -> bool:
        """Whether it has the columns of an asset table and the annotation of its URL column."""
        url = self.column("URL")
        return url is not None and ASSET_TAG in url.annotations and set(ASSET_COLUMNS) <= set(self.column_names)

    @property
    def metadata_columns(self) -> tuple[Column, ...]:
        """The columns of an asset table besides those that every asset table has."""
        common = {*SYSTEM_COLUMNS, *ASSET_COLUMNS}
        return tuple(column for column in self.columns if column.name not in common)

    @property
    def association(self) -> tuple[ForeignKey, ...]:
        """The foreign keys whose columns form a key of two or more columns, in the order of columns; empty if none do.

        A table with such a key is an association: each of its rows relates rows of other tables.
        """
        owner = {key.columns[0]: key for key in self.foreign_keys if len(key.columns) == 1}
        for key in sorted(self.keys, key=len):
            if len(key) >= 2 and all(name in owner for name in key):
                return tuple(owner[name] for name in self.column_names if name in key)
        return ()


def table_from_document(document: Mapping[str, Any]) -> Table:
    """The table that an ERMrest document describes."""
    return Table(
        schema=str(document["schema_name"]),
        name=str(document["table_name"]),
        columns=tuple(_column(part) for part in document.get("column_definitions", ())),
        keys=tuple(tuple(map(str, part["unique_columns"])) for part in document.get("keys", ())),
        foreign_keys=tuple(_foreign_key(part) for part in document.get("foreign_keys", ())),
        annotations=document.get("annotations") or {},
        comment=document.get("comment") or "",
    )


def _column(document: Mapping[str, Any]) -> Column:
    return Column(
        name=str(document["name"]),
        type=str(document["type"]["typename"]),
        nullok=bool(document.get("nullok", True)),
        default=document.get("default"),
        annotations=document.get("annotations") or {},
        comment=document.get("comment") or "",
    )


def _foreign_key(document: Mapping[str, Any]) -> ForeignKey:
    referenced = document["referenced_columns"]
    first = referenced[0]
    names = document.get("names") or [["", ""]]
    return ForeignKey(
        columns=tuple(str(part["column_name"]) for part in document["foreign_key_columns"]),
        table=f"{first['schema_name']}:{first['table_name']}",
        referenced=tuple(str(part["column_name"]) for part in referenced),
        on_delete=str(document.get("on_delete") or "NO ACTION"),
        on_update=str(document.get("on_update") or "NO ACTION"),
        name=str(names[0][-1] or ""),
    )
