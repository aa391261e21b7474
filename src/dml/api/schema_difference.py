"""Differences between two schemas of a catalog: tables, columns, column types, foreign keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.catalog.schema import Schema

__all__ = ["SchemaDiff", "compare_schemas"]


@dataclass(frozen=True)
class SchemaDiff:
    """How a newer schema differs from an older one; names are ``schema:Table`` and ``schema:Table.Column``.

    Attributes:
        added_tables, removed_tables: Tables that only the newer schema has, and that only the older one has.
        added_columns, removed_columns: The same for columns, in tables that both schemas have.
        changed_columns: Columns whose type differs, as ``name: old -> new``.
        added_keys, removed_keys: Foreign keys, as ``table(columns) -> table(columns)``.
    """

    added_tables: tuple[str, ...] = ()
    removed_tables: tuple[str, ...] = ()
    added_columns: tuple[str, ...] = ()
    removed_columns: tuple[str, ...] = ()
    changed_columns: tuple[str, ...] = ()
    added_keys: tuple[str, ...] = ()
    removed_keys: tuple[str, ...] = ()

    def is_empty(self) -> bool:
        """Whether there is no difference."""
        return not any(vars(self).values())

    def __str__(self) -> str:
        lines = [f"{name.replace('_', ' ')}: {', '.join(names)}" for name, names in vars(self).items() if names]
        return "\n".join(lines) or "no difference"


def compare_schemas(old: Schema, new: Schema) -> SchemaDiff:
    """How ``new`` differs from ``old``; every tuple is sorted."""
    common = old.tables.keys() & new.tables.keys()
    before = {name: kind for table in common for name, kind in _columns(old.tables[table])}
    after = {name: kind for table in common for name, kind in _columns(new.tables[table])}
    old_keys, new_keys = _keys(old), _keys(new)
    return SchemaDiff(
        added_tables=tuple(sorted(new.tables.keys() - old.tables.keys())),
        removed_tables=tuple(sorted(old.tables.keys() - new.tables.keys())),
        added_columns=tuple(sorted(after.keys() - before.keys())),
        removed_columns=tuple(sorted(before.keys() - after.keys())),
        changed_columns=tuple(
            f"{name}: {before[name]} -> {after[name]}"
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ),
        added_keys=tuple(sorted(new_keys - old_keys)),
        removed_keys=tuple(sorted(old_keys - new_keys)),
    )


def _columns(table: Table) -> list[tuple[str, str]]:
    return [(f"{table.qualified_name}.{column.name}", column.type) for column in table.columns]


def _keys(schema: Schema) -> set[str]:
    return {
        f"{name}({', '.join(key.columns)}) -> {key.table}({', '.join(key.referenced)})"
        for name, table in schema.tables.items()
        for key in table.foreign_keys
    }
