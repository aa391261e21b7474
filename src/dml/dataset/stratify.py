"""The class of each element, by which a split or a subset is stratified or grouped.

A class comes from a column of the element table (``Subject``) or from a feature of it (``Digit``): from the feature's
first term column, else its first value column; the newest of several values of an element counts.
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

__all__ = ["labels_of"]

_MAX_RIDS = 500
"""Elements whose values are requested by RID; for more, reading the whole table takes fewer requests."""


def labels_of(catalog: Catalog, table: str, elements: Sequence[str], name: str | None) -> dict[str, str]:
    """The class of each element that has one.

    Args:
        catalog: Where to read: a snapshot for a released version.
        table: The element table, ``schema:Table``.
        elements: RIDs of its rows.
        name: A column of the table, or a feature of it; None gives no classes.

    Raises:
        UsageError: The table has neither; the hint lists what it has.
    """
    if name is None:
        return {}
    if catalog.schema().table(table).column(name) is not None:
        key, column = "RID", name
        rows = select(catalog, table, where=_where("RID", elements), columns=["RID", name])
    else:
        feature = _find_feature(catalog, table, name)
        key, column = feature.target_column, next(iter(feature.term_columns), feature.value_columns[0].name)
        rows = select(
            catalog,
            feature.table.qualified_name,
            where=_where(key, elements),
            columns=[key, column],
            sort=("RCT", "RID"),  # the newest value comes last and replaces the others
        )
    labels = {str(row[key]): row[column] for row in rows}
    wanted = set(elements)
    return {rid: str(value) for rid, value in labels.items() if rid in wanted and value is not None}


def _find_feature(catalog: Catalog, table: str, name: str) -> Feature:
    schema = catalog.schema()
    features = {feature.name: feature for feature in schema.features_of(table) if feature.value_columns}
    if name in features:
        return features[name]
    columns = [column.name for column in schema.table(table).columns if column.name not in SYSTEM_COLUMNS]
    raise UsageError(
        f"{table} has neither a column nor a feature {name}",
        hint=f"Columns: {', '.join(columns)}. Features: {', '.join(sorted(features)) or 'none'}.",
    )


def _where(column: str, elements: Sequence[str]) -> dict[str, object]:
    return {column: list(elements)} if len(elements) <= _MAX_RIDS else {}
