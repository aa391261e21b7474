"""The values of a feature in a version of a dataset, and which one counts where a row has several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dml.errors import NotFoundError

if TYPE_CHECKING:
    from dml.catalog.schema import Feature, Schema

__all__ = ["FeatureValue", "Rows", "feature_values", "newest"]


class Rows(Protocol):
    """A version of a dataset whose rows can be read: a bag, or the catalog."""

    @property
    def schema(self) -> Schema:
        """The catalog's schema at that version."""

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table that belong to the version, by RID."""


@dataclass(frozen=True)
class FeatureValue:
    """One value that an execution gave a row.

    Attributes:
        target: RID of the row.
        execution: RID of the execution.
        values: Value column to value.
        created: When, as the catalog writes times.
    """

    target: str
    execution: str
    values: Mapping[str, Any]
    created: str


def newest(values: Sequence[FeatureValue]) -> FeatureValue:
    """The value given last: a selector for :func:`feature_values`."""
    return max(values, key=lambda value: value.created)


def feature_values(
    source: Rows,
    table: str,
    feature: str,
    *,
    selector: Callable[[Sequence[FeatureValue]], FeatureValue] | None = None,
) -> list[FeatureValue]:
    """The values of a feature, by the RID of the row they describe.

    Args:
        source: Where to read.
        table: The table that is described, ``schema:Table`` or its name.
        feature: The feature's name.
        selector: Chooses one where a row has several (:func:`newest`); None returns all.

    Raises:
        NotFoundError: The table has no such feature.
    """
    found = _feature(source.schema, table, feature)
    by_target: dict[str, list[FeatureValue]] = defaultdict(list)
    columns = [column.name for column in found.value_columns]
    for row in source.rows(found.table.qualified_name):
        values = {name: row[name] for name in columns}
        target = row[found.target_column]
        by_target[target].append(FeatureValue(target, row["Execution"], values, str(row["RCT"])))
    chosen: Iterable[list[FeatureValue]] = (by_target[target] for target in sorted(by_target))
    if selector is not None:
        return [selector(values) for values in chosen]
    return [value for values in chosen for value in values]


def _feature(schema: Schema, table: str, name: str) -> Feature:
    target = schema.table(table).qualified_name
    features = [one for one in schema.feature_tables() if one.target.qualified_name == target]
    for feature in features:
        if feature.name == name:
            return feature
    known = ", ".join(sorted(one.name for one in features)) or "none"
    raise NotFoundError(f"{target} has no feature {name}", hint=f"Its features: {known}.")
