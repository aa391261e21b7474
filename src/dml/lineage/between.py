"""How one artifact led to another: the walk back from the end, and forward from the beginning where that is not enough.

The walk back knows executions and dataset versions, and says of members by the hundred only who made them. So it holds
every path from an execution or a dataset version; for a file, which may have come in as a member, the walk forward is
made as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.lineage.forward import FlowResult, lookup_descendants
from dml.lineage.graph import DatasetState, Execution, Graph
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
    back = lookup_lineage(catalog, target, max_executions=max_executions)
    warnings, complete, whole, begin = back.warnings, back.walked_complete, back.graph, source
    if not (complete and isinstance(back.graph.nodes.get(source), Execution | DatasetState)):
        onward = lookup_descendants(catalog, source, max_executions=max_executions)
        nodes = {**onward.graph.nodes, **back.graph.nodes}
        whole = Graph.of(nodes.values(), (*onward.graph.edges, *back.graph.edges))
        begin = onward.root_key
        warnings = tuple(dict.fromkeys((*onward.warnings, *warnings)))
        complete = complete and onward.walked_complete
    keys = whole.reachable([begin], forward=True) & whole.reachable([back.root_key])
    graph = whole.restricted(keys | {begin, back.root_key})
    return FlowResult(back.root_key, graph, len(graph.executions), complete, False, warnings)
