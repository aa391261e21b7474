"""Values of a feature as objects of a class made for the feature, with the feature's columns as fields."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.catalog.schema import Feature

__all__ = ["FIXED", "FeatureRecord", "feature_record_class"]

FIXED = ("Execution", "Feature_Name")
"""Columns that every feature has; the execution that stages a value fills them in."""


class FeatureRecord:
    """One value of a feature; made by ``feature_record_class``."""

    feature: Feature
    """The feature."""


def feature_record_class(feature: Feature) -> type[Any]:
    """A class for values of one feature: one keyword for the described row, one a value column.

    Its instances are what ``add_features`` takes. A column that may be null, or has a default, may be left out.
    """
    required = [(feature.target_column, Any)]
    optional: list[tuple[str, Any, Any]] = []
    for column in feature.value_columns:
        if column.nullok or column.default is not None:
            optional.append((column.name, Any, field(default=None)))
        else:
            required.append((column.name, Any))
    optional += [(name, Any, field(default=None)) for name in FIXED]
    return make_dataclass(
        f"{feature.target.name}{feature.name}Feature",
        [*required, *optional],
        bases=(FeatureRecord,),
        namespace={"feature": feature},
        kw_only=True,
        frozen=True,
    )
