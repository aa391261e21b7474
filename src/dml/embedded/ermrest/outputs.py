"""The outputs of a data path: columns, aggregates and bins, each as SQL and as the way its values are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import BadRequest

from dml.embedded.ermrest import path as ast
from dml.embedded.ermrest.model import Column
from dml.embedded.ermrest.predicates import Bind, read_value
from dml.embedded.ermrest.resolve import Plan
from dml.embedded.ermrest.values import Type, find_type

__all__ = ["Output", "Shown", "show_column", "show_item"]

_INTEGER, _FLOAT, _NUMERIC = find_type("int8"), find_type("float8"), find_type("numeric")


@dataclass(frozen=True, slots=True)
class Output:
    """One column of an answer.

    Attributes:
        name: Its name in the answer.
        type: What its stored values are; None when ``show`` says all.
        show: How a stored value that is not NULL becomes a JSON value; None leaves it as it is.
    """

    name: str
    type: Type | None
    show: Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """An output with its SQL, and the column it shows if it is nothing but one."""

    output: Output
    sql: str
    column: Column | None = None
    nullable: bool = True
    aggregated: bool = False


def show_column(plan: Plan, node: int, column: Column, name: str) -> Shown:
    """A column of table ``node`` of the plan, as it is."""
    output = Output(name, column.type, column.type.shower())
    return Shown(output, f"n{node}.{column.stored}", column, column.nullok or node in plan.nullable())


def show_item(plan: Plan, bind: Bind, item: ast.Item, api: str) -> list[Shown]:
    """What one item of a projection shows: a column, all columns, an aggregate or a bin.

    Raises:
        BadRequest: The item has no place in this kind of resource, or a column is not fit for it (400).
    """
    source = item.source
    if isinstance(source, ast.Aggregate):
        return [_aggregate(plan, item, source, api)]
    if api == "aggregate":
        raise BadRequest("Every output of an aggregate must be an aggregate function such as n:=cnt(*).")
    if isinstance(source, ast.ColumnRef):
        node, column = plan.column(source.name)
        return [show_column(plan, node, column, item.alias or column.name)]
    if isinstance(source, ast.Bin):
        return [_bin(plan, bind, item, source)]
    if item.alias is not None:
        raise BadRequest("The wildcard * cannot be given an alias.")
    if source.alias is None:
        return [
            show_column(plan, plan.context, column, column.name) for column in plan.nodes[plan.context].table.columns
        ]
    node = _aliased(plan, source.alias)
    return [
        show_column(plan, node, column, f"{source.alias}:{column.name}") for column in plan.nodes[node].table.columns
    ]


def _aliased(plan: Plan, alias: str) -> int:
    if alias not in plan.aliases:
        raise BadRequest(f'Alias "{alias}" is not bound in this path.')
    return plan.aliases[alias]


def _aggregate(plan: Plan, item: ast.Item, source: ast.Aggregate, api: str) -> Shown:
    function, name = source.function, item.alias
    if api == "attribute":
        raise BadRequest("An /attribute/ cannot show aggregates; use /attributegroup/ or /aggregate/.")
    if name is None:
        raise BadRequest(f"The aggregate {function}(…) must be given an alias.")
    if source.column is None:
        node = plan.context if source.alias is None else _aliased(plan, source.alias)
        return _aggregate_rows(plan, node, function, name, whole=source.alias is None)
    node, column = plan.column(source.column)
    value, kind = f"n{node}.{column.stored}", column.type
    if function in ("cnt", "cnt_d"):
        distinct = "DISTINCT " if function == "cnt_d" else ""
        return Shown(Output(name, _INTEGER, None), f"count({distinct}{value})", aggregated=True)
    if function in ("array", "array_d"):
        distinct = "DISTINCT " if function == "array_d" else ""
        output = Output(name, None, _list_shower(kind, ordered=function == "array_d"))
        return Shown(output, f"json_group_array({distinct}{_json_item(value, kind)})", aggregated=True)
    if function in ("sum", "avg") and kind.is_number:
        result = _FLOAT if function == "avg" or kind.family == "float" else _NUMERIC
        return Shown(Output(name, result, result.shower()), f"{function}({value})", aggregated=True)
    if function in ("min", "max") and kind.family not in ("boolean", "json", "array", "uuid"):
        return Shown(Output(name, kind, kind.shower()), f"{function}({value})", aggregated=True)
    raise BadRequest(f'Aggregate {function}(…) does not accept type {kind.name} of column "{column.name}".')


def _aggregate_rows(plan: Plan, node: int, function: str, name: str, *, whole: bool) -> Shown:
    if function == "cnt":
        return Shown(Output(name, _INTEGER, None), "count(*)" if whole else f"count(n{node}.RID)", aggregated=True)
    if function == "cnt_d":
        return Shown(Output(name, _INTEGER, None), f"count(DISTINCT n{node}.RID)", aggregated=True)
    if function not in ("array", "array_d"):
        raise BadRequest(f"Aggregate {function}(*) does not exist.")
    columns = plan.nodes[node].table.columns
    lists = [columns[start : start + 60] for start in range(0, len(columns), 60)]
    items = ", ".join(
        f"json_array({', '.join(_json_item(f'n{node}.{column.stored}', column.type) for column in part)})"
        for part in lists
    )
    showers = [_item_shower(column.type) for column in columns]

    def show(text: str) -> list[dict[str, Any]]:
        found = []
        for row in json.loads(text):
            values = [value for part in row for value in part]
            shown = (shower(value) for shower, value in zip(showers, values, strict=True))
            found.append(dict(zip((column.name for column in columns), shown, strict=True)))
        return found

    distinct = "DISTINCT " if function == "array_d" else ""
    return Shown(Output(name, None, show), f"json_group_array({distinct}json_array({items}))", aggregated=True)


def _json_item(value: str, kind: Type) -> str:
    """A value inside JSON made by SQLite; reals as text, since SQLite writes 15 digits of them."""
    if kind.family in ("json", "array"):
        return f"json({value})"
    if kind.family in ("float", "numeric"):
        return f"CASE typeof({value}) WHEN 'real' THEN exact({value}) ELSE {value} END"
    return value


def _item_shower(kind: Type) -> Callable[[Any], Any]:
    shower = kind.shower()
    if kind.family in ("float", "numeric") and shower is not None:
        return lambda item: shower(float(item)) if isinstance(item, str) else item
    if shower is None or kind.family in ("json", "array"):
        return lambda item: item
    return lambda item: None if item is None else shower(item)


def _list_shower(kind: Type, *, ordered: bool) -> Callable[[str], list[Any]]:
    shower = _item_shower(kind)

    def show(text: str) -> list[Any]:
        items = [shower(item) for item in json.loads(text)]
        if ordered and kind.family not in ("json", "array"):
            items.sort(key=lambda item: (item is None, item if item is not None else 0))
        return items

    return show


def _bin(plan: Plan, bind: Bind, item: ast.Item, source: ast.Bin) -> Shown:
    """Which step a number falls in, shown as ``[step, from, to]``; 0 is below the steps, count + 1 above."""
    node, column = plan.column(source.column)
    if not column.type.is_number or source.low is None or source.high is None:
        raise BadRequest("bin(column;count;low;high) needs a column of numbers and both bounds.")
    count = read_value(_INTEGER, source.count)
    low, high = read_value(_FLOAT, source.low), read_value(_FLOAT, source.high)
    if (
        not isinstance(count, int)
        or not isinstance(low, float)
        or not isinstance(high, float)
        or count < 1
        or low >= high
    ):
        raise BadRequest("bin(column;count;low;high) needs a count of at least 1 and low < high.")
    width = (high - low) / count

    def show(step: int) -> list[Any]:
        lower = None if step < 1 else _FLOAT.show(low + (step - 1) * width)
        upper = None if step > count else _FLOAT.show(low + step * width)
        return [step, lower, upper]

    value, lowest, highest, steps = f"n{node}.{column.stored}", *map(bind, (low, high, count))
    sql = (
        f"CASE WHEN {value} < {lowest} THEN 0 WHEN {value} >= {highest} THEN {steps} + 1 "
        f"ELSE CAST(({value} - {lowest}) * {steps} / ({highest} - {lowest}) AS INTEGER) + 1 END"
    )
    return Shown(Output(item.alias or column.name, None, show), sql)
