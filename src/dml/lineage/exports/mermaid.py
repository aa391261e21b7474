"""The graph as a Mermaid flowchart, for Markdown. Node names are numbers; labels are entity-encoded."""

from __future__ import annotations

from dml.lineage.exports.document import GraphDocument, is_failed, label_lines
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Asset, DatasetState, Execution, Node

_BRACKETS = {Execution: ("[", "]"), DatasetState: ("[(", ")]"), Asset: ("([", "])")}


def render(subject: GraphDocument) -> str:
    """Render the graph as a flowchart from left to right."""
    names = {key: f"n{number}" for number, key in enumerate(subject.graph.nodes)}
    lines = ["flowchart LR"]
    for key, node in subject.graph.nodes.items():
        lines.append(f"  {names[key]}{_shape(node)}")
    for edge in subject.graph.edges:
        arrow = "-.->" if edge.kind is EdgeKind.member else "-->"
        lines.append(f"  {names[edge.source]} {arrow}|{edge.kind}| {names[edge.target]}")
    failed = [names[key] for key, node in subject.graph.nodes.items() if is_failed(node)]
    lines += (
        ["  classDef failed stroke:#c0392b,stroke-width:2px", f"  class {','.join(failed)} failed"] if failed else []
    )
    return "\n".join([*lines, f"  style {names[subject.root_key]} stroke-width:3px"]) + "\n"


def _shape(node: Node) -> str:
    before, after = _BRACKETS.get(type(node), ("{{", "}}"))
    label = "<br/>".join(_encoded(line) for line in label_lines(node))
    return f'{before}"{label}"{after}'


def _encoded(text: str) -> str:
    """Everything but plain letters, digits and a few signs as Mermaid's decimal entities."""
    return "".join(one if one.isalnum() or one in " .-_·/" else f"#{ord(one)};" for one in text)
