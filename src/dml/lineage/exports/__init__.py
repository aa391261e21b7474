"""Exports of a provenance graph: one module for each format, with ``render(subject) -> str``.

The module of a format is imported when the format is requested. A rendering depends on its subject alone (no request,
clock or random number), so the same lineage gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from dml.errors import UsageError
from dml.lineage.exports.document import GraphDocument

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.lineage.graph import Graph

__all__ = ["FORMATS", "GraphDocument", "export", "render"]

FORMATS: dict[str, str] = {
    "json": "Nodes and edges, flat.",
    "dot": "Graphviz.",
    "mermaid": "A flowchart for Markdown.",
    "svg": "A drawing.",
    "html": "One page with the drawing: pan, zoom, click for details.",
    "prov": "W3C PROV as PROV-JSON.",
    "openlineage": "OpenLineage run events, JSON Lines.",
    "rocrate": "Process Run Crate 0.5: the text of ro-crate-metadata.json.",
}
"""Descriptions by name of the format."""


def export(catalog: Catalog, graph: Graph, root_key: str, format_: str) -> str:
    """Render a graph in a format, reading the nesting of its executions where the format states it.

    Args:
        catalog: The catalog that the graph was read from.
        graph: The graph to render.
        root_key: Key of the node whose lineage it is.
        format_: A key of ``FORMATS``.

    Raises:
        UsageError: There is no such format.
    """
    from dml.lineage.exports.parents import read_parents

    parents = read_parents(catalog, graph) if format_ == "openlineage" else {}
    return render(format_, GraphDocument(catalog.target, graph, root_key, parents))


def render(format_: str, subject: GraphDocument) -> str:
    """Render a graph that needs no further request.

    Raises:
        UsageError: There is no such format.
    """
    if format_ not in FORMATS:
        raise UsageError(f"unknown format {format_!r}", hint=f"The formats are {', '.join(FORMATS)}.")
    module = import_module(f"{__name__}.{'json_' if format_ == 'json' else format_}")
    function: Callable[[GraphDocument], str] = module.render
    return function(subject)
