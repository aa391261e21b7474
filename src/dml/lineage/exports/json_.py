"""The graph as one JSON document: flat lists of nodes and edges, as in the ``graph`` of ``dml lineage --json``."""

from __future__ import annotations

import json

from dml.lineage.exports.document import GraphDocument
from dml.lineage.result import graph_mapping


def render(subject: GraphDocument) -> str:
    """Render the graph as JSON."""
    document = {
        "schema": "dml.lineage.graph/1",
        "catalog": str(subject.target),
        "root_key": subject.root_key,
        **graph_mapping(subject.graph),
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"
