"""The backward walk: from an artifact or execution to everything that it was derived from.

The walk is breadth-first, so a limit cuts off what is farthest away; the nodes where it stops stay in the graph with
the condition ``not_followed``. Nesting of executions is not followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dml.lineage.edge_source import EdgeSource
from dml.lineage.edge_store import DatasetUse
from dml.lineage.graph import Edge, EdgeKind, Graph, rid_sort_key
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Node

__all__ = ["Limits", "Walked", "walk_back", "walk_from_producer"]

VERSION_NOT_RECORDED = "version not recorded"


@dataclass(frozen=True)
class Limits:
    """Limits of a walk.

    Attributes:
        depth: Levels of executions beyond the nearest ones; 0 for the nearest alone, None for all.
        max_executions: The most executions to look into.
    """

    depth: int | None = None
    max_executions: int = 500


@dataclass(frozen=True)
class Walked:
    """The result of a walk, in which the rows of the executions are not filled in yet.

    Attributes:
        graph: The nodes and edges.
        visited: RIDs of the executions looked into, nearest first.
        complete: Whether ``max_executions`` left nothing out.
        depth_capped: Whether ``depth`` left something out.
    """

    graph: Graph
    visited: tuple[str, ...]
    complete: bool
    depth_capped: bool


def walk_back(source: EdgeSource, root: Node, limits: Limits, *, consumed_versions: bool) -> Walked:
    """Walk from a node to its origins.

    Args:
        source: Provides the edges.
        root: An execution, or an artifact whose row is known.
        limits: Where to stop.
        consumed_versions: Whether ``Dataset_Execution`` holds inputs only (deriva-ml 1.43 and later).
    """
    walk = _Walk(source, limits, consumed_versions)
    walk.nodes[root.key] = root
    if isinstance(root, Execution):
        walk.waiting = [root.rid]
    elif isinstance(root, Asset | DatasetState):
        source.producers(
            [root] if isinstance(root, Asset) else [], [root.rid] if isinstance(root, DatasetState) else []
        )
        source.prepare([root] if isinstance(root, DatasetState) else [])
        walk.add_producers([root])
    return walk.run()


def walk_from_producer(
    source: EdgeSource, root: Node, producer: str, limits: Limits, *, consumed_versions: bool
) -> Walked:
    """Walk from a feature value, whose row names its producer."""
    walk = _Walk(source, limits, consumed_versions)
    walk.nodes[root.key] = root
    walk.add_edge(producer, root.key, EdgeKind.output)
    walk.waiting = [producer]
    return walk.run()


@dataclass
class _Walk:
    source: EdgeSource
    limits: Limits
    consumed_versions: bool
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    visited: dict[str, None] = field(default_factory=dict)

    def run(self) -> Walked:
        complete, capped, level = True, False, 0
        while self.waiting:
            frontier = sorted(set(self.waiting), key=rid_sort_key)
            self.waiting = []
            if self.limits.depth is not None and level > self.limits.depth:
                capped = True
                self.leave_out(frontier)
                break
            room = max(0, self.limits.max_executions - len(self.visited))
            if len(frontier) > room:
                complete = False
                self.leave_out(frontier[room:])
            self.expand(frontier[:room])
            level += 1
        return Walked(Graph.of(self.nodes.values(), self.edges), tuple(self.visited), complete, capped)

    def leave_out(self, executions: Iterable[str]) -> None:
        for rid in executions:
            self.nodes[rid] = Execution(rid, Condition.not_followed)

    def expand(self, executions: list[str]) -> None:
        """Add the inputs of executions as nodes, and queue the producers of the new ones for the next level."""
        if not executions:
            return
        store = self.source.store
        for rid in executions:
            self.visited[rid] = None
            self.nodes.setdefault(rid, Execution(rid))
        self.source.inputs(executions)
        read = {rid: sorted(store.read.get(rid, ()), key=rid_sort_key) for rid in executions}
        uses = {rid: _ordered(store.uses.get(rid, ())) for rid in executions}
        fresh = {asset for rids in read.values() for asset in rids if asset not in self.nodes}
        self.source.producers(
            [store.assets[asset] for asset in sorted(fresh, key=rid_sort_key)],
            {use.dataset for found in uses.values() for use in found},
        )
        new: dict[str, Asset | DatasetState] = {asset: store.assets[asset] for asset in sorted(fresh, key=rid_sort_key)}
        for rid in executions:
            for asset in read[rid]:
                self.edges.append(Edge(asset, rid, EdgeKind.input))
            for use in uses[rid]:
                if not store.is_output(use, consumed_versions=self.consumed_versions):
                    state = self.used_state(use)
                    self.edges.append(Edge(state.key, rid, EdgeKind.input, "" if use.version else VERSION_NOT_RECORDED))
                    if state.key not in self.nodes:
                        new[state.key] = state
        self.nodes.update(new)
        self.source.prepare([node for node in new.values() if isinstance(node, DatasetState)])
        self.add_producers(new.values())

    def used_state(self, use: DatasetUse) -> DatasetState:
        """The dataset version that was read; the current one where the version is not recorded."""
        store = self.source.store
        version = store.version_rows.get(use.version) if use.version else store.current(use.dataset)
        return store.state(use.dataset, version)

    def add_producers(self, artifacts: Iterable[Asset | DatasetState]) -> None:
        store = self.source.store
        for artifact in artifacts:
            if isinstance(artifact, Asset):
                for rid in store.producers_of(artifact.rid):
                    self.add_edge(rid, artifact.key, EdgeKind.output)
                continue
            producers_of = store.version_producers(artifact.rid, artifact.version)
            for rid in producers_of:
                self.add_edge(rid, artifact.key, EdgeKind.output)
            by_producer = self.source.members(artifact).items()
            for (rid, table), count in sorted(by_producer, key=lambda item: (rid_sort_key(item[0][0]), item[0][1])):
                if rid not in producers_of:
                    name = table.partition(":")[2]
                    self.add_edge(
                        rid, artifact.key, EdgeKind.member, f"made {count:,} member{'s' * (count != 1)} of {name}"
                    )

    def add_edge(self, source: str, target: str, kind: EdgeKind, note: str = "") -> None:
        self.edges.append(Edge(source, target, kind, note))
        if source not in self.nodes:
            self.nodes[source] = Execution(source)
            self.waiting.append(source)


def _ordered(uses: Iterable[DatasetUse]) -> list[DatasetUse]:
    return sorted(uses, key=lambda use: (rid_sort_key(use.dataset), use.version or ""))
