"""The lineage of a row: everything that it was derived from.

With A asset tables, a walk of any depth requests the schema, the table of the RID, 2 + A counts, the row itself,
2 + A edge tables and the rows of the executions: at most 10 + 2·A requests, five of them in sequence. The snapshots
come on top: for each distinct snapshot of a dataset version on the way, one request for each asset table whose outputs
can be dataset members, all concurrently. A catalog with more than ``PRELOAD_LIMIT`` edges is read level by level, with
at most 6 + 2·A requests for each level besides its snapshots, three of them in sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, RowLocation, locate, select, validate_rid
from dml.errors import NotFoundError, UsageError
from dml.lineage.edge_source import LevelwiseSource, PreloadedSource
from dml.lineage.execution_details import executions_of
from dml.lineage.fetch_edges import Reader
from dml.lineage.graph import Graph
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node
from dml.lineage.result import LineageResult, summarise
from dml.lineage.tables import DATASET, EXECUTION, WORKFLOW, edge_tables
from dml.lineage.walk import Limits, Walked, walk_back, walk_from_producer

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["PRELOAD_LIMIT", "WalkStart", "lookup_lineage", "parse_reference", "start_walk", "with_rows"]

PRELOAD_LIMIT = 40_000
"""Number of edges up to which a walk first reads all of them, a few megabytes."""


def lookup_lineage(
    catalog: Catalog,
    rid: str,
    *,
    depth: int | None = None,
    max_executions: int = 500,
    preload_limit: int = PRELOAD_LIMIT,
) -> LineageResult:
    """Find what produced a dataset, asset, feature value or execution, and from what. Reads only.

    Args:
        catalog: The catalog to read.
        rid: ``RID``, or ``RID@VERSION`` for a version of a dataset; without a version, the current one.
        depth: Levels of executions beyond the producer; 0 for the producer alone, None for all.
        max_executions: The most executions to look into, those nearest to the artifact first.
        preload_limit: Edges up to which the catalog's edge tables are read completely.

    Raises:
        UsageError: The RID is malformed, or of a row that has no lineage (a workflow, a term).
        NotFoundError: There is no such row, or no such version.
    """
    if (depth is not None and depth < 0) or max_executions < 1:
        raise UsageError("depth must be 0 or more, max_executions 1 or more")
    start = start_walk(catalog, rid, preload_limit=preload_limit, backward_only=True)
    limits = Limits(depth, max_executions)
    walked = _walk(start, limits)
    graph = with_rows(start.reader, walked.graph, walked.visited, start.preloaded)
    visited = sum(1 for key in walked.visited if _condition(graph, key) is not Condition.unknown_provenance)
    return summarise(
        graph,
        start.root.key,
        visited=visited,
        complete=walked.complete,
        depth_capped=walked.depth_capped,
        warnings=start.reader.store.warnings,
    )


@dataclass(frozen=True)
class WalkStart:
    """Where a walk starts.

    Attributes:
        reader: Reads the catalog and holds the edges read so far.
        root: The node of the row.
        producer: RID of the execution that the row itself names; for feature values only.
        preloaded: Whether all edges have been read.
    """

    reader: Reader
    root: Node
    producer: str | None
    preloaded: bool


def parse_reference(text: str) -> tuple[str, str]:
    """RID and version of ``RID`` or ``RID@VERSION``; the version is empty when there is none.

    Raises:
        UsageError: The RID is malformed, or nothing follows the ``@``.
    """
    rid, at, version = text.strip().partition("@")
    if at and not version:
        raise UsageError(f"no version after @ in {text[:60]!r}", hint="Write a version as in 1-ABC@1.2.0.")
    return validate_rid(rid), version


def start_walk(catalog: Catalog, reference: str, *, preload_limit: int, backward_only: bool) -> WalkStart:
    """Locate a row and read its node, and all edges if the catalog has at most ``preload_limit`` of them.

    Raises:
        UsageError: The RID is malformed or of a row without lineage.
        NotFoundError: There is no such row or version.
    """
    rid, version = parse_reference(reference)
    locations: dict[str, RowLocation] = {}
    first: list[Callable[[], object]] = [catalog.schema, lambda: locations.update(locate(catalog, [rid]))]
    gather(first)
    location = locations.get(rid)
    if location is None:
        raise NotFoundError(f"No row {rid} in {catalog.target}", hint="Check the RID, --host and --catalog.")
    reader = Reader(catalog, edge_tables(catalog.schema()))
    _check_has_lineage(reader, location, version)
    rows: list[Row] = []
    calls: list[Callable[[], object]] = [*reader.counting()]
    if location.qualified_name not in (EXECUTION, DATASET) and not location.deleted:
        calls.append(lambda: rows.extend(select(catalog, location.qualified_name, where={"RID": rid})))
    gather(calls)
    preloaded = reader.edges(location.qualified_name, backward_only=backward_only) <= preload_limit
    if preloaded:
        reader.preload(location.qualified_name, backward_only=backward_only)
    root, producer = _root(reader, location, version, rows[0] if rows else None, preloaded=preloaded)
    return WalkStart(reader, root, producer, preloaded)


def _check_has_lineage(reader: Reader, location: RowLocation, version: str) -> None:
    name = location.qualified_name
    if version and name != DATASET:
        raise UsageError(
            f"{location.rid} is a row of {name}, which has no versions", hint=f"dml lineage {location.rid}"
        )
    features = {feature.table.qualified_name for feature in reader.tables.features}
    if name in (EXECUTION, DATASET) or name in features or reader.tables.asset(name):
        return
    hint = "Datasets, assets, feature values and executions have lineage."
    if name == WORKFLOW:
        hint += " `dml exec list --workflow RID` lists the executions of a workflow."
    raise UsageError(f"{location.rid} is a row of {name}, which has no lineage", hint=hint)


def _root(
    reader: Reader, location: RowLocation, version: str, row: Row | None, *, preloaded: bool
) -> tuple[Node, str | None]:
    rid, name = location.rid, location.qualified_name
    gone = Condition.deleted if location.deleted else Condition.missing
    if name == EXECUTION:
        return Execution(rid, Condition.deleted if location.deleted else Condition.present), None
    if name == DATASET:
        return _dataset_root(reader, location, version, preloaded=preloaded), None
    if reader.tables.asset(name):
        if row is None:
            return Asset(rid, name, gone), None
        reader.store.add_asset(name, rid, row)
        asset = reader.store.assets[rid]
        return replace(asset, description=str(row.get("Description") or "")), None
    feature = next(feature for feature in reader.tables.features if feature.table.qualified_name == name)
    if row is None:
        return Feature(rid, rid, name, feature.name, condition=gone), None
    title = str(row.get("Feature_Name") or feature.name)
    return Feature(rid, rid, name, title), row.get("Execution")


def _dataset_root(reader: Reader, location: RowLocation, version: str, *, preloaded: bool) -> DatasetState:
    store = reader.store
    if not preloaded:
        reader.versions("Dataset", [location.rid])
    if location.deleted:
        return DatasetState(location.rid, version, Condition.deleted)
    if location.rid not in store.datasets:
        for row in select(reader.catalog, DATASET, where={"RID": location.rid}):
            store.datasets[location.rid] = (str(row.get("Description") or ""), bool(row.get("Deleted")))
    if not version:
        return store.state(location.rid, store.current(location.rid))
    named = store.version_named(location.rid, version)
    if named is None:
        versions = sorted(store.versions.get(location.rid, ()), key=lambda version: version.order, reverse=True)
        names = ", ".join(row.text for row in versions) or "none"
        raise NotFoundError(
            f"{location.rid}: no version {version}; has {names}", hint=f"dml dataset history {location.rid}"
        )
    return store.state(location.rid, named)


def _walk(start: WalkStart, limits: Limits) -> Walked:
    consumed = start.reader.tables.consumed_versions

    def walk(source: PreloadedSource | LevelwiseSource) -> Walked:
        if isinstance(start.root, Feature):
            if start.producer is None:
                return Walked(Graph.of([start.root], ()), (), True, False)
            return walk_from_producer(source, start.root, start.producer, limits, consumed_versions=consumed)
        return walk_back(source, start.root, limits, consumed_versions=consumed)

    if not start.preloaded:
        return walk(LevelwiseSource(start.reader))
    source = PreloadedSource(start.reader)
    walked = walk(source)
    while source.settle():
        walked = walk(source)
    return walked


def with_rows(reader: Reader, graph: Graph, visited: tuple[str, ...], preloaded: bool) -> Graph:
    """The graph with the rows of the visited executions filled in."""
    store = reader.store
    known = len(store.read.keys() | store.made.keys() | store.uses.keys()) if preloaded else None
    wanted = [key for key in visited if _condition(graph, key) is Condition.present]
    rows = executions_of(reader, wanted, known=known)
    nodes = {key: rows.get(key, node) for key, node in graph.nodes.items()}
    return Graph(nodes, graph.edges)


def _condition(graph: Graph, key: str) -> Condition:
    return graph.nodes[key].condition
