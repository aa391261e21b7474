"""The values of a feature as the catalog has them now, as rows of a table or as objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.catalog.paging import page
from dml.catalog.rows import read
from dml.catalog.url import condition, table_path
from dml.dataset.feature_values import FeatureValue, Selector, choose_values

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Feature

__all__ = ["ValueTable", "columns_of", "count_values_by_execution", "read_value_table", "read_values"]


@dataclass(frozen=True)
class ValueTable:
    """Values of a feature as rows.

    Attributes:
        columns: The column of the described row, the value columns, Execution and RCT.
        rows: By the described row, then by age.
        more: Whether there are more rows than were requested.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    more: bool


def columns_of(feature: Feature) -> tuple[str, ...]:
    """The columns of a feature's values as they are shown and written."""
    return (feature.target_column, *(column.name for column in feature.value_columns), "Execution", "RCT")


def read_value_table(
    catalog: Catalog,
    feature: Feature,
    *,
    selector: str = "all",
    executions: Sequence[str] = (),
    limit: int | None = None,
) -> ValueTable:
    """The values of a feature as rows; one request.

    Args:
        catalog: Where to read.
        feature: The feature.
        selector: ``newest`` or ``first`` of each described row, or ``all``.
        executions: Only values that these executions gave; the server selects them.
        limit: Maximum number of rows; None for all. With a selector all values are read, since any may be chosen.

    Raises:
        UsageError: There is no selector of this name.
    """
    choose_values([], selector)  # refuses an unknown selector before the request
    values, more = _read(catalog, feature, executions, limit if selector == "all" else None)
    chosen = choose_values(values, selector)
    rows = (
        {feature.target_column: value.target, **value.values, "Execution": value.execution, "RCT": value.created}
        for value in chosen[:limit]
    )
    return ValueTable(columns_of(feature), tuple(rows), more or (limit is not None and len(chosen) > limit))


def read_values(catalog: Catalog, feature: Feature, selector: Selector | str | None = None) -> list[FeatureValue]:
    """The values of a feature, by the RID of the row they describe, then by their age; one request.

    Args:
        catalog: Where to read.
        feature: The feature.
        selector: Chooses one where a row has several: ``newest``, ``first`` or a function; None returns all.

    Raises:
        UsageError: There is no selector of this name.
    """
    choose_values([], selector)
    return choose_values(_read(catalog, feature, (), None)[0], selector)


def _read(
    catalog: Catalog, feature: Feature, executions: Sequence[str], limit: int | None
) -> tuple[list[FeatureValue], bool]:
    path = f"/entity/{table_path(feature.table.qualified_name)}"
    if executions:
        path += f"/{condition('Execution', list(executions))}"
    target, names = feature.target_column, [column.name for column in feature.value_columns]
    rows, more = page(catalog, path, sort=(target, "RCT", "RID"), limit=limit)
    values = [
        FeatureValue(str(row[target]), str(row["Execution"]), {name: row.get(name) for name in names}, str(row["RCT"]))
        for row in rows
    ]
    return values, more


def count_values_by_execution(catalog: Catalog, table: str) -> list[dict[str, Any]]:
    """How many values each execution gave, the latest first: ``execution``, ``values`` and ``last``, the time of the
    last one as the catalog writes it. One request."""
    path = f"/attributegroup/{table_path(table)}/Execution;values:=cnt(RID),last:=max(RCT)@sort(last::desc::)"
    return [
        {"execution": row["Execution"], "values": row["values"], "last": row["last"]} for row in read(catalog, path)
    ]
