"""The tables that associate an asset table with executions and with types, and the names of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.schema import ASSET_TYPE, EXECUTION

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.catalog.schema import Schema

__all__ = ["Association", "execution_association", "execution_associations", "type_association"]


@dataclass(frozen=True)
class Association:
    """A table that associates assets with executions, or assets with types.

    Attributes:
        asset: The asset table.
        table: Qualified name of the association.
        asset_column: Its column that refers to the asset.
        other_column: Its column that refers to the execution or the type.
    """

    asset: Table
    table: str
    asset_column: str
    other_column: str


def execution_association(schema: Schema, asset: Table) -> Association | None:
    """The association of an asset table with executions; None when the table has none."""
    return _association(asset, schema.asset_execution_table(asset), EXECUTION)


def type_association(schema: Schema, asset: Table) -> Association | None:
    """The association of an asset table with its types; None when the table has none."""
    return _association(asset, schema.asset_type_table(asset), ASSET_TYPE)


def execution_associations(schema: Schema) -> list[Association]:
    """The associations of all asset tables with executions."""
    associations = (execution_association(schema, asset) for asset in schema.asset_tables())
    return [association for association in associations if association is not None]


def _association(asset: Table, table: Table | None, other: str) -> Association | None:
    asset_key = table.reference_to(asset.qualified_name) if table is not None else None
    other_key = table.reference_to(other) if table is not None else None
    if table is None or asset_key is None or other_key is None:
        return None
    return Association(asset, table.qualified_name, asset_key.columns[0], other_key.columns[0])
