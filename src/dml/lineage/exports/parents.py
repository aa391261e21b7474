"""Parents of the nested executions in a graph, for the formats that state them beside the data flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dml.lineage.graph import Graph
from dml.nesting.tree import NESTING, read_links

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["read_parents"]


def read_parents(catalog: Catalog, graph: Graph) -> Mapping[str, str]:
    """Read the parent of each nested execution, the one recorded first where there are several; one request."""
    executions = [node.rid for node in graph.executions]
    if not executions or not catalog.schema().has_table(NESTING):
        return {}
    links = read_links(catalog, executions, parents=True, recurse=False)
    return {link.child: link.parent for link in sorted(links, key=lambda link: link.created, reverse=True)}
