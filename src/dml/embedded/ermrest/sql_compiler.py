"""A data path as one SQL statement: which rows, which outputs, in which order, how many.

Only numbers from the model become part of the text (``t12``, ``c3``, ``n0``, ``o1``); every value is bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict

from dml.embedded.ermrest import path as ast
from dml.embedded.ermrest.grammar import DataPath
from dml.embedded.ermrest.outputs import Output, Shown, show_column, show_item
from dml.embedded.ermrest.predicates import condition, read_value
from dml.embedded.ermrest.resolve import Node, Plan

__all__ = ["Query", "compile_read", "compile_targets"]


@dataclass(frozen=True, slots=True)
class Query:
    """A statement ready to run."""

    sql: str
    values: Mapping[str, Any]
    outputs: tuple[Output, ...]


@dataclass
class _Statement:
    """The text being put together, with the values bound so far."""

    plan: Plan
    snapshot: int | None
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """The placeholder of a value; named, because values are not bound in the order of the text."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def rows(self) -> str:
        """FROM and WHERE."""
        conditions: list[str] = []
        parts = [self._joined(index, node, conditions) for index, node in enumerate(self.plan.nodes)]
        conditions += [condition(self.plan, at, predicate, self.bind) for at, predicate in self.plan.filters]
        if conditions:
            parts.append(f"WHERE {' AND '.join(conditions)}")
        return " ".join(parts)

    def _joined(self, index: int, node: Node, conditions: list[str]) -> str:
        """One table with its join, as it is or as it was at the snapshot; adds to the conditions of the whole."""
        link, name = node.link, f"n{index}"
        equal = [] if link is None else [
            f"n{link.node}.{left.stored} = {name}.{right.stored}" for left, right in link.pairs
        ]  # fmt: skip
        source = f"t{node.table.id:d} AS {name}"
        if self.snapshot is not None:
            at = self.bind(self.snapshot)
            source = f"h{node.table.id:d} AS {name}"
            current = f"{name}.began <= {at} AND {name}.ended > {at}"
            if self.plan.keeps_unmatched():
                source = f"(SELECT * FROM {source} WHERE {current}) AS {name}"  # noqa: S608
            elif link is not None and link.outer == "left":
                equal.append(current)
            else:
                conditions.append(current)
        if link is None:
            return f"FROM {source}"
        return f"{(link.outer or 'inner').upper()} JOIN {source} ON {' AND '.join(equal)}"


def compile_read(path: DataPath, plan: Plan, limit: int | None, snapshot: int | None) -> Query:
    """The statement that answers a GET of a data path.

    Args:
        path: What was asked.
        plan: Its names, looked up.
        limit: How many rows at most; None for all.
        snapshot: The transaction time whose state is read; None for now.

    Raises:
        BadRequest, Conflict: An output, sort key or value does not fit (400, 409).
    """
    statement = _Statement(plan, snapshot)
    if path.api == "entity":
        table = plan.nodes[plan.context].table
        shown = [show_column(plan, plan.context, column, column.name) for column in table.columns]
        keys = 0
    else:
        groups = [output for item in path.groups for output in show_item(plan, statement.bind, item, path.api)]
        shown = groups + [output for item in path.outputs for output in show_item(plan, statement.bind, item, path.api)]
        keys = len(groups)
        if any(group.aggregated for group in groups):
            raise BadRequest("A group key cannot be an aggregate.")
    _check_names(shown)
    text = f"SELECT {', '.join(f'{item.sql} AS o{index}' for index, item in enumerate(shown))} {statement.rows()}"
    if path.api == "attributegroup":
        text += f" GROUP BY {', '.join(f'o{index}' for index in range(keys))}"
    elif path.api in ("entity", "attribute") and not plan.one_row_each():
        text += f" GROUP BY n{plan.context}.RID"
    text = _ordered(statement, path, shown, text, limit)
    return Query(text, statement.values, tuple(item.output for item in shown))


def compile_targets(plan: Plan) -> Query:
    """The statement that finds the rows (their ``id``) of the entities a path ends on, to change them."""
    statement = _Statement(plan, None)
    text = f"SELECT DISTINCT n{plan.context}.id {statement.rows()}"
    return Query(text, statement.values, ())


def _check_names(shown: list[Shown]) -> None:
    seen: set[str] = set()
    for item in shown:
        if item.output.name in seen:
            raise BadRequest(f'Output column name "{item.output.name}" appears more than once.')
        seen.add(item.output.name)


def _ordered(statement: _Statement, path: DataPath, shown: list[Shown], text: str, limit: int | None) -> str:
    sort, pages = path.modifiers.sort, path.modifiers.pages
    if sort and path.api == "aggregate":
        raise BadRequest("An aggregate has one row, which cannot be sorted.")
    if pages and not sort:
        raise BadRequest("@after(…) and @before(…) need a @sort(…).")
    keys = [(_sort_index(path, shown, key.name), key.descending) for key in sort]
    if pages:
        bounds = " AND ".join(_beyond(statement, page, keys, shown) for page in pages)
        text = f"SELECT * FROM ({text}) WHERE {bounds}"  # noqa: S608
    before = len(pages) == 1 and pages[0].before
    if before and limit is None:
        raise BadRequest("@before(…) needs a ?limit=.")
    if keys:
        text += f" ORDER BY {_order(keys, shown, reverse=before)}"
    if limit is not None:
        text += f" LIMIT {statement.bind(limit)}"
    if before:
        text = f"SELECT * FROM ({text}) ORDER BY {_order(keys, shown, reverse=False)}"  # noqa: S608
    return text


def _sort_index(path: DataPath, shown: list[Shown], name: str) -> int:
    for index, item in enumerate(shown):
        if item.output.name == name:
            return index
    if path.api == "entity":
        raise Conflict(f'Sort key "{name}" is not a column of this table.')
    raise BadRequest(f'Sort key "{name}" is not among the output columns.')


def _order(keys: list[tuple[int, bool]], shown: list[Shown], *, reverse: bool) -> str:
    """NULL is the greatest of values; a column without NULLs is sorted plainly, so that an index serves."""
    parts = []
    for index, descending in keys:
        down = descending != reverse
        nulls = (" NULLS FIRST" if down else " NULLS LAST") if shown[index].nullable else ""
        parts.append(f"o{index}{' DESC' if down else ''}{nulls}")
    return ", ".join(parts)


def _beyond(statement: _Statement, page: ast.Page, keys: list[tuple[int, bool]], shown: list[Shown]) -> str:
    if len(page.boundary) != len(keys):
        raise BadRequest("A page boundary needs one value for each sort key.")
    index, descending = keys[0]
    kind = shown[index].output.type
    if kind is None:
        raise BadRequest(f'Pages cannot be cut at "{shown[index].output.name}".')
    upwards = descending == page.before
    boundary = page.boundary[0]
    if boundary is None:
        term, same = ("0" if upwards else f"o{index} IS NOT NULL"), f"o{index} IS NULL"
    else:
        value = statement.bind(read_value(kind, boundary))
        term, same = f"o{index} {'>' if upwards else '<'} {value}", f"o{index} = {value}"
        if upwards and shown[index].nullable:
            term = f"({term} OR o{index} IS NULL)"
    if len(keys) == 1:
        return term
    rest = _beyond(statement, ast.Page(page.before, page.boundary[1:]), keys[1:], shown)
    return f"({term} OR ({same} AND {rest}))"
