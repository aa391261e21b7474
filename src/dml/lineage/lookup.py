"""``lookup_lineage``: from a RID to everything that led to it, in a handful of requests.

With A asset tables a walk costs, whatever its depth: the schema, where the RID lives, 2 + A counts, its own row,
2 + A edge tables, the executions' rows; at most 10 + 2·A, five of them in sequence. To that come the snapshots: for
each distinct snapshot of a dataset version on the way, a request for each asset table with outputs that datasets may
hold, all at the same time. A catalog with more edges than ``WHOLE_UP_TO`` is read level by level, at most 6 + 2·A
requests a level (and its snapshots), three in sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, RowLocation, locate, select, validate_rid
from dml.errors import NotFoundError, UsageError
from dml.lineage.edge_source import LevelSource, WholeSource
from dml.lineage.execution_details import executions_of
from dml.lineage.fetch_edges import Reader
from dml.lineage.graph import Asset, Condition, DatasetState, Execution, Feature, Graph, Node
from dml.lineage.result import LineageResult, summarise
from dml.lineage.tables import DATASET, EXECUTION, WORKFLOW, edge_tables
from dml.lineage.walk import Limits, Walked, walk_back, walk_from_producer

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["WHOLE_UP_TO", "Start", "begin", "lookup_lineage", "parse_reference", "with_rows"]

WHOLE_UP_TO = 40_000
"""Edges of a catalog up to which they are read whole: a few megabytes."""


def lookup_lineage(
    catalog: Catalog,
    rid: str,
    *,
    depth: int | None = None,
    max_executions: int = 500,
    whole_up_to: int = WHOLE_UP_TO,
) -> LineageResult:
    """Find what produced a dataset, asset, feature value or execution, and from what. Reads only.

    Args:
        catalog: Where to look.
        rid: A RID; a dataset's may name a version, ``1-ABC@1.2.0``, else the current one is meant.
        depth: Levels of executions behind the producer; 0 shows the producer alone, None everything.
        max_executions: The most executions to look into; those nearest to the artifact come first.
        whole_up_to: Edges up to which the catalog's edge tables are read whole.

    Raises:
        UsageError: The RID is malformed, or of a row that has no lineage (a workflow, a term).
        NotFoundError: There is no such row, or no such version.
    """
    if (depth is not None and depth < 0) or max_executions < 1:
        raise UsageError("depth must be 0 or more, max_executions 1 or more")
    start = begin(catalog, rid, whole_up_to=whole_up_to, backward_only=True)
    limits = Limits(depth, max_executions)
    walked = _walk(start, limits)
    graph = with_rows(start.reader, walked.graph, walked.visited, start.whole)
    visited = sum(1 for key in walked.visited if _condition(graph, key) is not Condition.unknown_provenance)
    return summarise(
        graph,
        start.root.key,
        visited=visited,
        complete=walked.complete,
        depth_capped=walked.depth_capped,
        warnings=start.reader.facts.warnings,
    )


@dataclass(frozen=True)
class Start:
    """A walk about to begin.

    Attributes:
        reader: Reads the catalog; holds the facts.
        root: The node that was asked about.
        producer: The execution that the root's own row names; for feature values only.
        whole: Whether all edges have been read.
    """

    reader: Reader
    root: Node
    producer: str | None
    whole: bool


def parse_reference(text: str) -> tuple[str, str]:
    """RID and version of ``RID`` or ``RID@VERSION``; the version is empty when there is none.

    Raises:
        UsageError: The RID is malformed, or nothing follows the ``@``.
    """
    rid, at, version = text.strip().partition("@")
    if at and not version:
        raise UsageError(f"{text[:60]!r} names no version", hint="Write it as in 1-ABC@1.2.0.")
    return validate_rid(rid), version


def begin(catalog: Catalog, reference: str, *, whole_up_to: int, backward_only: bool) -> Start:
    """Find out what a RID is, and read all edges where the catalog is small enough for that.

    Raises:
        UsageError: The RID is malformed or of a row without lineage.
        NotFoundError: There is no such row or version.
    """
    rid, version = parse_reference(reference)
    places: dict[str, RowLocation] = {}
    first: list[Callable[[], object]] = [catalog.schema, lambda: places.update(locate(catalog, [rid]))]
    gather(first)
    place = places.get(rid)
    if place is None:
        raise NotFoundError(f"No row {rid} in {catalog.target}", hint="Check the RID, and --host and --catalog.")
    reader = Reader(catalog, edge_tables(catalog.schema()))
    _refuse(reader, place, version)
    own: list[Row] = []
    calls: list[Callable[[], object]] = [*reader.counting()]
    if place.qualified_name not in (EXECUTION, DATASET) and not place.deleted:
        calls.append(lambda: own.extend(select(catalog, place.qualified_name, where={"RID": rid})))
    gather(calls)
    whole = reader.edges(place.qualified_name, backward_only=backward_only) <= whole_up_to
    if whole:
        reader.whole(place.qualified_name, backward_only=backward_only)
    root, producer = _root(reader, place, version, own[0] if own else None, whole=whole)
    return Start(reader, root, producer, whole)


def _refuse(reader: Reader, place: RowLocation, version: str) -> None:
    name = place.qualified_name
    if version and name != DATASET:
        raise UsageError(f"{place.rid} is a row of {name}, which has no versions", hint=f"dml lineage {place.rid}")
    features = {feature.table.qualified_name for feature in reader.tables.features}
    if name in (EXECUTION, DATASET) or name in features or reader.tables.asset(name):
        return
    hint = "Lineage is of datasets, assets, feature values and executions."
    if name == WORKFLOW:
        hint += " A workflow's executions are listed by dml exec list."
    raise UsageError(f"{place.rid} is a row of {name}, which has no lineage", hint=hint)


def _root(reader: Reader, place: RowLocation, version: str, row: Row | None, *, whole: bool) -> tuple[Node, str | None]:
    rid, name = place.rid, place.qualified_name
    gone = Condition.deleted if place.deleted else Condition.missing
    if name == EXECUTION:
        return Execution(rid, Condition.deleted if place.deleted else Condition.present), None
    if name == DATASET:
        return _dataset_root(reader, place, version, whole=whole), None
    if reader.tables.asset(name):
        if row is None:
            return Asset(rid, name, gone), None
        reader.facts.add_asset(name, rid, row)
        asset = reader.facts.assets[rid]
        return replace(asset, description=str(row.get("Description") or "")), None
    feature = next(one for one in reader.tables.features if one.table.qualified_name == name)
    if row is None:
        return Feature(rid, rid, name, feature.name, condition=gone), None
    title = str(row.get("Feature_Name") or feature.name)
    return Feature(rid, rid, name, title), row.get("Execution")


def _dataset_root(reader: Reader, place: RowLocation, version: str, *, whole: bool) -> DatasetState:
    facts = reader.facts
    if not whole:
        reader.versions("Dataset", [place.rid])
    if place.deleted:
        return DatasetState(place.rid, version, Condition.deleted)
    if place.rid not in facts.datasets:
        for row in select(reader.catalog, DATASET, where={"RID": place.rid}):
            facts.datasets[place.rid] = (str(row.get("Description") or ""), bool(row.get("Deleted")))
    if not version:
        return facts.state(place.rid, facts.current(place.rid))
    found = facts.version_named(place.rid, version)
    if found is None:
        there = sorted(facts.versions.get(place.rid, ()), key=lambda one: one.order, reverse=True)
        names = ", ".join(one.text for one in there) or "none"
        raise NotFoundError(f"{place.rid}: no version {version}; has {names}", hint=f"dml dataset history {place.rid}")
    return facts.state(place.rid, found)


def _walk(start: Start, limits: Limits) -> Walked:
    consumed = start.reader.tables.consumed_versions

    def once(source: WholeSource | LevelSource) -> Walked:
        if isinstance(start.root, Feature):
            if start.producer is None:
                return Walked(Graph.of([start.root], ()), (), True, False)
            return walk_from_producer(source, start.root, start.producer, limits, consumed_versions=consumed)
        return walk_back(source, start.root, limits, consumed_versions=consumed)

    if not start.whole:
        return once(LevelSource(start.reader))
    source = WholeSource(start.reader)
    walked = once(source)
    while source.settle():
        walked = once(source)
    return walked


def with_rows(reader: Reader, graph: Graph, visited: tuple[str, ...], whole: bool) -> Graph:
    """The graph with the rows of the executions that were looked into."""
    facts = reader.facts
    known = len(facts.read.keys() | facts.made.keys() | facts.uses.keys()) if whole else None
    wanted = [key for key in visited if _condition(graph, key) is Condition.present]
    rows = executions_of(reader, wanted, known=known)
    nodes = {key: rows.get(key, node) for key, node in graph.nodes.items()}
    return Graph(nodes, graph.edges)


def _condition(graph: Graph, key: str) -> Condition:
    return graph.nodes[key].condition
