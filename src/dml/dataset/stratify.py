"""The class of each element, by which a split or a subset is stratified or grouped.

What is named may be a column of the element table (``Subject``) or a feature of it (``Digit``). A feature's class is
its first term column, else its first value column; of several values for one element the newest counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dml.catalog.model import SYSTEM_COLUMNS
from dml.catalog.rows import select
from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Feature

__all__ = ["find_feature", "labels_of"]

_MOST_BY_RID = 500
"""Up to this many elements their values are asked for by RID; beyond, the whole table costs fewer requests."""


def labels_of(catalog: Catalog, table: str, elements: Sequence[str], name: str | None) -> dict[str, str]:
    """The class of each element that has one.

    Args:
        catalog: Where to read: a snapshot for a released version.
        table: The element table, ``schema:Table``.
        elements: RIDs of its rows.
        name: A column of the table or the name of one of its features; None gives no classes.

    Raises:
        UsageError: The table has neither such a column nor such a feature; the hint names those there are.
    """
    if name is None:
        return {}
    if catalog.schema().table(table).column(name) is not None:
        rows = select(catalog, table, where=_among("RID", elements), columns=["RID", name])
        found = {str(row["RID"]): row[name] for row in rows}
    else:
        feature = find_feature(catalog, table, name)
        column = next(iter(feature.term_columns), feature.value_columns[0].name)
        rows = select(
            catalog,
            feature.table.qualified_name,
            where=_among(feature.target_column, elements),
            columns=[feature.target_column, column],
            sort=("RCT", "RID"),
        )
        found = {str(row[feature.target_column]): row[column] for row in rows}
    wanted = set(elements)
    return {rid: str(value) for rid, value in found.items() if rid in wanted and value is not None}


def find_feature(catalog: Catalog, table: str, name: str) -> Feature:
    """The feature of an element table by its name.

    Raises:
        UsageError: There is none of that name, or it has no value.
    """
    schema = catalog.schema()
    features = [one for one in schema.feature_tables() if one.target.qualified_name == table and one.value_columns]
    for feature in features:
        if feature.name == name:
            return feature
    columns = [column.name for column in schema.table(table).columns if column.name not in SYSTEM_COLUMNS]
    raise UsageError(
        f"{table} has neither a column nor a feature {name}",
        hint=f"Columns: {', '.join(columns)}. Features: {', '.join(sorted(one.name for one in features)) or 'none'}.",
    )


def _among(column: str, elements: Sequence[str]) -> dict[str, object]:
    return {column: list(elements)} if len(elements) <= _MOST_BY_RID else {}
