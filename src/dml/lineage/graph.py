"""The provenance graph: nodes, and edges in the direction of the data flow.

An edge leads from an input to the execution that read it, and from an execution to what it produced. The order of nodes
and edges is deterministic, memory is linear in their number, and no function here is recursive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from dml.lineage.nodes import Execution, Node

__all__ = ["Edge", "EdgeKind", "Graph", "rid_sort_key"]


class EdgeKind(StrEnum):
    """The relation that an edge stands for."""

    input = "input"
    """The target, an execution, read the source."""
    output = "output"
    """The source, an execution, produced the target."""
    member = "member"
    """The source, an asset or its producer, contributed to the target, a dataset version."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A step of the data flow.

    Attributes:
        source: Key of the node that the data comes from.
        target: Key of the node that it goes to.
        kind: The relation.
        note: A detail such as ``made 3 members of Image`` or ``version not recorded``; often empty.
    """

    source: str
    target: str
    kind: EdgeKind
    note: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes by key and the edges between them, both in a deterministic order.

    Attributes:
        nodes: By key.
        edges: Each between two keys of ``nodes``.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()

    @classmethod
    def of(cls, nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
        """A graph with sorted nodes and edges; duplicate edges are dropped."""
        by_key = {node.key: node for node in nodes}
        ordered = {key: by_key[key] for key in sorted(by_key, key=rid_sort_key)}
        return cls(ordered, tuple(sorted(set(edges), key=_edge_order)))

    @cached_property
    def sources(self) -> Mapping[str, Sequence[Edge]]:
        """Incoming edges by target."""
        by_target: dict[str, list[Edge]] = {key: [] for key in self.nodes}
        for edge in self.edges:
            by_target[edge.target].append(edge)
        return by_target

    @cached_property
    def targets(self) -> Mapping[str, Sequence[Edge]]:
        """Outgoing edges by source."""
        by_source: dict[str, list[Edge]] = {key: [] for key in self.nodes}
        for edge in self.edges:
            by_source[edge.source].append(edge)
        return by_source

    @cached_property
    def executions(self) -> tuple[Execution, ...]:
        """The executions, in order."""
        return tuple(node for node in self.nodes.values() if isinstance(node, Execution))

    def reachable(self, start: Iterable[str], *, forward: bool = False) -> set[str]:
        """Keys reachable from ``start``, included, against the data flow or, with ``forward``, along it."""
        follow = self.targets if forward else self.sources
        seen = {key for key in start if key in self.nodes}
        waiting = list(seen)
        while waiting:
            for edge in follow[waiting.pop()]:
                following = edge.target if forward else edge.source
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return seen

    def subgraph(self, keys: set[str]) -> Graph:
        """The subgraph induced by these nodes."""
        nodes = {key: node for key, node in self.nodes.items() if key in keys}
        return Graph(nodes, tuple(edge for edge in self.edges if edge.source in keys and edge.target in keys))

    @cached_property
    def has_cycle(self) -> bool:
        """Whether the data flow has a cycle, which only damaged records have (Kahn's algorithm)."""
        incoming = {key: len(edges) for key, edges in self.sources.items()}
        free = [key for key, count in incoming.items() if not count]
        done = 0
        while free:
            done += 1
            for edge in self.targets[free.pop()]:
                incoming[edge.target] -= 1
                if not incoming[edge.target]:
                    free.append(edge.target)
        return done < len(self.nodes)


def rid_sort_key(key: str) -> tuple[int, str]:
    """A sort key that orders RIDs by age: the server assigns shorter ones first."""
    return len(key.partition("@")[0]), key


def _edge_order(edge: Edge) -> tuple[tuple[int, str], tuple[int, str], str, str]:
    return rid_sort_key(edge.target), rid_sort_key(edge.source), edge.kind.value, edge.note
