"""The graph as an SVG drawing that stands alone: boxes in layers, curves between them, a tooltip on each."""

from __future__ import annotations

from html import escape

from dml.lineage.exports.document import GraphDocument, caption, is_failed, label_lines
from dml.lineage.exports.layout import HEIGHT, WIDTH, Layout, arrange
from dml.lineage.graph import Edge, EdgeKind
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Node
from dml.safe_text import safe

__all__ = ["STYLE", "drawing", "render"]

STYLE = """
.node rect{stroke:#7a8793;stroke-width:1;rx:6}
.execution rect{fill:#cfe3fa}.dataset rect{fill:#d9f2d9}.asset rect{fill:#fdf3c8}.feature rect{fill:#eadcf5}
.failed rect{stroke:#c0392b;stroke-width:2}.faint rect{stroke-dasharray:4 3;fill:#f2f2f2}
.root rect{stroke:#1b2733;stroke-width:3}
text{font:12px system-ui,sans-serif;fill:#1b2733}.second{font-size:10px;fill:#4d5965}
.edge{fill:none;stroke:#9aa7b3;stroke-width:1.2}.member{stroke-dasharray:5 4}
"""


def render(subject: GraphDocument) -> str:
    """Render the graph as one SVG file."""
    layout = arrange(subject.graph)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width} {layout.height}"'
    title = f"<title>{_text(caption(subject.graph.nodes[subject.root_key]))}</title>"
    size = f' width="{layout.width}" height="{layout.height}" role="img">'
    return f"{head}{size}{title}<style>{STYLE}</style>{drawing(subject, layout)}</svg>\n"


def drawing(subject: GraphDocument, layout: Layout) -> str:
    """The curves and boxes, without the element around them; each box knows its node by ``data-key``."""
    edges = [_curve(edge, layout) for edge in subject.graph.edges]
    boxes = [_box(subject, key, layout) for key in subject.graph.nodes]
    return "".join([*edges, *boxes])


def _curve(edge: Edge, layout: Layout) -> str:
    left, right = layout.positions[edge.source], layout.positions[edge.target]
    x1, y1, x2, y2 = left[0] + WIDTH, left[1] + HEIGHT // 2, right[0], right[1] + HEIGHT // 2
    bend = max(30, abs(x2 - x1) // 2)
    kind = "edge member" if edge.kind is EdgeKind.member else "edge"
    words = " · ".join(part for part in (edge.kind.value, edge.note) if part)
    path = f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
    return f'<path class="{kind}" d="{path}"><title>{_text(words)}</title></path>'


def _box(subject: GraphDocument, key: str, layout: Layout) -> str:
    node = subject.graph.nodes[key]
    x, y = layout.positions[key]
    first, second = label_lines(node)
    return (
        f'<g class="{_classes(subject, node)}" data-key="{_text(key)}" transform="translate({x},{y})" tabindex="0">'
        f'<rect width="{WIDTH}" height="{HEIGHT}"/><text x="9" y="18">{_text(first)}</text>'
        f'<text class="second" x="9" y="34">{_text(second)}</text></g>'
    )


def _classes(subject: GraphDocument, node: Node) -> str:
    kinds = {Execution: "execution", DatasetState: "dataset", Asset: "asset"}
    classes = ["node", kinds.get(type(node), "feature")]
    classes += ["failed"] if is_failed(node) else []
    classes += ["faint"] if node.condition is not Condition.present else []
    classes += ["root"] if node.key == subject.root_key else []
    return " ".join(classes)


def _text(text: str) -> str:
    return escape(safe(text), quote=True)
