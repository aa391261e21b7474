"""The parts of a catalog's model as frozen values: columns, keys, foreign keys, tables.

They are read from the documents that ERMrest serves at ``/schema``; what the tables mean to DERIVA-ML
is said in ``schema``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ASSET_TAG = "tag:isrd.isi.edu,2017:asset"
"""Annotation of the URL column of an asset table."""

SYSTEM_COLUMNS = ("RID", "RCT", "RMT", "RCB", "RMB")
"""Columns that every table has and the server fills."""

ASSET_COLUMNS = ("URL", "Filename", "Description", "Length", "MD5")
"""Columns that every asset table has besides the system columns."""

VOCABULARY_COLUMNS = ("ID", "URI", "Name", "Description", "Synonyms")
"""Columns of a vocabulary besides the system columns."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its name.
        type: ERMrest type name, as in ``text``, ``int8``, ``text[]``, ``markdown``.
        nullok: Whether it may be null.
        default: Its default, None when there is none.
        annotations: By tag.
        comment: What it is for; empty when nobody said.
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
        on_delete: As ERMrest says it: NO ACTION, RESTRICT, CASCADE, SET NULL, SET DEFAULT.
        on_update: Likewise.
        name: Its constraint's name; empty when unknown.
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
        schema, name: Where it is.
        columns: In the catalog's order, system columns included.
        keys: Each a tuple of column names; ``(RID,)`` included.
        foreign_keys: Those that go out from it.
        annotations: By tag.
        comment: What it is for.
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
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """A column by its name; None when there is none of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def foreign_key_of(self, column: str) -> ForeignKey | None:
        """The foreign key of this one column; None when it has none."""
        return next((key for key in self.foreign_keys if key.columns == (column,)), None)

    def reference_to(self, table: str) -> ForeignKey | None:
        """The first single-column foreign key to a table (``schema:Table``); None when there is none."""
        return next((key for key in self.foreign_keys if key.table == table and len(key.columns) == 1), None)

    @property
    def is_vocabulary(self) -> bool:
        """Whether it has a vocabulary's columns."""
        return {"ID", "URI", "Name", "Description"} <= set(self.column_names)

    @property
    def is_asset(self) -> bool:
        """Whether it has an asset table's columns, its URL annotated as such."""
        url = self.column("URL")
        return url is not None and ASSET_TAG in url.annotations and set(ASSET_COLUMNS) <= set(self.column_names)

    @property
    def metadata_columns(self) -> tuple[Column, ...]:
        """An asset table's columns beyond the common ones."""
        common = {*SYSTEM_COLUMNS, *ASSET_COLUMNS}
        return tuple(column for column in self.columns if column.name not in common)

    @property
    def association(self) -> tuple[ForeignKey, ...]:
        """The foreign keys that make up a key of two or more columns, in the order of columns; empty when none do.

        That is what an association table is: each of its rows says that some rows belong together.
        """
        owner = {key.columns[0]: key for key in self.foreign_keys if len(key.columns) == 1}
        for key in sorted(self.keys, key=len):
            if len(key) >= 2 and all(name in owner for name in key):
                return tuple(owner[name] for name in self.column_names if name in key)
        return ()


def table_from_document(document: Mapping[str, Any]) -> Table:
    """A table from its ERMrest document."""
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
