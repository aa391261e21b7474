"""What is rendered: a graph, where it is from, and the words for its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from dml.lineage.graph import Graph
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node
from dml.safe_text import safe
from dml.target import Target

__all__ = ["GraphDocument", "caption", "detail_rows", "is_failed", "label_lines", "resource"]


@dataclass(frozen=True)
class GraphDocument:
    """A graph and its home.

    Attributes:
        target: The catalog.
        graph: What is rendered.
        root_key: Key of the node that was asked about.
        parents: For an execution the one it is nested in, where that is known.
    """

    target: Target
    graph: Graph
    root_key: str
    parents: Mapping[str, str] = field(default_factory=dict)

    def page(self, node: Node) -> str:
        """A web address that names the node; for a dataset's version at its snapshot."""
        at = f"@{node.snapshot}" if isinstance(node, DatasetState) and node.snapshot else ""
        name = node.rid or node.key
        return f"https://{self.target.host}/id/{self.target.catalog_id}/{quote(name, safe='')}{at}"

    def identifier(self, node: Node) -> str:
        """A web address that no other node of the graph has: that of its row, a version told apart."""
        if isinstance(node, DatasetState) and node.version and not node.snapshot:
            return f"{self.page(node)}#{quote(node.version, safe='')}"
        return self.page(node)


def resource(subject: GraphDocument, asset: Asset) -> str:
    """Where an asset's bytes are, as a whole URL; empty where its row does not say."""
    if asset.url.startswith("/"):
        return f"https://{subject.target.host}{asset.url}"
    return asset.url


def label_lines(node: Node) -> tuple[str, str]:
    """Two short lines that name a node; made safe."""
    if isinstance(node, Execution):
        title = (node.workflow.name if node.workflow else "") or node.description or "execution"
        return safe(title, limit=28), f"{node.rid} · {safe(node.status or 'no status', limit=20)}"
    if isinstance(node, DatasetState):
        return safe(node.description or "dataset", limit=28), safe(f"{node.rid} {node.version}", limit=34)
    if isinstance(node, Asset):
        return safe(node.filename or "file", limit=28), f"{node.rid} · {safe(node.table.partition(':')[2], limit=20)}"
    count = f" · {node.count:,}" if node.count != 1 else ""
    return safe(node.name or "feature", limit=28), safe(f"{node.rid or node.table.partition(':')[2]}{count}", limit=34)


def caption(node: Node) -> str:
    """One line that names a node."""
    return " ".join(label_lines(node))


def is_failed(node: Node) -> bool:
    """Whether a node is an execution that did not reach its end."""
    return isinstance(node, Execution) and node.status in ("Failed", "Aborted")


def detail_rows(subject: GraphDocument, node: Node) -> list[tuple[str, str]]:
    """What there is to say of a node, as names and texts; long texts are cut."""
    rows: list[tuple[str, object]] = [("RID", node.rid or node.key)]
    if node.condition is not Condition.present:
        rows.append(("note", node.condition.value.replace("_", " ")))
    if isinstance(node, Execution):
        rows += [("status", node.status), ("detail", node.status_detail), ("description", node.description)]
        if node.workflow:
            workflow = node.workflow
            rows += [("workflow", workflow.name), ("types", ", ".join(workflow.types)), ("code", workflow.url)]
            rows += [("checksum", workflow.checksum), ("version", workflow.version)]
        length = "" if node.duration is None else f"{node.duration:.0f} s"
        rows += [("duration", length), ("created", node.created), ("user", node.user)]
    elif isinstance(node, DatasetState):
        rows += [("version", node.version), ("description", node.description), ("snapshot", node.snapshot)]
        rows += [("created", node.created)]
    elif isinstance(node, Asset):
        size = "" if node.length is None else f"{node.length:,} bytes"
        rows += [("file", node.filename), ("table", node.table), ("size", size), ("md5", node.md5)]
        rows += [("description", node.description), ("created", node.created)]
    elif isinstance(node, Feature):
        rows += [("feature", node.name), ("table", node.table), ("values", node.count)]
    rows.append(("page", subject.page(node)))
    return [(name, safe(value, limit=2_000)) for name, value in rows if value not in (None, "")]
