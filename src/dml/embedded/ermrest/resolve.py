"""Looking up the names of a data path in a model: which tables are joined how, and what each column is.

Refusals as ERMrest's: a name the model does not know is 409, an alias the path does not bind 400.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from werkzeug.exceptions import BadRequest, Conflict

from dml.embedded.ermrest import path as ast
from dml.embedded.ermrest.model import Column, Model, Table

__all__ = ["Link", "Node", "Plan", "find_table", "resolve"]


@dataclass(frozen=True, slots=True)
class Link:
    """How a table of the path is joined to an earlier one: pairs of columns that must be equal."""

    node: int
    pairs: tuple[tuple[Column, Column], ...]
    outer: Literal["left", "right", "full"] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One table of the path."""

    table: Table
    link: Link | None = None


@dataclass
class Plan:
    """A path with its names looked up.

    Attributes:
        nodes: The tables in the order they were joined.
        context: Index of the table the path ends on.
        aliases: Names given to tables.
        filters: Predicates, each with the index of the table its bare columns belong to.
    """

    nodes: list[Node]
    context: int = 0
    aliases: dict[str, int] = field(default_factory=dict)
    filters: list[tuple[int, ast.Predicate]] = field(default_factory=list)

    def column(self, name: ast.Name, at: int | None = None) -> tuple[int, Column]:
        """The table and column a name means; a bare one belongs to table ``at`` (default: the context)."""
        node = self.context if at is None else at
        if len(name) == 2:
            if name[0] not in self.aliases:
                raise BadRequest(f'Alias "{name[0]}" is not bound in this path.')
            node = self.aliases[name[0]]
        elif len(name) != 1:
            raise BadRequest(f'"{":".join(name)}" is not a column of this path.')
        return node, self.nodes[node].table.column(name[-1])

    def keeps_unmatched(self) -> bool:
        """Whether a join keeps rows of its right side that match nothing on its left."""
        return any(node.link is not None and node.link.outer in ("right", "full") for node in self.nodes)

    def nullable(self) -> set[int]:
        """Tables whose columns may all be NULL because of an outer join."""
        found: set[int] = set()
        for index, node in enumerate(self.nodes):
            if node.link is None:
                continue
            if node.link.outer in ("right", "full"):
                found.update(range(index))
            if node.link.outer in ("left", "full") or (node.link.outer is None and node.link.node in found):
                found.add(index)
        return found

    def one_row_each(self) -> bool:
        """Whether no join can repeat an entity of the context, so that rows need not be reduced to entities."""
        determines: dict[int, set[int]] = {index: set() for index in range(len(self.nodes))}
        for index, node in enumerate(self.nodes):
            if node.link is None:
                continue
            left, right = self.nodes[node.link.node].table, node.table
            if right.has_key(frozenset(pair[1].rid for pair in node.link.pairs)):
                determines[node.link.node].add(index)
            if left.has_key(frozenset(pair[0].rid for pair in node.link.pairs)):
                determines[index].add(node.link.node)
        known, todo = {self.context}, [self.context]
        while todo:
            for index in determines[todo.pop()] - known:
                known.add(index)
                todo.append(index)
        return len(known) == len(self.nodes) and self.context not in self.nullable()


def find_table(model: Model, name: ast.Name) -> Table:
    """The table of a name with or without its schema; 409 when there is none, or more than one."""
    if len(name) == 2:
        if model.find_schema(name[0]) is None:
            raise Conflict(f'Schema "{name[0]}" does not exist.')
        table = model.find_table(*name)
        if table is None:
            raise Conflict(f'Table "{name[0]}:{name[1]}" does not exist.')
        return table
    found = model.tables_named(name[0]) if len(name) == 1 else []
    if len(found) > 1:
        raise Conflict(f'Table name "{name[0]}" is ambiguous; write it with its schema.')
    if not found:
        raise Conflict(f'Table "{":".join(name)}" does not exist.')
    return found[0]


def resolve(model: Model, elements: tuple[ast.Element, ...]) -> Plan:
    """Look up every name of a path.

    Raises:
        Conflict: The model has no such table, column or reference, or several (409).
        BadRequest: An alias is unknown or bound twice (400).
    """
    first = elements[0]
    if not isinstance(first, ast.TableStep):
        raise BadRequest("A path must begin with a table.")
    plan = Plan([Node(find_table(model, first.name))])
    _bind(plan, first.alias)
    for element in elements[1:]:
        if isinstance(element, ast.Filter):
            plan.filters.append((plan.context, element.predicate))
        elif isinstance(element, ast.Context):
            if element.alias not in plan.aliases:
                raise BadRequest(f'Alias "{element.alias}" is not bound in this path.')
            plan.context = plan.aliases[element.alias]
        else:
            plan.nodes.append(_joined(model, plan, element))
            plan.context = len(plan.nodes) - 1
            _bind(plan, element.alias)
    if len(plan.nodes) > 60:
        raise BadRequest("A path can join at most 60 tables.")
    return plan


def _bind(plan: Plan, alias: str | None) -> None:
    if alias is None:
        return
    if alias in plan.aliases:
        raise BadRequest(f'Alias "{alias}" is bound twice.')
    plan.aliases[alias] = plan.context


def _joined(model: Model, plan: Plan, element: ast.TableStep | ast.Reference | ast.Join) -> Node:
    if isinstance(element, ast.Join):
        return _explicit(model, plan, element)
    if isinstance(element, ast.TableStep):
        left, right = plan.nodes[plan.context].table, find_table(model, element.name)
        found = [reference for reference in _references(model, left) if reference[0].id == right.id]
        what = f'between "{left.name}" and "{right.name}"'
        return _only(plan.context, found, what)
    return _by_columns(model, plan, element)


_Found = tuple[Table, tuple[tuple[Column, Column], ...]]


def _references(model: Model, table: Table) -> list[_Found]:
    """Every foreign key from or to a table, as the other table and pairs of (own, other) columns."""
    found: list[_Found] = []
    for foreign_key in table.foreign_keys:
        other = model.tables[foreign_key.table]
        ours, theirs = foreign_key.columns, foreign_key.referenced
        found.append((other, _pairs(table, ours, other, theirs)))
    for other, foreign_key in model.referring(table):
        found.append((other, _pairs(table, foreign_key.referenced, other, foreign_key.columns)))
    return found


def _pairs(
    left: Table, lefts: tuple[str, ...], right: Table, rights: tuple[str, ...]
) -> tuple[tuple[Column, Column], ...]:
    return tuple((left.by_rid(own), right.by_rid(other)) for own, other in zip(lefts, rights, strict=True))


def _only(node: int, found: list[_Found], what: str) -> Node:
    if not found:
        raise Conflict(f"No foreign key exists {what}.")
    if len(found) > 1:
        raise Conflict(f"There are {len(found)} foreign keys {what}; write the columns to join by.")
    return Node(found[0][0], Link(node, found[0][1]))


def _by_columns(model: Model, plan: Plan, element: ast.Reference) -> Node:
    """``(columns)``: of the current table (or of a bound one), or of a table that refers to it or is referred to."""
    first = element.columns[0]
    node, left = plan.context, plan.nodes[plan.context].table
    if len(first) == 1 or (len(first) == 2 and first[0] in plan.aliases):
        columns = [plan.column(name) for name in element.columns]
        node = columns[0][0]
        if any(other != node for other, _ in columns):
            raise BadRequest("The columns of a reference must belong to one table.")
        left = plan.nodes[node].table
        wanted = {column.rid for _, column in columns}
        found = [
            reference for reference in _references(model, left) if {pair[0].rid for pair in reference[1]} == wanted
        ]
    else:
        right, theirs = _table_columns(model, element.columns)
        wanted = {column.rid for column in theirs}
        found = [
            reference
            for reference in _references(model, left)
            if reference[0].id == right.id and {pair[1].rid for pair in reference[1]} == wanted
        ]
    return _only(node, found, f'over ({", ".join(":".join(name) for name in element.columns)}) at "{left.name}"')


def _table_columns(model: Model, names: tuple[ast.Name, ...]) -> tuple[Table, list[Column]]:
    """The table that the first name is qualified by, and its columns; later names may be bare."""
    table = find_table(model, names[0][:-1])
    for name in names[1:]:
        if len(name) > 1 and find_table(model, name[:-1]).id != table.id:
            raise BadRequest("The columns of a join must belong to one table.")
    return table, [table.column(name[-1]) for name in names]


def _explicit(model: Model, plan: Plan, element: ast.Join) -> Node:
    if len(element.left) != len(element.right):
        raise BadRequest("Both sides of a join must name as many columns.")
    lefts = [plan.column(name) for name in element.left]
    node = lefts[0][0]
    if any(other != node for other, _ in lefts):
        raise BadRequest("The columns of a join must belong to one table.")
    if len(element.right[0]) < 2:
        raise BadRequest("The right side of a join must name its table, as in (column)=(schema:table:column).")
    right, theirs = _table_columns(model, element.right)
    pairs = tuple((left, other) for (_, left), other in zip(lefts, theirs, strict=True))
    return Node(right, Link(node, pairs, element.outer))
