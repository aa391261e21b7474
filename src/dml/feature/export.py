"""Definitions of features as documents for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.catalog.schema import Feature

__all__ = ["describe_feature"]


def describe_feature(feature: Feature) -> dict[str, Any]:
    """A feature's definition as JSON values."""
    terms, assets = feature.term_columns, feature.asset_columns
    return {
        "name": feature.name or feature.table.name,
        "target": feature.target.qualified_name,
        "table": feature.table.qualified_name,
        "comment": feature.table.comment,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "optional": column.nullok,
                "terms_of": terms.get(column.name),
                "asset_of": assets.get(column.name),
            }
            for column in feature.value_columns
        ],
    }
