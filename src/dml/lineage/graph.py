"""The provenance graph: frozen nodes and labelled edges in the direction in which data flowed.

An edge leads from an input to the execution that read it, and from an execution to what it made. Nothing that the
catalog could not say is left out: a node carries a ``Condition`` when its row is deleted, unreadable or a placeholder
for unknown provenance, or when the walk stopped before it. Order is deterministic everywhere, memory is linear in
nodes and edges, and nothing here recurses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

__all__ = [
    "Artifact",
    "Asset",
    "Condition",
    "DatasetState",
    "Edge",
    "Execution",
    "Feature",
    "Flow",
    "Graph",
    "Node",
    "Workflow",
    "natural",
]

# setuptools-scm ends the version of a changed tree in the day, as in 0.3.1.dev2+ga1b2c3d.d20261120; git says dirty.
_CHANGED = re.compile(r"\+(?:.*\.)?d20\d{6}$|[-+.#]dirty\b", re.IGNORECASE)


class Condition(StrEnum):
    """What is to be said of a node besides its own data."""

    present = "present"
    deleted = "deleted"
    missing = "missing"
    """Referred to, but its row is gone or not readable for this user."""
    unknown_provenance = "unknown_provenance"
    """The catalog's placeholder for an origin that nobody recorded."""
    not_followed = "not_followed"
    """Known to be there, but beyond the depth or number of executions asked for."""


class Flow(StrEnum):
    """What an edge means."""

    input = "input"
    """The source was read by the target, an execution."""
    output = "output"
    """The target was made by the source, an execution."""
    member = "member"
    """The source, an asset or the execution that made some, is part of the target, a dataset version."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """The code of an execution.

    Attributes:
        rid: Its RID.
        name: Its name, empty when there is none.
        types: Names of its types, sorted.
        url: Where the code is, usually with the commit.
        checksum: Of the source, as recorded; empty when there is none.
        version: As recorded; empty when there is none.
    """

    rid: str
    name: str = ""
    types: tuple[str, ...] = ()
    url: str = ""
    checksum: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run.

    Attributes:
        rid: Its RID, also its key in the graph.
        condition: What is to be said of it.
        description: As its author wrote it.
        status: As the catalog holds it, older words included; None for none.
        status_detail: The last message or reason.
        workflow: Its code; None when it has none.
        duration: Seconds it ran; None when unknown.
        created: Time of its row, ISO 8601 as the catalog writes it; empty when unknown.
        user: Id of the client that made the row.
    """

    rid: str
    condition: Condition = Condition.present
    description: str = ""
    status: str | None = None
    status_detail: str = ""
    workflow: Workflow | None = None
    duration: float | None = None
    created: str = ""
    user: str = ""

    @property
    def key(self) -> str:
        """Its name in the graph."""
        return self.rid

    @property
    def is_dirty(self) -> bool:
        """Whether the code was recorded as changed since its commit, as far as URL and version tell."""
        if self.workflow is None:
            return False
        return bool(_CHANGED.search(self.workflow.version) or _CHANGED.search(self.workflow.url))


@dataclass(frozen=True, slots=True)
class DatasetState:
    """A dataset in one version.

    Attributes:
        rid: RID of the dataset.
        version: As the catalog holds it; empty when the dataset has no version.
        condition: What is to be said of it.
        description: As its author wrote it.
        snapshot: Snaptime at which this version is read; empty for development versions.
        created: Time of the version's row.
    """

    rid: str
    version: str = ""
    condition: Condition = Condition.present
    description: str = ""
    snapshot: str = ""
    created: str = ""

    @property
    def key(self) -> str:
        """Its name in the graph, ``RID@VERSION``."""
        return f"{self.rid}@{self.version}" if self.version else self.rid


@dataclass(frozen=True, slots=True)
class Asset:
    """A file known to the catalog.

    Attributes:
        rid: Its RID, also its key in the graph.
        table: ``schema:Table``.
        condition: What is to be said of it.
        filename: As recorded; empty when there is none.
        length: Bytes; None when unknown.
        md5: Hexadecimal digest; empty when unknown.
        url: Where its bytes are.
        description: As its author wrote it.
        created: Time of its row.
    """

    rid: str
    table: str
    condition: Condition = Condition.present
    filename: str = ""
    length: int | None = None
    md5: str = ""
    url: str = ""
    description: str = ""
    created: str = ""

    @property
    def key(self) -> str:
        """Its name in the graph."""
        return self.rid


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature value, or all values of one feature that one execution wrote.

    Attributes:
        key: Its name in the graph: the RID of the one value, or ``TABLE#EXECUTION`` for several.
        rid: RID of the one value; empty for several.
        table: ``schema:Table`` of the values.
        name: The feature's name.
        count: How many values.
        condition: What is to be said of it.
    """

    key: str
    rid: str
    table: str
    name: str = ""
    count: int = 1
    condition: Condition = Condition.present


Artifact = DatasetState | Asset | Feature
Node = Execution | Artifact


@dataclass(frozen=True, slots=True)
class Edge:
    """One labelled step of data.

    Attributes:
        source: Key of the node that the data came from.
        target: Key of the node that it went to.
        flow: What the step means.
        note: More about it, such as ``3 members of Image`` or ``version not recorded``; empty mostly.
    """

    source: str
    target: str
    flow: Flow
    note: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes by key and the edges between them, both in a deterministic order.

    Attributes:
        nodes: By key.
        edges: Each between two keys of ``nodes``.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()

    @classmethod
    def of(cls, nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
        """A graph of these nodes and edges, sorted; edges that occur twice count once."""
        by_key = {node.key: node for node in nodes}
        ordered = {key: by_key[key] for key in sorted(by_key, key=natural)}
        return cls(ordered, tuple(sorted(set(edges), key=_edge_order)))

    @cached_property
    def sources(self) -> Mapping[str, Sequence[Edge]]:
        """Edges by target: where the data of a node came from."""
        found: dict[str, list[Edge]] = {key: [] for key in self.nodes}
        for edge in self.edges:
            found[edge.target].append(edge)
        return found

    @cached_property
    def targets(self) -> Mapping[str, Sequence[Edge]]:
        """Edges by source: where the data of a node went."""
        found: dict[str, list[Edge]] = {key: [] for key in self.nodes}
        for edge in self.edges:
            found[edge.source].append(edge)
        return found

    @cached_property
    def executions(self) -> tuple[Execution, ...]:
        """The executions, in order."""
        return tuple(node for node in self.nodes.values() if isinstance(node, Execution))

    def reachable(self, start: Iterable[str], *, forward: bool = False) -> set[str]:
        """Keys reached from ``start`` (included) along the data, or against it."""
        follow = self.targets if forward else self.sources
        seen = {key for key in start if key in self.nodes}
        waiting = list(seen)
        while waiting:
            for edge in follow[waiting.pop()]:
                following = edge.target if forward else edge.source
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return seen

    def restricted(self, keys: set[str]) -> Graph:
        """The part of the graph with these nodes and the edges between them."""
        nodes = {key: node for key, node in self.nodes.items() if key in keys}
        return Graph(nodes, tuple(edge for edge in self.edges if edge.source in keys and edge.target in keys))

    @cached_property
    def has_cycle(self) -> bool:
        """Whether data seems to flow in a circle, which only damaged records can say."""
        waiting_for = {key: len(edges) for key, edges in self.sources.items()}
        free = [key for key, count in waiting_for.items() if not count]
        done = 0
        while free:
            done += 1
            for edge in self.targets[free.pop()]:
                waiting_for[edge.target] -= 1
                if not waiting_for[edge.target]:
                    free.append(edge.target)
        return done < len(self.nodes)


def natural(key: str) -> tuple[int, str]:
    """Sorts RIDs as they are given out: shorter ones are older."""
    return len(key.partition("@")[0]), key


def _edge_order(edge: Edge) -> tuple[tuple[int, str], tuple[int, str], str, str]:
    return natural(edge.target), natural(edge.source), edge.flow.value, edge.note
