"""Differences between the lineages of two artifacts: code, data and configuration, step by step.

Steps are matched by the name of their workflow: two executions of ``Train`` are compared with each other, whichever
artifact they led to. What both lineages have in common is only counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.lineage.graph import Graph, rid_sort_key
from dml.lineage.lookup import lookup_lineage
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution
from dml.lineage.result import LineageResult
from dml.nesting.differences import parse_overrides

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Difference", "LineageDiff", "diff_lineage"]


@dataclass(frozen=True)
class Difference:
    """A property that the two lineages do not share.

    Attributes:
        kind: ``code``, ``data``, ``configuration``, ``status`` or ``step``.
        name: The step, dataset or file, and which of its properties differs.
        left, right: The values in each lineage; empty where it has no such property.
    """

    kind: str
    name: str
    left: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True)
class LineageDiff:
    """How the lineages of two artifacts differ.

    Attributes:
        left, right: Keys of the two artifacts.
        shared: Keys in both lineages, without the artifacts themselves.
        only_left, only_right: Keys of the executions in only one of them.
        differences: Sorted by kind and name.
        complete: Whether both lineages were walked to their ends.
    """

    left: str
    right: str
    shared: tuple[str, ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]
    differences: tuple[Difference, ...]
    complete: bool


_ORDER = ("step", "code", "data", "configuration", "status")
Properties = Mapping[tuple[str, str], frozenset[str]]
"""Values by kind and name; several, as a step may occur several times."""


def diff_lineage(catalog: Catalog, left: str, right: str, *, max_executions: int = 500) -> LineageDiff:
    """Compare what two artifacts were derived from. Reads only.

    Args:
        catalog: The catalog to read.
        left, right: ``RID`` or ``RID@VERSION`` of artifacts or executions.
        max_executions: The most executions to look into, for each of them.

    Raises:
        UsageError: A RID is malformed, or of a row that has no lineage.
        NotFoundError: There is no such row or version.
    """
    return compare_results(*(lookup_lineage(catalog, rid, max_executions=max_executions) for rid in (left, right)))


def compare_results(left: LineageResult, right: LineageResult) -> LineageDiff:
    """The differences between two lineages that have been read."""
    before, after = _properties(left.graph, left.root_key), _properties(right.graph, right.root_key)
    differences = [
        Difference(kind, name, _values(before, kind, name), _values(after, kind, name))
        for kind, name in {**before, **after}
        if before.get((kind, name)) != after.get((kind, name))
    ]
    shared = set(left.graph.nodes) & set(right.graph.nodes) - {left.root_key, right.root_key}
    return LineageDiff(
        left.root_key,
        right.root_key,
        _in_order(shared),
        _in_order(node.rid for node in left.graph.executions if node.rid not in right.graph.nodes),
        _in_order(node.rid for node in right.graph.executions if node.rid not in left.graph.nodes),
        tuple(sorted(differences, key=lambda difference: (_ORDER.index(difference.kind), difference.name))),
        left.walked_complete and right.walked_complete,
    )


def _values(properties: Properties, kind: str, name: str) -> tuple[str, ...]:
    return tuple(sorted(properties.get((kind, name), ())))


def _in_order(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(keys, key=rid_sort_key))


def _properties(graph: Graph, root: str) -> Properties:
    properties: dict[tuple[str, str], set[str]] = defaultdict(set)
    for node in graph.nodes.values():
        if node.key == root:
            continue
        if isinstance(node, Execution):
            _add_execution(node, properties)
        elif isinstance(node, DatasetState):
            properties["data", f"dataset {node.rid}"].add(node.version or "no version")
        elif isinstance(node, Asset):
            name = node.filename or node.rid
            properties["data", f"file {name} in {node.table.partition(':')[2]}"].add(node.md5 or node.rid)
    return {key: frozenset(values) for key, values in properties.items()}


def _add_execution(node: Execution, properties: dict[tuple[str, str], set[str]]) -> None:
    if node.condition in (Condition.unknown_provenance, Condition.not_followed):
        return
    workflow = node.workflow
    step = (workflow.name or workflow.rid) if workflow else "no workflow"
    properties["step", step].add("present")
    properties["status", step].add(node.status or "none")
    if workflow:
        for name, text in (("link", workflow.url), ("checksum", workflow.checksum), ("version", workflow.version)):
            if text:
                properties["code", f"{step}: {name}"].add(text)
    for name, value in parse_overrides(node.description).items():
        properties["configuration", f"{step}: {name}"].add(value)
