"""Feature values, where they come from, and which one is chosen when a row has several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from dml.errors import UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.schema import Schema

__all__ = ["SELECTORS", "DatasetRows", "FeatureValue", "Selector", "choose_values", "feature_values", "newest"]


class DatasetRows(Protocol):
    """The rows of a dataset version, from a bag or from the catalog."""

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


Selector = Callable[[Sequence[FeatureValue]], FeatureValue]
"""Chooses one of the values of a row."""


def newest(values: Sequence[FeatureValue]) -> FeatureValue:
    """The value that was created last; a selector."""
    return sorted(values, key=lambda value: value.created)[-1]


def _first(values: Sequence[FeatureValue]) -> FeatureValue:
    return min(values, key=lambda value: value.created)


SELECTORS: Final[Mapping[str, Selector | None]] = {"newest": newest, "first": _first, "all": None}
"""Selectors by the names that commands use; ``all`` chooses nothing."""


def choose_values(values: Iterable[FeatureValue], selector: Selector | str | None) -> list[FeatureValue]:
    """Values by the RID of their row, one of each row when a selector is given.

    Args:
        values: The values.
        selector: A function, a name in ``SELECTORS``, or None for all.

    Raises:
        UsageError: There is no selector of this name.
    """
    if isinstance(selector, str):
        if selector not in SELECTORS:
            raise UsageError(f"unknown selector {safe(selector)}", hint=f"Use {', '.join(SELECTORS)}.")
        selector = SELECTORS[selector]
    by_target: dict[str, list[FeatureValue]] = defaultdict(list)
    for value in values:
        by_target[value.target].append(value)
    groups = [by_target[target] for target in sorted(by_target)]
    if selector is None:
        return [value for group in groups for value in group]
    return [selector(group) for group in groups]


def feature_values(
    source: DatasetRows, table: str, feature: str, *, selector: Selector | str | None = None
) -> list[FeatureValue]:
    """The values of a feature, by the RID of the row they describe.

    Args:
        source: Where to read.
        table: The described table, ``schema:Table`` or its name.
        feature: Name of the feature.
        selector: Chooses one where a row has several, as in :func:`choose_values`.

    Raises:
        NotFoundError: The table has no such feature.
    """
    definition = source.schema.feature(table, feature)
    columns = [column.name for column in definition.value_columns]
    values = (
        FeatureValue(
            row[definition.target_column], row["Execution"], {name: row[name] for name in columns}, str(row["RCT"])
        )
        for row in source.rows(definition.table.qualified_name)
    )
    return choose_values(values, selector)
