"""The executions of a graph as OpenLineage run events, one a line (specification 2-0-2).

The id of a run is a version 5 UUID of the catalog and the RID, so that the same run has the same id from every
machine. Nesting appears as the parent facet, as OpenLineage has it. What was only read from older records without a
time gets the epoch as its event time: the format demands one.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from dml._version import __version__
from dml.lineage.exports.document import GraphDocument, resource
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Node

__all__ = ["render", "run_id"]

PRODUCER = f"urn:deriva-dml:{__version__}"
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_WEB = re.compile(r"https?://[\x21-\x7e]+")
_EVENTS = {
    "Uploaded": "COMPLETE",
    "Completed": "COMPLETE",
    "Failed": "FAIL",
    "Aborted": "ABORT",
    "Running": "RUNNING",
    "Created": "START",
}


def render(subject: GraphDocument) -> str:
    """Render one event for each execution whose row is known."""
    known = (node for node in subject.graph.executions if node.condition is Condition.present)
    return "".join(json.dumps(_event(subject, node)) + "\n" for node in known)


def run_id(subject: GraphDocument, rid: str) -> str:
    """The run's id: a version 5 UUID of the row's address."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{subject.target.live.url}/{rid}"))


def _event(subject: GraphDocument, node: Execution) -> dict[str, Any]:
    graph = subject.graph
    inputs = [graph.nodes[edge.source] for edge in graph.sources[node.rid] if edge.kind is EdgeKind.input]
    outputs = [graph.nodes[edge.target] for edge in graph.targets[node.rid]]
    return {
        "eventType": _EVENTS.get(node.status or "Created", "OTHER"),
        "eventTime": _time(node),
        "producer": PRODUCER,
        "schemaURL": _SPEC,
        "run": {"runId": run_id(subject, node.rid), "facets": _run_facets(subject, node)},
        "job": {"namespace": _namespace(subject), "name": _job(node), "facets": _job_facets(node)},
        "inputs": [_dataset(subject, one) for one in inputs],
        "outputs": [_dataset(subject, one) for one in outputs],
    }


def _namespace(subject: GraphDocument) -> str:
    return f"deriva://{subject.target.host}/{subject.target.catalog_id}"


def _job(node: Execution) -> str:
    return (node.workflow.name or node.workflow.rid) if node.workflow else node.rid


def _time(node: Execution) -> str:
    try:
        begun = datetime.fromisoformat(node.created)
    except ValueError:
        begun = datetime.fromtimestamp(0, UTC)
    return (begun + timedelta(seconds=node.duration or 0)).astimezone(UTC).isoformat()


def _facet(kind: str, revision: str, /, **values: Any) -> dict[str, Any]:
    name = f"{kind[:1].upper()}{kind[1:]}"
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{revision}/{name}.json#/$defs/{name}", **values}


def _run_facets(subject: GraphDocument, node: Execution) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    parent = subject.parents.get(node.rid)
    if parent is not None:
        known = subject.graph.nodes.get(parent)
        name = _job(known) if isinstance(known, Execution) else parent
        job = {"namespace": _namespace(subject), "name": name}
        facets["parent"] = _facet("parentRunFacet", "1-0-1", run={"runId": run_id(subject, parent)}, job=job)
    if node.status == "Failed":
        message = node.status_detail or "failed"
        facets["errorMessage"] = _facet("errorMessageRunFacet", "1-0-1", message=message, programmingLanguage="Python")
    return facets


def _job_facets(node: Execution) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if node.description:
        text = node.description
        facets["documentation"] = _facet("documentationJobFacet", "1-0-1", description=text)
    if node.workflow and _WEB.fullmatch(node.workflow.url):
        facets["sourceCodeLocation"] = _facet(
            "sourceCodeLocationJobFacet", "1-0-1", type="git", url=node.workflow.url, version=node.workflow.version
        )
    return facets


def _dataset(subject: GraphDocument, node: Node) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if isinstance(node, DatasetState) and node.version:
        facets["version"] = _facet("datasetVersionDatasetFacet", "1-0-1", datasetVersion=node.version)
    if isinstance(node, Asset) and node.url:
        facets["dataSource"] = _facet(
            "datasourceDatasetFacet", "1-0-1", name=node.filename or node.rid, uri=resource(subject, node)
        )
    return {"namespace": _namespace(subject), "name": node.key, "facets": facets}
