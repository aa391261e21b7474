"""Predicates of a path as SQL conditions, with every value bound."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from werkzeug import exceptions
from werkzeug.exceptions import BadRequest, Conflict

from dml.embedded.ermrest import path as ast
from dml.embedded.ermrest import patterns
from dml.embedded.ermrest.model import Column
from dml.embedded.ermrest.resolve import Plan
from dml.embedded.ermrest.values import Stored, Type

__all__ = ["Bind", "condition", "read_value"]

Bind = Callable[[Any], str]
_SIGNS = {"=": "=", "lt": "<", "leq": "<=", "gt": ">", "geq": ">="}


def read_value(kind: Type, text: str) -> Stored:
    """Parse a literal of a URL; 400 if it is not valid for its type."""
    try:
        return kind.from_text(text)
    except ValueError as error:
        raise BadRequest(f"Bad value: {error}.") from None


def _grouped(word: str, parts: Sequence[str]) -> str:
    """Parts joined by a word as a balanced tree, since SQLite limits the depth of an expression."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_grouped(word, parts[:middle])} {word} {_grouped(word, parts[middle:])})"


def condition(plan: Plan, node: int, predicate: ast.Predicate, bind: Bind) -> str:
    """The SQL condition for a predicate whose bare columns belong to table ``node`` of the plan."""
    if isinstance(predicate, ast.Junction):
        return _grouped(predicate.word, [condition(plan, node, operand, bind) for operand in predicate.operands])
    if isinstance(predicate, ast.Negation):
        return f"(NOT {condition(plan, node, predicate.operand, bind)})"
    if predicate.column is None:
        return _anywhere(plan, node, predicate, bind)
    at, column = plan.column(predicate.column, node)
    value = f"n{at}.{column.stored}"
    if isinstance(predicate, ast.IsNull):
        return f"({value} IS NULL)"
    if column.type.is_array and column.type.base is not None:
        test = _test("item.value", column.type.base, predicate, bind)
        return f"EXISTS (SELECT 1 FROM json_each({value}) item WHERE {test})"  # noqa: S608
    return _test(value, column.type, predicate, bind)


def _anywhere(plan: Plan, node: int, predicate: ast.Compare | ast.IsNull, bind: Bind) -> str:
    """``*::regexp::…``: some column of the table that holds text."""
    if isinstance(predicate, ast.IsNull) or predicate.operator not in ("regexp", "ciregexp", "ts"):
        raise BadRequest("Only ::regexp::, ::ciregexp:: and ::ts:: can search all columns.")
    columns: list[Column] = [column for column in plan.nodes[node].table.columns if column.type.family == "text"]
    return _grouped("OR", [_test(f"n{node}.{column.stored}", column.type, predicate, bind) for column in columns])


def _test(value: str, kind: Type, predicate: ast.Compare, bind: Bind) -> str:
    operator = predicate.operator
    if operator == "ts":
        raise exceptions.NotImplemented("This catalog has no full-text search; use ::regexp:: or ::ciregexp::.")
    if operator in ("regexp", "ciregexp"):
        return _pattern_test(value, predicate, bind)
    literals = [read_value(kind, text) for text in predicate.values]
    if predicate.quantifier is None:
        return f"({value} {_SIGNS[operator]} {bind(literals[0])})"
    if operator == "=" and predicate.quantifier == "any":
        if kind.family in ("float", "numeric"):
            return f"({value} IN ({', '.join(bind(literal) for literal in dict.fromkeys(literals))}))"
        return f"({value} IN (SELECT value FROM json_each({bind(json.dumps(literals, ensure_ascii=False))})))"  # noqa: S608
    lowest, highest = min(literals), max(literals)  # type: ignore[type-var]
    if operator == "=":
        return f"({value} = {bind(lowest)} AND {value} = {bind(highest)})"
    nearest = lowest if (operator in ("gt", "geq")) == (predicate.quantifier == "any") else highest
    return f"({value} {_SIGNS[operator]} {bind(nearest)})"


def _pattern_test(value: str, predicate: ast.Compare, bind: Bind) -> str:
    ignore_case = predicate.operator == "ciregexp"
    for pattern in predicate.values:
        try:
            patterns.check(pattern, ignore_case)
        except ValueError as error:
            raise Conflict(f"{error}.") from None
    listed = bind(json.dumps(predicate.values, ensure_ascii=False))
    return f"matches({int(ignore_case)}, {int(predicate.quantifier == 'all')}, {listed}, {value})"
