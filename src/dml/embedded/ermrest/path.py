"""The parsed form of a data path, before its names are resolved: immutable records built by the parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Aggregate", "AllColumns", "Bin", "ColumnRef", "Compare", "Context", "Element", "Filter", "IsNull", "Item", "Join",
    "Junction", "Modifiers", "Name", "Negation", "Page", "Predicate", "Projection", "Reference", "SortKey", "TableStep",
]  # fmt: skip

Name = tuple[str, ...]
"""A name with its qualifiers: ``(table,)``, ``(schema, table)``, ``(alias, column)``."""

Quantifier = Literal["any", "all"]


@dataclass(frozen=True, slots=True)
class Compare:
    """``column::op::value``, or with ``any(…)``/``all(…)``; ``column`` is None for ``*``."""

    column: Name | None
    operator: str
    values: tuple[str, ...]
    quantifier: Quantifier | None = None


@dataclass(frozen=True, slots=True)
class IsNull:
    """``column::null::``."""

    column: Name | None


@dataclass(frozen=True, slots=True)
class Negation:
    """``!predicate``."""

    operand: Predicate


@dataclass(frozen=True, slots=True)
class Junction:
    """Several predicates joined by AND or OR."""

    word: Literal["AND", "OR"]
    operands: tuple[Predicate, ...]


Predicate = Compare | IsNull | Negation | Junction


@dataclass(frozen=True, slots=True)
class TableStep:
    """``alias:=schema:table``: the first table, or a join along the one foreign key between two tables."""

    name: Name
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """``(columns)``: a join along the one foreign key these columns belong to."""

    columns: tuple[Name, ...]
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """``left(columns)=(schema:table:columns)``."""

    left: tuple[Name, ...]
    right: tuple[Name, ...]
    outer: Literal["left", "right", "full"] | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """``$alias``: continue from an earlier table."""

    alias: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Keep the rows for which a predicate holds."""

    predicate: Predicate


Element = TableStep | Reference | Join | Context | Filter


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column shown as it is."""

    name: Name


@dataclass(frozen=True, slots=True)
class AllColumns:
    """``*`` or ``alias:*``."""

    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``function(column)``; ``column`` None for ``function(*)`` over whole rows of ``alias``."""

    function: str
    column: Name | None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Bin:
    """``bin(column;count;low;high)``: which of ``count`` equal steps from low to high a value falls in."""

    column: Name
    count: str
    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One output, perhaps renamed."""

    source: ColumnRef | AllColumns | Aggregate | Bin
    alias: str | None = None


Projection = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class SortKey:
    """An output to sort by."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """``@after(…)`` or ``@before(…)``: a boundary, one value (None: NULL) for each sort key."""

    before: bool
    boundary: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The modifiers after the path: sort keys and page boundaries."""

    sort: tuple[SortKey, ...] = ()
    pages: tuple[Page, ...] = ()
