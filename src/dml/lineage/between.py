"""How one artifact led to another: the walk forward from one and back from the other, and what both have in common."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.lineage.forward import FlowResult, lookup_descendants
from dml.lineage.graph import Graph
from dml.lineage.lookup import lookup_lineage

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["lineage_between"]


def lineage_between(catalog: Catalog, source: str, target: str, *, max_executions: int = 5_000) -> FlowResult:
    """How one artifact led to another: every path of data between them; without one, the two ends alone.

    Raises:
        UsageError: A RID is malformed or of a row that has no lineage.
        NotFoundError: There is no such row or version.
    """
    onward, back = gather(
        [
            partial(lookup_descendants, catalog, source, max_executions=max_executions),
            partial(_back, catalog, target, max_executions),
        ]
    )
    nodes = {**onward.graph.nodes, **back.graph.nodes}
    whole = Graph.of(nodes.values(), (*onward.graph.edges, *back.graph.edges))
    keys = whole.reachable([onward.root_key], forward=True) & whole.reachable([back.root_key])
    graph = whole.restricted(keys | {onward.root_key, back.root_key})
    warnings = tuple(dict.fromkeys((*onward.warnings, *back.warnings)))
    complete = onward.walked_complete and back.walked_complete
    return FlowResult(back.root_key, graph, len(graph.executions), complete, False, warnings)


def _back(catalog: Catalog, rid: str, max_executions: int) -> FlowResult:
    found = lookup_lineage(catalog, rid, max_executions=max_executions)
    return FlowResult(
        found.root_key, found.graph, found.executions_visited, found.walked_complete, False, found.warnings
    )
