"""Lineage and nesting for a tree that opens step by step: asks the catalog in a thread, returns labelled branches.

A branch says what can be opened below it; nothing below is made before it is asked for. The walk itself is one call of
the lineage room, so that opening further costs no request; nesting is read a level at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.formatting import UNKNOWN, format_duration, format_size, pluralize, status_symbol
from dml.lineage.graph import Edge, EdgeKind, Graph, rid_sort_key
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.nesting.execution_summaries import ExecutionSummary

FREE_TEXT = 60
AT_ONCE = 200
"""Branches shown below one; the rest is counted."""


@dataclass(frozen=True)
class Branch:
    """A line of the tree.

    Attributes:
        rid: Of the row it shows; empty for a remark.
        text: What it says, harmless for a terminal.
        kind: ``dataset``, ``asset``, ``feature``, ``execution`` or ``remark``.
        opens: Gives the branches below; None when there are none. May ask the catalog: call it in a thread.
    """

    rid: str
    text: str
    kind: str
    opens: Callable[[], tuple[Branch, ...]] | None = None


class LineageReader:
    """Reads the histories of one catalog.

    Args:
        connect: Opens the catalog; called at the first use.
    """

    def __init__(self, connect: Callable[[], Catalog]) -> None:
        self._connect = connect
        self._catalog: Catalog | None = None

    def backward(self, rid: str) -> Branch:
        """What an artifact came from.

        Raises:
            DmlError: As ``dml lineage``.
        """
        from dml.lineage.lookup import lookup_lineage

        found = lookup_lineage(self._opened(), rid)
        return _branch(found.graph, found.graph.nodes[found.root_key], None, forward=False, above=frozenset())

    def forward(self, rid: str) -> Branch:
        """What was made from it.

        Raises:
            DmlError: As ``dml lineage --forward``.
        """
        from dml.lineage.forward import lookup_descendants

        found = lookup_descendants(self._opened(), rid)
        return _branch(found.graph, found.graph.nodes[found.root_key], None, forward=True, above=frozenset())

    def nested(self, rid: str) -> Branch:
        """The executions nested in an execution, read a level at a time.

        Raises:
            DmlError: As ``dml nested``.
        """
        from dml.nesting.execution_summaries import read_summaries
        from dml.nesting.tree import read_nesting

        catalog = self._opened()
        read_nesting(catalog, rid, recurse=False)  # refuses what is no execution
        return self._run_branch(read_summaries(catalog, [rid])[rid], None, frozenset())

    def _run_branch(self, run: ExecutionSummary, sequence: int | None, above: frozenset[str]) -> Branch:
        place = f"{sequence}  " if sequence is not None else ""
        status = run.status or "no status"
        parts = [f"{status_symbol(status)[0]} {status}", format_duration(run.duration) if run.duration else ""]
        title = run.workflow_name or run.description
        text = " · ".join(part for part in (f"{place}{run.rid} {title}".strip(), *parts) if part)
        if run.rid in above:
            return Branch(run.rid, safe(f"{text} ── nested in itself: the records are damaged"), "execution")
        return Branch(run.rid, safe(text), "execution", lambda: self._below(run.rid, above | {run.rid}))

    def _below(self, rid: str, above: frozenset[str]) -> tuple[Branch, ...]:
        from dml.nesting.tree import read_nesting

        nesting = read_nesting(self._opened(), rid, recurse=False)
        links = nesting.below(rid)
        if not links:
            return (Branch("", "nothing is nested in it", "remark"),)
        return tuple(self._run_branch(nesting.runs[link.child], link.sequence, above) for link in links)

    def _opened(self) -> Catalog:
        if self._catalog is None:
            self._catalog = self._connect()
        self._catalog.renew()
        return self._catalog


def _branch(graph: Graph, node: Node, edge: Edge | None, *, forward: bool, above: frozenset[str]) -> Branch:
    edges = graph.targets[node.key] if forward else graph.sources[node.key]
    text = f"{_label(edge, node, forward)}{_about(node)}{_remark(node, edge, bool(edges), forward)}"
    kind = _KINDS[type(node)]
    rid = node.rid or ""
    if node.key in above:
        return Branch(rid, f"{text} ── shown above: the records form a circle", kind)
    if not edges or node.condition is Condition.unknown_provenance:
        return Branch(rid, text, kind)

    def opens() -> tuple[Branch, ...]:
        ordered = sorted(edges, key=lambda one: (one.kind is EdgeKind.member, rid_sort_key(_end(one, forward))))
        below = [
            _branch(graph, graph.nodes[_end(one, forward)], one, forward=forward, above=above | {node.key})
            for one in ordered[:AT_ONCE]
        ]
        if len(ordered) > AT_ONCE:
            below.append(Branch("", f"and {len(ordered) - AT_ONCE:,} more", "remark"))
        return tuple(below)

    return Branch(rid, text, kind, opens)


_KINDS = {Execution: "execution", DatasetState: "dataset", Asset: "asset", Feature: "feature"}

_REMARKS = {
    Condition.deleted: "deleted",
    Condition.missing: "gone, or not readable by you",
    Condition.unknown_provenance: "unknown provenance",
    Condition.not_followed: "not followed further",
}


def _end(edge: Edge, forward: bool) -> str:
    return edge.target if forward else edge.source


def _label(edge: Edge | None, node: Node, forward: bool) -> str:
    if edge is None:
        return ""
    if edge.kind is EdgeKind.member:
        return "in  " if forward else "member  "
    if isinstance(node, Execution):
        return ""
    return "output  " if forward else "input  "


def _remark(node: Node, edge: Edge | None, has_more: bool, forward: bool) -> str:
    note = f" · {safe(edge.note, limit=FREE_TEXT)}" if edge is not None and edge.note else ""
    if node.condition in _REMARKS:
        return f"{note} ── {_REMARKS[node.condition]}"
    if not has_more and not forward and not isinstance(node, Execution):
        return f"{note} ── no recorded producer"
    return note


def _about(node: Node) -> str:
    if isinstance(node, Execution):
        workflow = node.workflow
        title = safe((workflow.name if workflow else "") or node.description, limit=FREE_TEXT)
        status = safe(node.status or "no status", limit=40)
        parts = [f"{node.rid} {title}".strip(), f"{status_symbol(status)[0]} {status}"]
        parts += [format_duration(node.duration)] if node.duration is not None else []
        parts += ["uncommitted changes"] if node.is_dirty else []
        return " · ".join(parts)
    if isinstance(node, DatasetState):
        version = f" {safe(node.version, limit=40)}" if node.version else ""
        described = f' "{safe(node.description, limit=FREE_TEXT)}"' if node.description else ""
        return f"{node.rid}{version}{described}"
    if isinstance(node, Asset):
        name = safe(node.filename, limit=FREE_TEXT) or UNKNOWN
        size = f" · {format_size(node.length)}" if node.length is not None else ""
        return f"{node.rid} {name} · {node.table.partition(':')[2]}{size}"
    name = safe(node.name or node.table, limit=FREE_TEXT)
    return f"{node.rid} {name}" if node.rid else f"{name} · {pluralize(node.count, 'value')}"
