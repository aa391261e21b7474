"""One wide row for each row of a table: with the rows it refers to and its feature values beside it.

Columns are named ``Table.Column`` and ``Feature.Column``. Only references that lead from many to one are followed, so
there are exactly as many wide rows as rows, whatever is included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dml.catalog.model import SYSTEM_COLUMNS, ForeignKey
from dml.dataset.feature_values import Rows, feature_values, newest
from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.schema import Schema

__all__ = ["denormalize"]

_CREATED = frozenset(SYSTEM_COLUMNS) - {"RID"}


def denormalize(
    bag: Rows, table: str, *, include: Sequence[str] = (), features: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Join a table with tables it refers to, directly or through others, and with its features.

    Args:
        bag: Where to read: a :class:`DatasetBag`, or a :class:`LiveDataset`.
        table: The table whose rows are widened, ``schema:Table`` or its name.
        include: Tables to join; each must be reached by one shortest chain of references.
        features: Names of features of the table; of several values the newest counts.

    Returns:
        The wide rows, by RID of the table. What a row does not refer to, or has no value of, is None.

    Raises:
        NotFoundError: There is no such table or feature.
        UsageError: A table cannot be reached, or by two chains of the same length.
    """
    schema = bag.schema
    base = schema.table(table)
    wide = [{f"{base.name}.{name}": value for name, value in _own(row).items()} for row in bag.rows(table)]
    rows = bag.rows(table)
    for name in include:
        other = schema.table(name)
        joined = _follow(bag, rows, _chain(schema, base.qualified_name, other.qualified_name))
        columns = [column for column in other.column_names if column not in _CREATED]
        for target, found in zip(wide, joined, strict=True):
            target.update({f"{other.name}.{column}": found[column] if found else None for column in columns})
    for name in features:
        values = {value.target: value.values for value in feature_values(bag, table, name, selector=newest)}
        columns = sorted({column for one in values.values() for column in one})
        for target, row in zip(wide, rows, strict=True):
            own = values.get(row["RID"], {})
            target.update({f"{name}.{column}": own.get(column) for column in columns})
    return wide


def _own(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _CREATED}


def _follow(bag: Rows, rows: list[dict[str, Any]], chain: Sequence[ForeignKey]) -> list[dict[str, Any] | None]:
    here: list[dict[str, Any] | None] = list(rows)
    for key in chain:
        by_value = {row[key.referenced[0]]: row for row in bag.rows(key.table)}
        here = [by_value.get(row[key.columns[0]]) if row else None for row in here]
    return here


def _chain(schema: Schema, start: str, end: str) -> Sequence[ForeignKey]:
    """The one shortest chain of references between two tables."""
    level: list[tuple[str, tuple[ForeignKey, ...]]] = [(start, ())]
    seen = {start}
    while level:
        steps = [
            (key.table, (*chain, key))
            for name, chain in level
            for key in schema.tables[name].foreign_keys
            if len(key.columns) == 1 and key.columns[0] not in _CREATED and key.table in schema.tables
        ]
        found = [chain for name, chain in steps if name == end]
        if len(found) > 1:
            ways = " or ".join(" → ".join(key.columns[0] for key in chain) for chain in found)
            raise UsageError(f"{start} refers to {end} in several ways: {ways}")
        if found:
            return found[0]
        level = [(name, chain) for name, chain in steps if name not in seen]
        seen |= {name for name, _ in level}
    raise UsageError(f"{start} does not refer to {end}, directly or through other tables")
