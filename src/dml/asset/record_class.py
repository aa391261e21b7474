"""Values of an asset table's own columns as objects of a class made for the table, with its columns as fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.catalog.model import Table

__all__ = ["AssetRecord", "asset_record_class", "metadata_of"]


class AssetRecord:
    """Values of an asset table's own columns; made by ``asset_record_class``."""

    table: Table
    """The asset table."""


def asset_record_class(table: Table) -> type[Any]:
    """A class with one keyword for each of an asset table's own columns; those that may be null may be left out."""
    required: list[tuple[str, Any]] = []
    optional: list[tuple[str, Any, Any]] = []
    for column in table.metadata_columns:
        if column.nullok or column.default is not None:
            optional.append((column.name, Any, field(default=None)))
        else:
            required.append((column.name, Any))
    return make_dataclass(
        f"{table.name}Record", [*required, *optional], bases=(AssetRecord,), namespace={"table": table}, kw_only=True
    )


def metadata_of(values: Mapping[str, Any] | AssetRecord | None) -> dict[str, Any]:
    """Column to value, of a mapping or a record; what a record says nothing about is left out."""
    if isinstance(values, AssetRecord):
        return {name: value for name, value in vars(values).items() if value is not None}
    return dict(values or {})
