"""The graph as PROV-JSON (W3C member submission of 2013): entities, activities, agents and what connects them.

Executions are activities; datasets, files and feature values are entities; workflows are entities in the role of the
plan; users are agents. Written by hand, since the format is small; the tests read it back with the ``prov`` library.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from dml.lineage.exports.document import GraphDocument, caption, resource
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Asset, DatasetState, Execution, Feature, Node

Records = dict[str, dict[str, dict[str, Any]]]


def render(subject: GraphDocument) -> str:
    """Render the graph as PROV-JSON."""
    records: Records = defaultdict(dict)
    for node in subject.graph.nodes.values():
        if isinstance(node, Execution):
            _activity(records, node)
        else:
            records["entity"][name_of(node)] = _entity(subject, node)
    for number, edge in enumerate(subject.graph.edges):
        source, target = subject.graph.nodes[edge.source], subject.graph.nodes[edge.target]
        _relation(records, number, source, target, edge.kind, edge.note)
    base = f"https://{subject.target.host}/id/{subject.target.catalog_id}/"
    prefixes = {"row": base, "dml": "tag:deriva-dml,2026:lineage#", "user": "tag:deriva-dml,2026:user:"}
    return json.dumps({"prefix": prefixes, **records}, indent=1) + "\n"


def name_of(node: Node) -> str:
    """The qualified name of a node."""
    return f"row:{quote(node.key, safe='-._~')}"


def _activity(records: Records, node: Execution) -> None:
    name = name_of(node)
    values: dict[str, Any] = {"prov:label": caption(node), "dml:condition": node.condition.value}
    values |= {"dml:status": node.status} if node.status else {}
    values |= {"dml:description": node.description} if node.description else {}
    start = _moment(node.created)
    if start:
        values["prov:startTime"] = start.isoformat()
        if node.duration is not None:
            values["prov:endTime"] = (start + timedelta(seconds=node.duration)).isoformat()
    records["activity"][name] = values
    association: dict[str, Any] = {"prov:activity": name}
    if node.user:
        agent = f"user:{quote(node.user, safe='-._~')}"
        records["agent"][agent] = {"prov:label": node.user}
        association["prov:agent"] = agent
    if node.workflow:
        plan = f"row:{quote(node.workflow.rid, safe='-._~')}"
        texts = {
            "dml:url": node.workflow.url,
            "dml:checksum": node.workflow.checksum,
            "dml:version": node.workflow.version,
        }
        records["entity"][plan] = {
            "prov:type": {"$": "prov:Plan", "type": "prov:QUALIFIED_NAME"},
            "prov:label": node.workflow.name or node.workflow.rid,
            **{key: text for key, text in texts.items() if text},
        }
        if "prov:agent" in association:
            association["prov:plan"] = plan
        else:
            records["used"][f"_:plan{node.rid}"] = {"prov:activity": name, "prov:entity": plan}
    if "prov:agent" in association:
        records["wasAssociatedWith"][f"_:by{node.rid}"] = association


def _entity(subject: GraphDocument, node: Node) -> dict[str, Any]:
    values: dict[str, Any] = {"prov:label": caption(node), "dml:condition": node.condition.value}
    if isinstance(node, DatasetState):
        values |= {"prov:type": {"$": "prov:Collection", "type": "prov:QUALIFIED_NAME"}}
        values |= {"dml:version": node.version, "dml:snapshot": node.snapshot, "dml:description": node.description}
    elif isinstance(node, Asset):
        values |= {"prov:location": resource(subject, node), "dml:md5": node.md5, "dml:table": node.table}
        if node.length is not None:
            values["dml:length"] = {"$": str(node.length), "type": "xsd:long"}
    elif isinstance(node, Feature):
        values |= {"dml:table": node.table, "dml:count": {"$": str(node.count), "type": "xsd:long"}}
    return {key: value for key, value in values.items() if value != ""}


def _relation(records: Records, number: int, source: Node, target: Node, kind: EdgeKind, note: str) -> None:
    words = {"dml:note": note} if note else {}
    if kind is EdgeKind.input:
        values = {"prov:activity": name_of(target), "prov:entity": name_of(source)}
        records["used"][f"_:u{number}"] = {**values, **words}
    elif isinstance(source, Execution):
        values = {"prov:entity": name_of(target), "prov:activity": name_of(source)}
        words |= {"dml:through": "members"} if kind is EdgeKind.member else {}
        records["wasGeneratedBy"][f"_:g{number}"] = {**values, **words}
    else:
        values = {"prov:collection": name_of(target), "prov:entity": name_of(source)}
        records["hadMember"][f"_:m{number}"] = values


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
