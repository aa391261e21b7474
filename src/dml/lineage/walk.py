"""The walk against the data: from an artifact or execution to everything it came from.

Level by level, nearest executions first, so that a limit cuts what is farthest away. Data flow only: nesting of
executions is never followed. What a limit leaves out stays in the graph as a node that says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dml.lineage.edge_source import Source
from dml.lineage.edge_store import Use
from dml.lineage.graph import (
    Asset,
    Condition,
    DatasetState,
    Edge,
    Execution,
    Flow,
    Graph,
    Node,
    natural,
)

__all__ = ["Limits", "Walked", "walk_back", "walk_from_producer"]

VERSION_NOT_RECORDED = "version not recorded"


@dataclass(frozen=True)
class Limits:
    """How far to go.

    Attributes:
        depth: Levels of executions behind the nearest ones; 0 for the nearest alone, None for all.
        max_executions: The most executions to look into.
    """

    depth: int | None = None
    max_executions: int = 500


@dataclass(frozen=True)
class Walked:
    """What a walk found; the executions' own rows are not filled in yet.

    Attributes:
        graph: What was found.
        visited: The executions that were looked into, nearest first.
        complete: Nothing was left out for ``max_executions``.
        depth_capped: Something was left out for ``depth``.
    """

    graph: Graph
    visited: tuple[str, ...]
    complete: bool
    depth_capped: bool


def walk_back(source: Source, root: Node, limits: Limits, *, consumed_versions: bool) -> Walked:
    """Walk from ``root`` to its origins.

    Args:
        source: Feeds the facts.
        root: An execution, or an artifact whose row is known.
        limits: How far to go.
        consumed_versions: Whether the catalog tells inputs from outputs of datasets.
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


def walk_from_producer(source: Source, root: Node, producer: str, limits: Limits, *, consumed_versions: bool) -> Walked:
    """Walk from a root whose one producer its own row names: a feature value."""
    walk = _Walk(source, limits, consumed_versions)
    walk.nodes[root.key] = root
    walk.add_edge(producer, root.key, Flow.output)
    walk.waiting = [producer]
    return walk.run()


@dataclass
class _Walk:
    source: Source
    limits: Limits
    consumed_versions: bool
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    visited: dict[str, None] = field(default_factory=dict)

    def run(self) -> Walked:
        complete, capped, level = True, False, 0
        while self.waiting:
            frontier = sorted(set(self.waiting), key=natural)
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
        """Look into executions: their inputs become nodes, the producers of new inputs wait for the next level."""
        if not executions:
            return
        facts = self.source.facts
        for rid in executions:
            self.visited[rid] = None
            self.nodes.setdefault(rid, Execution(rid))
        self.source.inputs(executions)
        read = {rid: sorted(facts.read.get(rid, ()), key=natural) for rid in executions}
        uses = {rid: _ordered(facts.uses.get(rid, ())) for rid in executions}
        fresh = {asset for rids in read.values() for asset in rids if asset not in self.nodes}
        self.source.producers(
            [facts.assets[asset] for asset in sorted(fresh, key=natural)],
            {use.dataset for found in uses.values() for use in found},
        )
        new: dict[str, Asset | DatasetState] = {asset: facts.assets[asset] for asset in sorted(fresh, key=natural)}
        for rid in executions:
            for asset in read[rid]:
                self.edges.append(Edge(asset, rid, Flow.input))
            for use in uses[rid]:
                if not facts.is_output(use, consumed_versions=self.consumed_versions):
                    state = self.used_state(use)
                    self.edges.append(Edge(state.key, rid, Flow.input, "" if use.version else VERSION_NOT_RECORDED))
                    if state.key not in self.nodes:
                        new[state.key] = state
        self.nodes.update(new)
        self.source.prepare([node for node in new.values() if isinstance(node, DatasetState)])
        self.add_producers(new.values())

    def used_state(self, use: Use) -> DatasetState:
        """The dataset as it was read; as it is now where the version was not recorded."""
        facts = self.source.facts
        version = facts.version_rows.get(use.version) if use.version else facts.current(use.dataset)
        return facts.state(use.dataset, version)

    def add_producers(self, artifacts: Iterable[Asset | DatasetState]) -> None:
        facts = self.source.facts
        for artifact in artifacts:
            if isinstance(artifact, Asset):
                for rid in facts.makers(artifact.rid):
                    self.add_edge(rid, artifact.key, Flow.output)
                continue
            makers = facts.version_makers(artifact.rid, artifact.version)
            for rid in makers:
                self.add_edge(rid, artifact.key, Flow.output)
            by_maker = self.source.members(artifact).items()
            for (rid, table), count in sorted(by_maker, key=lambda item: (natural(item[0][0]), item[0][1])):
                if rid not in makers:
                    name = table.partition(":")[2]
                    self.add_edge(
                        rid, artifact.key, Flow.member, f"made {count:,} member{'s' * (count != 1)} of {name}"
                    )

    def add_edge(self, source: str, target: str, flow: Flow, note: str = "") -> None:
        self.edges.append(Edge(source, target, flow, note))
        if source not in self.nodes:
            self.nodes[source] = Execution(source)
            self.waiting.append(source)


def _ordered(uses: Iterable[Use]) -> list[Use]:
    return sorted(uses, key=lambda use: (natural(use.dataset), use.version or ""))
