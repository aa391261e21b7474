"""A graph as the lines of a tree, ready for any renderer: what stands where, what is folded, what was shown before.

The tree alternates between artifacts and executions. Each node is opened once; where it comes up again, the line
refers to the first place. Levels with many nodes are folded, and so is what lies deep, unless everything is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dml.lineage.graph import Asset, Condition, Edge, Execution, Flow, Graph, Node, natural

__all__ = ["INDENTED", "Mark", "TreeLine", "lines_of"]

WIDTH = 12
"""Nodes of one level that are shown before the rest is folded."""

DEPTH = 16
"""Levels that are shown before what lies behind is folded: more does not fit 80 columns."""

INDENTED = 40
"""Levels that are indented, with ``full``; what lies deeper stands below one another, its level written out."""

EXACT_FOLDS = 10


class Mark(StrEnum):
    """What is to be said at the end of a line."""

    none = ""
    shown_above = "↑ shown above"
    no_producer = "no recorded producer"
    unknown = "unknown provenance"
    deleted = "deleted"
    missing = "gone, or not readable by you"
    not_followed = "not followed further"


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One line.

    Attributes:
        ancestors: For each level above, whether a sibling of it follows further down (a vertical rule is drawn);
            no more than ``INDENTED`` of them.
        is_last: Whether this is the last line of its level.
        node: What the line is about; None for a fold.
        edge: The step from the line above to this one; None for the root.
        mark: What is to be said besides.
        folded: How many nodes the fold stands for.
        level: How deep the line lies; 0 is the root.
    """

    ancestors: tuple[bool, ...]
    is_last: bool
    node: Node | None
    edge: Edge | None
    mark: Mark = Mark.none
    folded: int = 0
    level: int = 0


@dataclass(slots=True)
class _Waiting:
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
    waiting = [_Waiting(root, None, (), True, 0)]
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
            waiting.append(_Waiting("", None, below, True, this.level + 1, max(rest, len(steps))))
            continue
        waiting.extend(reversed(_children(steps, below, this.level + 1, forward=forward, full=full)))
    return lines


def _steps(graph: Graph, key: str, forward: bool) -> list[Edge]:
    edges = graph.targets[key] if forward else graph.sources[key]
    return sorted(edges, key=lambda edge: (edge.flow is Flow.member, natural(_other(edge, forward))))


def _other(edge: Edge, forward: bool) -> str:
    return edge.target if forward else edge.source


def _children(
    steps: Sequence[Edge], below: tuple[bool, ...], level: int, *, forward: bool, full: bool
) -> list[_Waiting]:
    kept = steps if full or len(steps) <= WIDTH + 2 else steps[:WIDTH]
    folded = len(steps) - len(kept)
    children = [_Waiting(_other(edge, forward), edge, below, False, level) for edge in kept]
    if folded:
        children.append(_Waiting("", None, below, True, level, folded))
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
