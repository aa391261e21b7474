"""Wide rows: each row of a table together with the rows it refers to and its feature values.

Columns are named ``Table.Column`` and ``Feature.Column``. Only references from many rows to one are followed, so there
are exactly as many wide rows as rows, whatever is included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dml.catalog.model import SYSTEM_COLUMNS, ForeignKey
from dml.dataset.feature_values import DatasetRows, feature_values, newest
from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.schema import Schema

__all__ = ["denormalize"]

_OMITTED = frozenset(SYSTEM_COLUMNS) - {"RID"}


def denormalize(
    source: DatasetRows, table: str, *, include: Sequence[str] = (), features: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Join a table with tables that it refers to, directly or through others, and with its features.

    Args:
        source: Where to read: a :class:`DatasetBag` or a :class:`LiveDataset`.
        table: The table, ``schema:Table`` or its name.
        include: Tables to join; exactly one shortest chain of references must lead to each.
        features: Names of features of the table; the newest of several values is taken.

    Returns:
        The wide rows by RID. A column is None where the row refers to nothing, or has no value.

    Raises:
        NotFoundError: There is no such table or feature.
        UsageError: No chain of references leads to a table, or several of the same length.
    """
    schema = source.schema
    base = schema.table(table)
    rows = source.rows(table)
    wide = [{f"{base.name}.{name}": value for name, value in row.items() if name not in _OMITTED} for row in rows]
    for name in include:
        other = schema.table(name)
        joined = _follow(source, rows, _shortest_chain(schema, base.qualified_name, other.qualified_name))
        columns = [column for column in other.column_names if column not in _OMITTED]
        for target, match in zip(wide, joined, strict=True):
            target.update({f"{other.name}.{column}": match[column] if match else None for column in columns})
    for name in features:
        values = {value.target: value.values for value in feature_values(source, table, name, selector=newest)}
        columns = sorted({column for value in values.values() for column in value})
        for target, row in zip(wide, rows, strict=True):
            value = values.get(row["RID"], {})
            target.update({f"{name}.{column}": value.get(column) for column in columns})
    return wide


def _follow(
    source: DatasetRows, rows: list[dict[str, Any]], chain: Sequence[ForeignKey]
) -> list[dict[str, Any] | None]:
    current: list[dict[str, Any] | None] = list(rows)
    for key in chain:
        by_value = {row[key.referenced[0]]: row for row in source.rows(key.table)}
        current = [by_value.get(row[key.columns[0]]) if row else None for row in current]
    return current


def _shortest_chain(schema: Schema, start: str, end: str) -> Sequence[ForeignKey]:
    """The only shortest chain of foreign keys from one table to another, found level by level.

    Raises:
        UsageError: There is none, or there are several.
    """
    level: list[tuple[str, tuple[ForeignKey, ...]]] = [(start, ())]
    seen = {start}
    while level:
        steps = [
            (key.table, (*chain, key))
            for name, chain in level
            for key in schema.tables[name].foreign_keys
            if len(key.columns) == 1 and key.columns[0] not in _OMITTED and key.table in schema.tables
        ]
        chains = [chain for name, chain in steps if name == end]
        if len(chains) > 1:
            ways = " or ".join(" → ".join(key.columns[0] for key in chain) for chain in chains)
            raise UsageError(f"{start} refers to {end} in several ways: {ways}")
        if chains:
            return chains[0]
        level = [(name, chain) for name, chain in steps if name not in seen]
        seen |= {name for name, _ in level}
    raise UsageError(f"{start} does not refer to {end}, neither directly nor through other tables")
