"""The paths between two artifacts: the backward walk from the target, with a forward walk from the source where needed.

The backward walk records only the producers of dataset members, not the members. It therefore contains every path
from an execution or a dataset version; a file may be the member of a dataset, so a forward walk from it is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.lineage.forward import GraphResult, lookup_descendants
from dml.lineage.graph import Graph
from dml.lineage.lookup import lookup_lineage
from dml.lineage.nodes import DatasetState, Execution

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["lineage_between"]


def lineage_between(catalog: Catalog, source: str, target: str, *, max_executions: int = 5_000) -> GraphResult:
    """Find every path of the data flow from one artifact to another; without one, the graph has just the two nodes.

    Raises:
        UsageError: A RID is malformed or of a row that has no lineage.
        NotFoundError: There is no such row or version.
    """
    back = lookup_lineage(catalog, target, max_executions=max_executions)
    warnings, complete, combined, source_key = back.warnings, back.walked_complete, back.graph, source
    if not (complete and isinstance(back.graph.nodes.get(source), Execution | DatasetState)):
        onward = lookup_descendants(catalog, source, max_executions=max_executions)
        nodes = {**onward.graph.nodes, **back.graph.nodes}
        combined = Graph.of(nodes.values(), (*onward.graph.edges, *back.graph.edges))
        source_key = onward.root_key
        warnings = tuple(dict.fromkeys((*onward.warnings, *warnings)))
        complete = complete and onward.walked_complete
    keys = combined.reachable([source_key], forward=True) & combined.reachable([back.root_key])
    graph = combined.subgraph(keys | {source_key, back.root_key})
    return GraphResult(back.root_key, graph, len(graph.executions), complete, False, warnings)
