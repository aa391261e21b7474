"""The forward walk: everything that was derived from an artifact.

An asset leads to the executions that read it, and through the dataset versions that contained it to the executions that
read those; whether a version contained it is queried at the version's snapshot. ``Execution_Metadata`` describes
executions and is left out. Feature values are counted by feature and execution, not listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.rows import quote
from dml.catalog.url import table_path
from dml.errors import UsageError
from dml.lineage.edge_store import DatasetUse
from dml.lineage.graph import Edge, EdgeKind, Graph, rid_sort_key
from dml.lineage.lookup import PRELOAD_LIMIT, WalkStart, parse_reference, start_walk, with_rows
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node
from dml.lineage.tables import METADATA
from dml.lineage.walk import VERSION_NOT_RECORDED, Limits

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["GraphResult", "lookup_descendants"]

_MAX_SNAPSHOTS = 40
"""Up to this many snapshots, all are searched for assets, which may have been removed from a dataset since."""


@dataclass(frozen=True)
class GraphResult:
    """Part of the provenance graph.

    Attributes:
        root_key: Key of the node that the walk started from.
        graph: The nodes and edges.
        executions_visited: Number of executions looked into.
        walked_complete: Whether neither ``max_executions`` nor missing rights left anything out.
        depth_capped: Whether ``depth`` left something out.
        warnings: What could not be read, one sentence each.
    """

    root_key: str
    graph: Graph
    executions_visited: int
    walked_complete: bool
    depth_capped: bool
    warnings: tuple[str, ...] = ()


def lookup_descendants(
    catalog: Catalog,
    rid: str,
    *,
    depth: int | None = None,
    max_executions: int = 500,
    preload_limit: int = PRELOAD_LIMIT,
) -> GraphResult:
    """Find everything that was derived from a dataset, asset or execution, transitively. Reads only.

    Args:
        catalog: The catalog to read.
        rid: ``RID`` or ``RID@VERSION``; a dataset without a version means all its versions.
        depth: Levels of executions beyond the nearest ones; None for all.
        max_executions: The most executions to look into, the nearest first.
        preload_limit: Edges up to which the catalog's edge tables are read completely.

    Raises:
        UsageError: The RID is malformed or of a row that has no lineage.
        NotFoundError: There is no such row or version.
    """
    if (depth is not None and depth < 0) or max_executions < 1:
        raise UsageError("depth must be 0 or more, max_executions 1 or more")
    start = start_walk(catalog, rid, preload_limit=preload_limit, backward_only=False)
    if not start.preloaded and start.reader.tables.datasets and start.reader.dataset_links <= PRELOAD_LIMIT:
        gather([start.reader.versions, start.reader.uses])
    any_version = isinstance(start.root, DatasetState) and not parse_reference(rid)[1]
    walk = _Forward(start, Limits(depth, max_executions), any_version)
    complete, capped = walk.run()
    graph = with_rows(start.reader, Graph.of(walk.nodes.values(), walk.edges), tuple(walk.visited), start.preloaded)
    warnings = tuple(start.reader.store.warnings)
    return GraphResult(walk.root.key, graph, len(walk.visited), complete and not warnings, capped, warnings)


@dataclass
class _Forward:
    start: WalkStart
    limits: Limits
    any_version: bool
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    visited: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = self.start.reader
        self.store = self.reader.store
        root = self.start.root
        if self.any_version and isinstance(root, DatasetState):
            root = DatasetState(root.rid, "", root.condition, root.description)
        self.root = root
        self.nodes[root.key] = root

    def run(self) -> tuple[bool, bool]:
        """Walk; returns whether it is complete and whether the depth cut it."""
        root, level, complete = self.root, 0, True
        waiting = [root.rid] if isinstance(root, Execution) else self.readers_of([root])
        while waiting:
            if self.limits.depth is not None and level > self.limits.depth:
                self.leave_out(waiting)
                return complete, True
            room = self.limits.max_executions - len(self.visited)
            if len(waiting) > room:
                complete = False
                self.leave_out(waiting[room:])
            made = self.expand(waiting[:room])
            waiting = self.readers_of(made)
            level += 1
        return complete, False

    def leave_out(self, executions: Iterable[str]) -> None:
        for rid in executions:
            self.nodes[rid] = Execution(rid, Condition.not_followed)

    def expand(self, executions: Sequence[str]) -> list[Node]:
        """Add the outputs of executions; returns the new nodes."""
        if not executions:
            return []
        self.visited.update(dict.fromkeys(executions))
        for rid in executions:
            self.nodes.setdefault(rid, Execution(rid))
        if not self.start.preloaded:
            self.reader.outputs_of(executions)
        made: dict[str, Node] = {}
        for rid in executions:
            assets = (self.store.assets[asset] for asset in sorted(self.store.made.get(rid, ()), key=rid_sort_key))
            states = (self.store.state(row.dataset, row) for row in self.store.made_versions.get(rid, ()))
            results: list[Node] = [*(asset for asset in assets if asset.table != METADATA), *states]
            for node in results:
                self.edges.append(Edge(rid, node.key, EdgeKind.output))
                if node.key not in self.nodes:
                    made[node.key] = node
        for feature, rid in self.features_of(executions):
            self.nodes[feature.key] = feature
            self.edges.append(Edge(rid, feature.key, EdgeKind.output))
        self.nodes.update(made)
        return list(made.values())

    def features_of(self, executions: Sequence[str]) -> list[tuple[Feature, str]]:
        """Count the feature values that executions wrote; one request for each feature and page of RIDs."""

        def count(table: str, name: str) -> list[tuple[Feature, str]]:
            head, tail = f"/attributegroup/{table_path(table)}", "/Execution;n:=cnt(RID)"
            rows = self.reader.slices(head, "Execution", executions, tail, table)
            return [
                (Feature(f"{table}#{row['Execution']}", "", table, name, int(row["n"])), str(row["Execution"]))
                for row in rows
            ]

        features = [one for one in self.reader.tables.features if one.table.column("Execution")]
        parts = gather([partial(count, one.table.qualified_name, one.name) for one in features])
        return [pair for part in parts for pair in part]

    def readers_of(self, artifacts: Sequence[Node]) -> list[str]:
        """RIDs of the new executions that read artifacts directly or in a dataset, sorted."""
        assets = {node.rid: node for node in artifacts if isinstance(node, Asset)}
        states = [node for node in artifacts if isinstance(node, DatasetState)]
        if not self.start.preloaded:
            self.reader.consumers(_by_table(assets.values()), self.unread_datasets(state.rid for state in states))
        found: dict[str, None] = {}
        for rid in sorted(assets, key=rid_sort_key):
            for execution in sorted(self.store.readers.get(rid, ()), key=rid_sort_key):
                self.link(rid, execution, "", found)
        states += self.states_with(assets)
        for state in states:
            for use in self.uses_of(state):
                note = self.note(use) if state is self.root else "" if use.version else VERSION_NOT_RECORDED
                self.link(state.key, use.execution, note, found)
        return sorted(found, key=rid_sort_key)

    def link(self, artifact: str, execution: str, note: str, found: dict[str, None]) -> None:
        self.edges.append(Edge(artifact, execution, EdgeKind.input, note))
        if execution not in self.nodes:
            self.nodes[execution] = Execution(execution)
            found[execution] = None

    def note(self, use: DatasetUse) -> str:
        version = self.store.version_rows.get(use.version) if use.version else None
        if version is None:
            return VERSION_NOT_RECORDED
        return f"in version {version.text}" if self.any_version else ""

    def uses_of(self, state: DatasetState) -> list[DatasetUse]:
        consumed = self.reader.tables.consumed_versions
        uses = [
            use
            for use in self.store.users.get(state.rid, ())
            if not self.store.is_output(use, consumed_versions=consumed)
            and ((self.any_version and state is self.root) or self.state_of(use).key == state.key)
        ]
        return sorted(uses, key=lambda use: rid_sort_key(use.execution))

    def state_of(self, use: DatasetUse) -> DatasetState:
        version = self.store.version_rows.get(use.version) if use.version else self.store.current(use.dataset)
        return self.store.state(use.dataset, version)

    def states_with(self, assets: dict[str, Asset]) -> list[DatasetState]:
        """The new dataset versions that contained assets and that an execution read."""
        if not assets:
            return []
        self.read_containers(assets)
        candidates = self.candidates(assets)
        by_snapshot: dict[str, dict[str, DatasetState]] = defaultdict(dict)
        for state in candidates:
            by_snapshot[state.snapshot][state.rid] = state
        found: dict[str, DatasetState] = {}
        tables = _by_table(assets.values())

        def containers(snapshot: str, table: str) -> list[tuple[str, DatasetState]]:
            states = by_snapshot[snapshot]
            if not snapshot:
                pairs = [(asset, one) for asset in tables[table] for one in self.store.containers.get(asset, ())]
            else:
                pairs = self.members_at(snapshot, table, tables[table])
            return [(asset, states[dataset]) for asset, dataset in pairs if dataset in states]

        for part in gather([partial(containers, snapshot, table) for snapshot in by_snapshot for table in tables]):
            for asset, state in part:
                self.edges.append(Edge(asset, state.key, EdgeKind.member))
                if state.key not in self.nodes:
                    self.nodes[state.key] = found[state.key] = state
        return [found[key] for key in sorted(found, key=rid_sort_key)]

    def candidates(self, assets: dict[str, Asset]) -> list[DatasetState]:
        used = {
            state.key: state for uses in self.store.users.values() for use in uses for state in [self.state_of(use)]
        }
        holding = {dataset for asset in assets for dataset in self.store.containers.get(asset, ())}
        snapshots = {state.snapshot for state in used.values()}
        everywhere = len(snapshots) <= _MAX_SNAPSHOTS
        return [state for state in used.values() if everywhere or state.rid in holding]

    def read_containers(self, assets: dict[str, Asset]) -> None:
        """Read which datasets currently contain assets, and which executions read those datasets."""
        unread = (
            list(assets.values())
            if not self.start.preloaded
            else [a for a in assets.values() if a.rid == self.root.key]
        )
        pairs = [pair for table, rids in _by_table(unread).items() for pair in self.members_at("", table, rids)]
        for asset, dataset in pairs:
            self.store.containers[asset].add(dataset)
        datasets = self.unread_datasets(dataset for _, dataset in pairs)
        if datasets and not self.start.preloaded:
            self.reader.consumers({}, datasets)

    def unread_datasets(self, rids: Iterable[str]) -> list[str]:
        """The datasets whose versions and users have not been read."""
        if self.reader.dataset_links <= PRELOAD_LIMIT:
            return []
        return sorted(set(rids))

    def members_at(self, snapshot: str, table: str, rids: Sequence[str]) -> list[tuple[str, str]]:
        entry = self.reader.tables.asset(table)
        if entry is None or entry.membership is None:
            return []
        held = entry.membership
        catalog = self.reader.catalog.at(snapshot) if snapshot else self.reader.catalog
        association = held.association.qualified_name
        tail = f"/asset:={quote(held.element_column)},dataset:={quote(held.dataset_column)}"
        head = f"/attribute/{table_path(association)}"
        rows = self.reader.slices(head, held.element_column, rids, tail, association, catalog)
        return [(str(row["asset"]), str(row["dataset"])) for row in rows]


def _by_table(assets: Iterable[Asset]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for asset in assets:
        found[asset.table].append(asset.rid)
    return found
