"""Two sources of edges for a walk: all of them read beforehand, or those of each level as the walk reaches it.

``PreloadedSource``: the edge tables are read completely and the walk happens in memory. The producers of the members of
a dataset version are known only at its snapshot, so the first walk assumes the current members and records for which
versions it did. Then those snapshots are read concurrently and the walk is repeated, until it assumes nothing.
``LevelwiseSource``: each level requests its own executions, artifacts and snapshots, three requests in sequence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from dml.lineage.edge_store import EdgeStore, MemberProducers
from dml.lineage.fetch_edges import Reader
from dml.lineage.nodes import Asset, DatasetState

__all__ = ["EdgeSource", "LevelwiseSource", "PreloadedSource"]


class EdgeSource(Protocol):
    """Provides the edges that a walk needs next; each call completes ``store``."""

    store: EdgeStore

    def inputs(self, executions: Sequence[str]) -> None:
        """Provide the inputs of executions."""

    def producers(self, assets: Collection[Asset], datasets: Collection[str]) -> None:
        """Provide the producers of assets, and the versions of datasets with theirs."""

    def prepare(self, states: Iterable[DatasetState]) -> None:
        """Provide the producers of the members of dataset versions."""

    def members(self, state: DatasetState) -> MemberProducers:
        """The producers of the members of a version passed to ``prepare``."""


class PreloadedSource:
    """Edges that have all been read, except for members at snapshots."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.store = reader.store
        self._exact: dict[str, MemberProducers] = {}
        self._assumed: dict[str, DatasetState] = {}

    def inputs(self, executions: Sequence[str]) -> None:
        """Do nothing: all edges have been read."""

    def producers(self, assets: Collection[Asset], datasets: Collection[str]) -> None:
        """Do nothing: all edges have been read."""

    def prepare(self, states: Iterable[DatasetState]) -> None:
        """Record the versions whose members at the snapshot are unread."""
        self._assumed.update((state.key, state) for state in states if state.snapshot and state.key not in self._exact)

    def members(self, state: DatasetState) -> MemberProducers:
        """Those at the snapshot if it has been read, else those of the current members."""
        return self._exact.get(state.key, self.store.live_members.get(state.rid, {}))

    def settle(self) -> bool:
        """Read the snapshots assumed since the last call, concurrently; False when there were none."""
        assumed, self._assumed = self._assumed, {}
        if assumed:
            self._exact.update(self._reader.members(assumed.values()))
        return bool(assumed)


class LevelwiseSource:
    """Edges read level by level."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.store = reader.store
        self._exact: dict[str, MemberProducers] = {}

    def inputs(self, executions: Sequence[str]) -> None:
        """Read the inputs of a level."""
        if executions:
            self._reader.inputs(executions)

    def producers(self, assets: Collection[Asset], datasets: Collection[str]) -> None:
        """Read the producers of a level's assets and the versions of its datasets."""
        by_table: dict[str, list[str]] = defaultdict(list)
        for asset in assets:
            by_table[asset.table].append(asset.rid)
        self._reader.producers(by_table, sorted(datasets))

    def prepare(self, states: Iterable[DatasetState]) -> None:
        """Read the producers of the members of a level's dataset versions, each at its snapshot."""
        unread = {state.key: state for state in states if state.key not in self._exact}
        if unread:
            self._exact.update(self._reader.members(unread.values()))

    def members(self, state: DatasetState) -> MemberProducers:
        """The producers read by ``prepare``."""
        return self._exact.get(state.key, {})
