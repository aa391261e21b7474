"""Feature values as instances of a class that is created for the feature, with its columns as fields."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.catalog.schema import Feature

__all__ = ["FIXED", "FeatureRecord", "feature_record_class"]

FIXED = ("Execution", "Feature_Name")
"""The columns that every feature has; the execution that stages a value sets them."""


class FeatureRecord:
    """One value of a feature; ``feature_record_class`` creates the subclasses."""

    feature: Feature
    """The feature."""


def feature_record_class(feature: Feature) -> type[Any]:
    """The class for values of one feature, with a keyword for the described row and one for each value column.

    ``add_features`` takes its instances. Columns that may be null or have a default are optional.
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
