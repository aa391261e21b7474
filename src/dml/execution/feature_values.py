"""The values of a feature as the catalog has them, and which one counts where a row has several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dml.catalog.rows import select
from dml.dataset.bag import FeatureValue, newest
from dml.errors import UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Feature

__all__ = ["SELECTORS", "Selector", "first", "read_values"]

Selector = Callable[[Sequence[FeatureValue]], FeatureValue]


def first(values: Sequence[FeatureValue]) -> FeatureValue:
    """The value given first."""
    return min(values, key=lambda value: (value.created, value.execution))


SELECTORS: Mapping[str, Selector] = {"newest": newest, "first": first}
"""The selectors that have a name."""


def read_values(catalog: Catalog, feature: Feature, selector: Selector | str | None = None) -> list[FeatureValue]:
    """The values of a feature, by the RID of the row they describe and then by their age; one request.

    Args:
        catalog: Where.
        feature: The feature.
        selector: Chooses one where a row has several: a name in ``SELECTORS`` or a function; None returns all.

    Raises:
        UsageError: The selector's name is unknown.
    """
    if isinstance(selector, str) and selector not in SELECTORS:
        raise UsageError(f"{safe(selector)} is no selector", hint=f"Use {' or '.join(SELECTORS)}, or a function.")
    choose = SELECTORS[selector] if isinstance(selector, str) else selector
    by_target: dict[str, list[FeatureValue]] = {}
    for row in select(catalog, feature.table.qualified_name, sort=(feature.target_column, "RCT", "RID")):
        values = {column.name: row[column.name] for column in feature.value_columns}
        target = str(row[feature.target_column])
        value = FeatureValue(target, str(row["Execution"]), values, str(row["RCT"]))
        by_target.setdefault(target, []).append(value)
    if choose is not None:
        return [choose(values) for values in by_target.values()]
    return [value for of_target in by_target.values() for value in of_target]
