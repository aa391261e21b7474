"""The graph in Graphviz's language. Names are quoted; nothing from a catalog is read as HTML or as an escape."""

from __future__ import annotations

from dml.lineage.exports.document import GraphDocument, is_failed, label_lines
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Node
from dml.safe_text import safe

_SHAPES = {Execution: "box", DatasetState: "cylinder", Asset: "note"}
_COLOURS = {Execution: "#cfe3fa", DatasetState: "#d9f2d9", Asset: "#fdf3c8"}


def render(subject: GraphDocument) -> str:
    """Render the graph for ``dot``."""
    lines = ["digraph lineage {", "  rankdir=LR;", '  node [style=filled, fontname="sans-serif", fontsize=10];']
    for key, node in subject.graph.nodes.items():
        lines.append(f"  {_quoted(key)} [{', '.join(_attributes(subject, node))}];")
    for edge in subject.graph.edges:
        style = ", style=dashed" if edge.kind is EdgeKind.member else ""
        note = f", tooltip={_quoted(safe(edge.note, limit=200))}" if edge.note else ""
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={_quoted(edge.kind)}{style}{note}];")
    return "\n".join([*lines, "}"]) + "\n"


def _attributes(subject: GraphDocument, node: Node) -> list[str]:
    first, second = label_lines(node)
    label = _quoted(first)[:-1] + r"\n" + _quoted(second)[1:]
    found = [
        f"label={label}",
        f"shape={_SHAPES.get(type(node), 'ellipse')}",
        f'fillcolor="{_COLOURS.get(type(node), "#eadcf5")}"',
        f"URL={_quoted(subject.page(node))}",
    ]
    if node.key == subject.root_key:
        found.append("penwidth=2")
    if is_failed(node) or node.condition is not Condition.present:
        found.append('color="#c0392b"')
    return found


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\x00", "")
    return f'"{escaped}"'
