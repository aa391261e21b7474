"""In what the executions of a graph are nested; for the formats that say so beside the data flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dml.lineage.graph import Graph
from dml.nesting.tree import NESTING, read_links

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["nesting_of"]


def nesting_of(catalog: Catalog, graph: Graph) -> Mapping[str, str]:
    """The nearest parent of each nested execution, the oldest record where there are several; one request."""
    executions = [node.rid for node in graph.executions]
    if not executions or not catalog.schema().has_table(NESTING):
        return {}
    links = read_links(catalog, executions, parents=True, recurse=False)
    return {link.child: link.parent for link in sorted(links, key=lambda link: link.created, reverse=True)}
