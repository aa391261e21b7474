"""A graph as the lines of a tree, for any renderer.

The tree alternates between artifacts and executions. Each node is expanded once; further occurrences refer to the
first. Levels with many nodes and deep levels are collapsed, unless the full tree is requested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dml.lineage.graph import Edge, EdgeKind, Graph, rid_sort_key
from dml.lineage.nodes import Asset, Condition, Execution, Node

__all__ = ["INDENTED", "Mark", "TreeLine", "lines_of"]

WIDTH = 12
"""Nodes of one level that are shown; the rest is collapsed."""

DEPTH = 16
"""Levels that are shown; more do not fit into 80 columns."""

INDENTED = 40
"""Levels that are indented in a full tree; deeper lines are aligned and start with their level."""

EXACT_FOLDS = 10


class Mark(StrEnum):
    """A remark at the end of a line."""

    none = ""
    shown_above = "↑ shown above"
    no_producer = "no recorded producer"
    unknown = "unknown provenance"
    deleted = "deleted"
    missing = "missing, or not readable by you"
    not_followed = "not followed further"


@dataclass(frozen=True, slots=True)
class TreeLine:
    """A line of the tree.

    Attributes:
        ancestors: For each level above, whether a sibling of it follows further down (a vertical rule is drawn);
            no more than ``INDENTED`` of them.
        is_last: Whether this is the last line of its level.
        node: The node; None for a line that stands for collapsed nodes.
        edge: The edge between the parent line and this one; None for the root.
        mark: A remark at its end.
        folded: Number of collapsed nodes that the line stands for.
        level: Depth of the line; 0 for the root.
    """

    ancestors: tuple[bool, ...]
    is_last: bool
    node: Node | None
    edge: Edge | None
    mark: Mark = Mark.none
    folded: int = 0
    level: int = 0


@dataclass(slots=True)
class _Pending:
    key: str
    edge: Edge | None
    ancestors: tuple[bool, ...]
    is_last: bool
    level: int
    folded: int = 0


def lines_of(graph: Graph, root: str, *, forward: bool = False, full: bool = False) -> list[TreeLine]:
    """The lines of the tree under ``root``.

    Args:
        graph: What is shown.
        root: Key of the node at the top.
        forward: Whether the tree shows what was made from the root, instead of what it came from.
        full: Whether nothing is folded.
    """
    opened: set[str] = set()
    lines: list[TreeLine] = []
    waiting = [_Pending(root, None, (), True, 0)]
    deep = 0
    while waiting:
        this = waiting.pop()
        if this.folded:
            lines.append(TreeLine(this.ancestors, this.is_last, None, None, Mark.none, this.folded, this.level))
            continue
        node = graph.nodes[this.key]
        steps = _steps(graph, this.key, forward)
        mark = _mark(graph, node, steps, forward=forward, shown=this.key in opened)
        lines.append(TreeLine(this.ancestors, this.is_last, node, this.edge, mark, 0, this.level))
        opened.add(this.key)
        if mark in (Mark.shown_above, Mark.unknown) or not steps:
            continue
        below = this.ancestors
        if this.edge is not None and len(below) < INDENTED:
            below = (*below, not this.is_last)
        if not full and this.level >= DEPTH:
            # Counting what lies behind is a walk of its own; a few exact numbers are enough.
            deep += 1
            rest = len(graph.reachable([this.key], forward=forward)) - 1 if deep <= EXACT_FOLDS else 0
            waiting.append(_Pending("", None, below, True, this.level + 1, max(rest, len(steps))))
            continue
        waiting.extend(reversed(_children(steps, below, this.level + 1, forward=forward, full=full)))
    return lines


def _steps(graph: Graph, key: str, forward: bool) -> list[Edge]:
    edges = graph.targets[key] if forward else graph.sources[key]
    return sorted(edges, key=lambda edge: (edge.kind is EdgeKind.member, rid_sort_key(_other(edge, forward))))


def _other(edge: Edge, forward: bool) -> str:
    return edge.target if forward else edge.source


def _children(
    steps: Sequence[Edge], below: tuple[bool, ...], level: int, *, forward: bool, full: bool
) -> list[_Pending]:
    kept = steps if full or len(steps) <= WIDTH + 2 else steps[:WIDTH]
    folded = len(steps) - len(kept)
    children = [_Pending(_other(edge, forward), edge, below, False, level) for edge in kept]
    if folded:
        children.append(_Pending("", None, below, True, level, folded))
    children[-1].is_last = True
    return children


def _mark(graph: Graph, node: Node, steps: Sequence[Edge], *, forward: bool, shown: bool) -> Mark:
    if shown and steps:
        return Mark.shown_above
    plain = {
        Condition.deleted: Mark.deleted,
        Condition.missing: Mark.missing,
        Condition.not_followed: Mark.not_followed,
        Condition.unknown_provenance: Mark.unknown,
    }.get(node.condition)
    if plain is not None:
        return plain
    if forward or isinstance(node, Execution):
        return Mark.none
    producers = [graph.nodes[edge.source] for edge in steps]
    if not producers:
        return Mark.no_producer
    only_unknown = all(one.condition is Condition.unknown_provenance for one in producers)
    return Mark.unknown if only_unknown and isinstance(node, Asset) else Mark.none
