"""What differs between the histories of two artifacts: code, data and configuration, step by step.

Steps are told by the name of their workflow: two runs of ``Train`` are compared with each other, whichever artifact
they led to. What both histories share, row for row, is only counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dml.lineage.graph import Asset, Condition, DatasetState, Execution, Graph, natural
from dml.lineage.result import LineageResult
from dml.nesting.differences import parse_overrides

__all__ = ["Difference", "HistoryDiff", "compare_histories"]


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both histories.

    Attributes:
        kind: ``code``, ``data``, ``configuration``, ``status`` or ``step``.
        what: The step, dataset or file that differs, and in which respect.
        left, right: What each history says; empty where it has no such thing.
    """

    kind: str
    what: str
    left: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True)
class HistoryDiff:
    """How two histories differ.

    Attributes:
        left, right: Keys of the two artifacts.
        shared: Keys that both histories hold, the artifacts themselves left out.
        only_left, only_right: Keys of executions that one of them holds.
        differences: Sorted by kind and name.
        complete: Whether both histories were walked to their ends.
    """

    left: str
    right: str
    shared: tuple[str, ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]
    differences: tuple[Difference, ...]
    complete: bool


_ORDER = ("step", "code", "data", "configuration", "status")
EdgeStore = Mapping[tuple[str, str], frozenset[str]]


def compare_histories(left: LineageResult, right: LineageResult) -> HistoryDiff:
    """Compare what led to two artifacts."""
    ours, theirs = _facts(left.graph, left.root_key), _facts(right.graph, right.root_key)
    differences = [
        Difference(kind, what, tuple(sorted(ours.get((kind, what), ()))), tuple(sorted(theirs.get((kind, what), ()))))
        for kind, what in {**ours, **theirs}
        if ours.get((kind, what)) != theirs.get((kind, what))
    ]
    both = set(left.graph.nodes) & set(right.graph.nodes) - {left.root_key, right.root_key}
    return HistoryDiff(
        left.root_key,
        right.root_key,
        _in_order(both),
        _in_order(node.rid for node in left.graph.executions if node.rid not in right.graph.nodes),
        _in_order(node.rid for node in right.graph.executions if node.rid not in left.graph.nodes),
        tuple(sorted(differences, key=lambda one: (_ORDER.index(one.kind), one.what))),
        left.walked_complete and right.walked_complete,
    )


def _in_order(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(keys, key=natural))


def _facts(graph: Graph, root: str) -> EdgeStore:
    """What a history says, by kind and name; a set, since a step may occur several times."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for node in graph.nodes.values():
        if node.key == root:
            continue
        if isinstance(node, Execution):
            _of_execution(node, found)
        elif isinstance(node, DatasetState):
            found["data", f"dataset {node.rid}"].add(node.version or "no version")
        elif isinstance(node, Asset):
            name = node.filename or node.rid
            found["data", f"file {name} in {node.table.partition(':')[2]}"].add(node.md5 or node.rid)
    return {key: frozenset(values) for key, values in found.items()}


def _of_execution(node: Execution, found: dict[tuple[str, str], set[str]]) -> None:
    if node.condition in (Condition.unknown_provenance, Condition.not_followed):
        return
    workflow = node.workflow
    step = (workflow.name or workflow.rid) if workflow else "no workflow"
    found["step", step].add("present")
    found["status", step].add(node.status or "none")
    if workflow:
        for name, text in (("link", workflow.url), ("checksum", workflow.checksum), ("version", workflow.version)):
            if text:
                found["code", f"{step}: {name}"].add(text)
    for name, value in parse_overrides(node.description).items():
        found["configuration", f"{step}: {name}"].add(value)
