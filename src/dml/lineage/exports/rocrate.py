"""The graph as a Process Run Crate 0.5: the text of an ``ro-crate-metadata.json`` (RO-Crate 1.1, JSON-LD).

Executions are ``CreateAction``s with their workflow as instrument; datasets and files are their objects and results.
Files stay in the catalog: the crate refers to them by web address. Written by hand; the tests read it back.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from dml.lineage.exports.document import GraphDocument, caption, resource
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node, Workflow

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CRATE = "https://w3id.org/ro/crate/1.1"
_STATUS = {
    "Uploaded": "CompletedActionStatus",
    "Completed": "CompletedActionStatus",
    "Failed": "FailedActionStatus",
    "Aborted": "FailedActionStatus",
}
_UNDATED = "1970-01-01T00:00:00+00:00"


def render(subject: GraphDocument) -> str:
    """Render the graph as the metadata document of a crate."""
    entities: dict[str, dict[str, Any]] = {}
    parts: list[dict[str, str]] = []
    actions: list[dict[str, str]] = []
    for node in subject.graph.nodes.values():
        reference = {"@id": identifier(subject, node)}
        if isinstance(node, Execution):
            actions.append(reference)
            _action(subject, node, entities)
        else:
            parts.append(reference)
            entities[reference["@id"]] = {**reference, **_artifact(subject, node)}
    crate = [_descriptor(), _root(subject, parts, actions), _profile(), *entities.values()]
    return json.dumps({"@context": f"{_CRATE}/context", "@graph": crate}, indent=1) + "\n"


def identifier(subject: GraphDocument, node: Node) -> str:
    """The ``@id`` of a node: where a file's bytes are, else the address of the row."""
    if isinstance(node, Asset) and node.url.startswith("/"):
        return resource(subject, node)
    return subject.identifier(node)


def _descriptor() -> dict[str, Any]:
    about = {"conformsTo": {"@id": _CRATE}, "about": {"@id": "./"}}
    return {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", **about}


def _root(subject: GraphDocument, parts: list[dict[str, str]], actions: list[dict[str, str]]) -> dict[str, Any]:
    root = subject.graph.nodes[subject.root_key]
    dates = [node.created for node in subject.graph.nodes.values() if not isinstance(node, Feature) and node.created]
    return {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": f"Lineage of {caption(root)}",
        "description": f"How {caption(root)} of the catalog {subject.target} came to exist.",
        "datePublished": max(dates, default=_UNDATED),
        "license": "The files' own; see the catalog.",
        "hasPart": parts,
        "mentions": actions,
    }


def _profile() -> dict[str, Any]:
    return {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}


def _action(subject: GraphDocument, node: Execution, entities: dict[str, dict[str, Any]]) -> None:
    graph, here = subject.graph, identifier(subject, node)
    inputs = [graph.nodes[edge.source] for edge in graph.sources[node.key] if edge.kind is EdgeKind.input]
    outputs = [graph.nodes[edge.target] for edge in graph.targets[node.key]]
    values: dict[str, Any] = {
        "@id": here,
        "@type": "CreateAction",
        "name": caption(node),
        "description": node.description,
        "instrument": {"@id": _instrument(subject, node.workflow, entities)},
        "object": [{"@id": identifier(subject, one)} for one in inputs],
        "result": [{"@id": identifier(subject, one)} for one in outputs],
        "actionStatus": f"http://schema.org/{_STATUS.get(node.status or '', 'ActiveActionStatus')}",
        "error": node.status_detail if node.status == "Failed" else "",
        **_times(node),
    }
    if node.user:
        agent = node.user if node.user.startswith("https://") else f"#user-{node.user}"
        values["agent"] = {"@id": agent}
        entities[agent] = {"@id": agent, "@type": "Person", "name": node.user}
    entities[here] = {key: value for key, value in values.items() if value not in ("", [])}


def _instrument(subject: GraphDocument, workflow: Workflow | None, entities: dict[str, dict[str, Any]]) -> str:
    if workflow is None:
        entities["#unrecorded-code"] = {
            "@id": "#unrecorded-code",
            "@type": "SoftwareApplication",
            "name": "code that was not recorded",
        }
        return "#unrecorded-code"
    name = f"https://{subject.target.host}/id/{subject.target.catalog_id}/{workflow.rid}"
    texts = {"url": workflow.url, "softwareVersion": workflow.version, "identifier": workflow.checksum}
    entities[name] = {
        "@id": name,
        "@type": "SoftwareApplication",
        "name": workflow.name or workflow.rid,
        **{key: text for key, text in texts.items() if text},
    }
    return name


def _times(node: Execution) -> dict[str, str]:
    try:
        begun = datetime.fromisoformat(node.created)
    except ValueError:
        return {}
    ended = {} if node.duration is None else {"endTime": (begun + timedelta(seconds=node.duration)).isoformat()}
    return {"startTime": begun.isoformat(), **ended}


def _artifact(subject: GraphDocument, node: Node) -> dict[str, Any]:
    values: dict[str, Any] = {"name": caption(node)}
    if isinstance(node, Asset):
        values |= {"@type": "File", "identifier": node.md5, "description": node.description}
        values |= {"contentSize": str(node.length)} if node.length is not None else {}
        values |= {"url": subject.page(node)}
    elif isinstance(node, DatasetState):
        values |= {"@type": "Dataset", "version": node.version, "description": node.description}
    else:
        values |= {"@type": "CreativeWork"}
    if node.condition is not Condition.present:
        values["creativeWorkStatus"] = node.condition.value
    return {key: value for key, value in values.items() if value != ""}
