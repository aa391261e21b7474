"""The result of a backward walk: the fields of deriva-ml's ``LineageResult``, and the graph that they are a view of.

The nested form (``lineage``) shows each execution once; further occurrences are leaves with ``already_shown``. The
graph also records which input led where, what was left out and what could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dml.lineage.graph import EdgeKind, Graph, rid_sort_key
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node

__all__ = [
    "AssetSummary",
    "DatasetSummary",
    "ExecutionSummary",
    "LineageNode",
    "LineageResult",
    "RootDescriptor",
    "WorkflowSummary",
    "kind_of",
    "node_mapping",
    "result_mapping",
    "summarise",
]

RootType = Literal["Dataset", "Asset", "Feature", "Execution"]

NESTED_LEVELS = 150
"""Levels of the nested form in JSON: parsers reject deep nesting, and the graph beside it is flat."""


@dataclass(frozen=True)
class WorkflowSummary:
    """RID and name of a workflow."""

    rid: str
    name: str


@dataclass(frozen=True)
class ExecutionSummary:
    """Main columns of an execution; ``status`` is ``Unknown`` where the row cannot be read."""

    rid: str
    description: str
    workflow: WorkflowSummary | None
    status: str | None


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset version; ``version`` is empty when the dataset has none."""

    rid: str
    description: str
    version: str


@dataclass(frozen=True)
class AssetSummary:
    """Main columns of an asset; ``asset_table`` is without the schema."""

    rid: str
    filename: str
    asset_table: str


@dataclass(frozen=True)
class LineageNode:
    """An execution, its inputs, and the executions that produced them.

    Attributes:
        execution: Main columns of the execution.
        consumed_datasets, consumed_assets: The datasets and assets that it read.
        parents: The producers of the inputs, oldest RID first.
        already_shown: Whether its inputs and parents are elsewhere in the tree.
    """

    execution: ExecutionSummary
    consumed_datasets: tuple[DatasetSummary, ...] = ()
    consumed_assets: tuple[AssetSummary, ...] = ()
    parents: list[LineageNode] = field(default_factory=list, repr=False, compare=False)
    already_shown: bool = False


@dataclass(frozen=True)
class RootDescriptor:
    """The row whose lineage it is."""

    rid: str
    type: RootType
    description: str
    producing_execution: ExecutionSummary | None


@dataclass(frozen=True)
class LineageResult:
    """The lineage of a row.

    Attributes:
        root: The row whose lineage this is.
        lineage: Its producer with everything upstream; None when no producer is recorded.
        executions_visited: Number of executions looked into.
        walked_complete: Whether neither ``max_executions`` nor missing rights left anything out.
        cycle_detected: Whether the data flow has a cycle, which only damaged records have.
        depth_capped: Whether ``depth`` left something out.
        graph: All nodes and edges.
        root_key: Key of the row in the graph.
        warnings: What could not be read, one sentence each.
    """

    root: RootDescriptor
    lineage: LineageNode | None
    executions_visited: int
    walked_complete: bool
    cycle_detected: bool
    depth_capped: bool
    graph: Graph = field(repr=False)
    root_key: str
    warnings: tuple[str, ...] = ()


def summarise(
    graph: Graph, root_key: str, *, visited: int, complete: bool, depth_capped: bool, warnings: Iterable[str] = ()
) -> LineageResult:
    """The result for a complete graph."""
    root = graph.nodes[root_key]
    warnings = tuple(warnings)
    producers = [root] if isinstance(root, Execution) else _producers(graph, root_key)
    lineage = _nested(graph, producers)
    producing = _summary(producers[0]) if producers else None
    rid = root.rid or root_key
    return LineageResult(
        root=RootDescriptor(rid, _root_type(root), getattr(root, "description", ""), producing),
        lineage=lineage,
        executions_visited=visited,
        walked_complete=complete and not warnings,
        cycle_detected=graph.has_cycle,
        depth_capped=depth_capped,
        graph=graph,
        root_key=root_key,
        warnings=warnings,
    )


def _producers(graph: Graph, key: str) -> list[Execution]:
    """The executions that produced an artifact, followed by those that produced its members."""
    edges = sorted(graph.sources[key], key=lambda edge: (edge.kind is EdgeKind.member, rid_sort_key(edge.source)))
    nodes = [graph.nodes[edge.source] for edge in edges]
    return [node for node in nodes if isinstance(node, Execution)]


def _nested(graph: Graph, producers: list[Execution]) -> LineageNode | None:
    if not producers:
        return None
    shown = {producers[0].rid}
    top = _leaf(graph, producers[0], already_shown=False)
    # As in deriva-ml, further producers of the root are siblings of the parents of the first.
    waiting = [(top, [*_parents(graph, producers[0].rid), *producers[1:]])]
    while waiting:
        node, parents = waiting.pop()
        fresh = []
        for parent in dict.fromkeys(parents):
            if parent.condition is Condition.not_followed:
                continue
            leaf = _leaf(graph, parent, already_shown=parent.rid in shown)
            node.parents.append(leaf)
            if not leaf.already_shown:
                shown.add(parent.rid)
                fresh.append((leaf, _parents(graph, parent.rid)))
        waiting.extend(reversed(fresh))
    return top


def _parents(graph: Graph, rid: str) -> list[Execution]:
    found: dict[str, Execution] = {}
    for edge in graph.sources[rid]:
        for producer in _producers(graph, edge.source):
            if producer.rid != rid:
                found[producer.rid] = producer
    return [found[key] for key in sorted(found, key=rid_sort_key)]


def _leaf(graph: Graph, execution: Execution, *, already_shown: bool) -> LineageNode:
    inputs = [] if already_shown else [graph.nodes[edge.source] for edge in graph.sources[execution.rid]]
    return LineageNode(
        _summary(execution),
        tuple(
            DatasetSummary(node.rid, node.description, node.version)
            for node in inputs
            if isinstance(node, DatasetState)
        ),
        tuple(
            AssetSummary(node.rid, node.filename, node.table.partition(":")[2])
            for node in inputs
            if isinstance(node, Asset)
        ),
        already_shown=already_shown,
    )


def _summary(execution: Execution) -> ExecutionSummary:
    workflow = execution.workflow
    return ExecutionSummary(
        execution.rid,
        execution.description,
        WorkflowSummary(workflow.rid, workflow.name) if workflow else None,
        "Unknown" if execution.condition is Condition.missing else execution.status,
    )


def _root_type(node: Node) -> RootType:
    if isinstance(node, DatasetState):
        return "Dataset"
    if isinstance(node, Asset):
        return "Asset"
    return "Feature" if isinstance(node, Feature) else "Execution"


def kind_of(node: Node) -> str:
    """``dataset``, ``asset``, ``feature`` or ``execution``."""
    return _root_type(node).lower()


def node_mapping(node: Node) -> dict[str, Any]:
    """A node as plain data for JSON."""
    return {"key": node.key, "kind": kind_of(node), **asdict(node)}


def result_mapping(result: LineageResult) -> dict[str, Any]:
    """A result as plain data for JSON: deriva-ml's names, and ``graph`` with flat lists of nodes and edges."""
    return {
        "root": asdict(result.root),
        "lineage": _nested_mapping(result.lineage),
        "executions_visited": result.executions_visited,
        "walked_complete": result.walked_complete,
        "cycle_detected": result.cycle_detected,
        "depth_capped": result.depth_capped,
        "warnings": list(result.warnings),
        "root_key": result.root_key,
        "graph": graph_mapping(result.graph),
    }


def graph_mapping(graph: Graph) -> dict[str, Any]:
    """A graph as plain data: flat lists of nodes and edges."""
    return {
        "nodes": [node_mapping(node) for node in graph.nodes.values()],
        "edges": [asdict(edge) for edge in graph.edges],
    }


def _nested_mapping(top: LineageNode | None) -> dict[str, Any] | None:
    if top is None:
        return None
    whole = _flat(top)
    waiting = [(top, whole, 1)]
    while waiting:
        node, mapping, level = waiting.pop()
        if level >= NESTED_LEVELS and node.parents:
            mapping["parents_left_out"] = len(node.parents)
            continue
        for parent in node.parents:
            mapping["parents"].append(_flat(parent))
            waiting.append((parent, mapping["parents"][-1], level + 1))
    return whole


def _flat(node: LineageNode) -> dict[str, Any]:
    return {
        "execution": asdict(node.execution),
        "consumed_datasets": [asdict(summary) for summary in node.consumed_datasets],
        "consumed_assets": [asdict(summary) for summary in node.consumed_assets],
        "parents": [],
        "already_shown": node.already_shown,
    }
