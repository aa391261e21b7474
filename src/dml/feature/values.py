"""The values of a feature as the catalog has them, as rows of a table or as objects, and which counts of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.catalog.paging import page
from dml.catalog.rows import read
from dml.catalog.url import condition, table_path
from dml.dataset.bag import FeatureValue
from dml.errors import UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Feature

__all__ = [
    "SELECTORS",
    "Selector",
    "ValueTable",
    "columns_of",
    "count_values_by_execution",
    "read_value_table",
    "read_values",
]

Selector = Callable[[Sequence[FeatureValue]], FeatureValue]

SELECTORS = ("newest", "first", "all")
"""Which value counts where a row has several."""


@dataclass(frozen=True)
class ValueTable:
    """Values of a feature as rows.

    Attributes:
        columns: The described row's column, those of the value, Execution and RCT.
        rows: By the described row and age.
        more: Whether there are more than were asked for.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    more: bool


def columns_of(feature: Feature) -> tuple[str, ...]:
    """The columns of a feature's values as they are shown and written."""
    return (feature.target_column, *(one.name for one in feature.value_columns), "Execution", "RCT")


def read_value_table(
    catalog: Catalog,
    feature: Feature,
    *,
    selector: str = "all",
    executions: Sequence[str] = (),
    limit: int | None = None,
) -> ValueTable:
    """The values of a feature as the catalog has them now; one request.

    Args:
        catalog: Where.
        feature: The feature.
        selector: ``newest`` or ``first`` of each described row, or ``all``.
        executions: Only values that these gave; the server chooses.
        limit: The most rows; None for all. With a selector all values are read, since any may be the one.

    Raises:
        UsageError: The selector is unknown.
    """
    if selector not in SELECTORS:
        raise UsageError(f"{safe(selector)} is no selector", hint=f"Use {', '.join(SELECTORS)}.")
    path = f"/entity/{table_path(feature.table.qualified_name)}"
    if executions:
        path += f"/{condition('Execution', list(executions))}"
    target = feature.target_column
    asked = limit if selector == "all" else None
    found, more = page(catalog, path, sort=(target, "RCT", "RID"), limit=asked)
    if selector != "all":
        chosen: dict[str, dict[str, Any]] = {}
        for row in found:  # the oldest first in each described row
            if selector == "newest" or row[target] not in chosen:
                chosen[row[target]] = row
        found = list(chosen.values())
        more = limit is not None and len(found) > limit
        found = found[:limit]
    columns = columns_of(feature)
    return ValueTable(columns, tuple({name: row.get(name) for name in columns} for row in found), more)


def read_values(catalog: Catalog, feature: Feature, selector: Selector | str | None = None) -> list[FeatureValue]:
    """The values of a feature, by the RID of the row they describe and then by their age; one request.

    Args:
        catalog: Where.
        feature: The feature.
        selector: Chooses one where a row has several: a name in ``SELECTORS`` or a function; None returns all.

    Raises:
        UsageError: The selector's name is unknown.
    """
    table = read_value_table(catalog, feature, selector=selector if isinstance(selector, str) else "all")
    names = [column.name for column in feature.value_columns]
    by_target: dict[str, list[FeatureValue]] = {}
    for row in table.rows:
        target = str(row[feature.target_column])
        value = FeatureValue(target, str(row["Execution"]), {name: row[name] for name in names}, str(row["RCT"]))
        by_target.setdefault(target, []).append(value)
    if callable(selector):
        return [selector(values) for values in by_target.values()]
    return [value for values in by_target.values() for value in values]


def count_values_by_execution(catalog: Catalog, table: str) -> list[dict[str, Any]]:
    """How many values each execution gave, the latest first: ``execution``, ``values`` and ``last``, the time of the
    last one as the catalog writes it. One request."""
    path = f"/attributegroup/{table_path(table)}/Execution;values:=cnt(RID),last:=max(RCT)@sort(last::desc::)"
    return [
        {"execution": row["Execution"], "values": row["values"], "last": row["last"]} for row in read(catalog, path)
    ]
