"""Values of an asset table's metadata columns, as objects of a class made for the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.catalog.model import Table

__all__ = ["AssetRecord", "asset_record_class", "metadata_of"]


class AssetRecord:
    """Values of an asset table's metadata columns; made by ``asset_record_class``."""

    table: Table
    """The asset table."""


def asset_record_class(table: Table) -> type[Any]:
    """A dataclass with a keyword for each metadata column of an asset table; nullable columns are optional."""
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
    """The values of a mapping or a record by column; fields of a record that are None are left out."""
    if isinstance(values, AssetRecord):
        return {name: value for name, value in vars(values).items() if value is not None}
    return dict(values or {})
