"""Two ways to feed a walk: all edges at once, or what the next level needs.

Whole: the edge tables are read in one go, the walk then happens in memory. Who made the members of a dataset version
is known only at its snapshot; so the first walk takes today's members for it and notes what it guessed, then all the
snapshots are read at once and the walk is done again, until nothing was guessed. By level: each level asks for its
own executions, artifacts and snapshots, three requests in sequence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from dml.lineage.edge_store import EdgeStore, Makers
from dml.lineage.fetch_edges import Reader
from dml.lineage.graph import Asset, DatasetState

__all__ = ["LevelSource", "Source", "WholeSource"]


class Source(Protocol):
    """Where a walk learns what it needs next; each call makes the facts hold it."""

    facts: EdgeStore

    def inputs(self, executions: Sequence[str]) -> None:
        """Know what these executions read."""

    def producers(self, assets: Collection[Asset], datasets: Collection[str]) -> None:
        """Know who made these assets, and the versions of these datasets."""

    def prepare(self, states: Iterable[DatasetState]) -> None:
        """Know who made the members of these dataset versions."""

    def members(self, state: DatasetState) -> Makers:
        """Who made the members of a dataset version that was prepared."""


class WholeSource:
    """Everything is in the facts already, but for members at snapshots."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.facts = reader.facts
        self._exact: dict[str, Makers] = {}
        self._guessed: dict[str, DatasetState] = {}

    def inputs(self, executions: Sequence[str]) -> None:
        """Known."""

    def producers(self, assets: Collection[Asset], datasets: Collection[str]) -> None:
        """Known."""

    def prepare(self, states: Iterable[DatasetState]) -> None:
        """Note what will have to be read at a snapshot."""
        self._guessed.update((state.key, state) for state in states if state.snapshot and state.key not in self._exact)

    def members(self, state: DatasetState) -> Makers:
        """From the snapshot where it has been read, else today's members."""
        return self._exact.get(state.key, self.facts.live_members.get(state.rid, {}))

    def settle(self) -> bool:
        """Read what was guessed since the last call, all at once; False when nothing was."""
        guessed, self._guessed = self._guessed, {}
        if guessed:
            self._exact.update(self._reader.members(guessed.values()))
        return bool(guessed)


class LevelSource:
    """Asks the catalog level by level."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.facts = reader.facts
        self._exact: dict[str, Makers] = {}

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
        """Read the members' producers of a level's dataset versions, each at its snapshot."""
        unread = {state.key: state for state in states if state.key not in self._exact}
        if unread:
            self._exact.update(self._reader.members(unread.values()))

    def members(self, state: DatasetState) -> Makers:
        """As read by ``prepare``."""
        return self._exact.get(state.key, {})
