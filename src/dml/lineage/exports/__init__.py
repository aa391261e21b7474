"""Renderings of a provenance graph as files: one module a format, each with ``render(subject) -> str``.

A format is chosen by its name; its module is imported only then. Every rendering is a pure function of the subject:
no request, no clock, no random number, so that the same history gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from dml.errors import UsageError
from dml.lineage.exports.document import GraphDocument

__all__ = ["FORMATS", "GraphDocument", "render"]

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
"""The formats and what they are."""


def render(name: str, subject: GraphDocument) -> str:
    """The subject in a format.

    Raises:
        UsageError: There is no such format.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format {name!r}", hint=f"Formats: {', '.join(FORMATS)}.")
    function: Callable[[GraphDocument], str] = import_module(f"{__name__}.{'json_' if name == 'json' else name}").render
    return function(subject)
