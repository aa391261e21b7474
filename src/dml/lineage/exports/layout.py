"""Where the nodes of a graph stand in a drawing: layers from left to right along the data, no node over another.

Layers are longest paths; nodes of damaged, circular records go to the layer after the ones they could be placed by.
Within a layer nodes are ordered by the average place of what they came from: two sweeps, which is good enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dml.lineage.graph import Graph

__all__ = ["HEIGHT", "WIDTH", "Layout", "arrange"]

WIDTH, HEIGHT = 210, 44
_GAP_X, _GAP_Y = 70, 18


@dataclass(frozen=True)
class Layout:
    """A drawing's geometry, in its own units.

    Attributes:
        places: Left upper corner of each node's box.
        width, height: Of the whole drawing.
    """

    positions: Mapping[str, tuple[int, int]]
    width: int
    height: int


def arrange(graph: Graph) -> Layout:
    """Place every node."""
    layers: dict[int, list[str]] = {}
    for key, layer in _layers(graph).items():
        layers.setdefault(layer, []).append(key)
    rank = {key: place for keys in layers.values() for place, key in enumerate(keys)}
    for _ in range(2):
        for layer in sorted(layers):
            layers[layer].sort(key=lambda key: _average(graph, key, rank))
            rank.update({key: place for place, key in enumerate(layers[layer])})
    tallest = max((len(keys) for keys in layers.values()), default=1)
    positions = {}
    for layer, keys in layers.items():
        top = (tallest - len(keys)) * (HEIGHT + _GAP_Y) // 2
        for place, key in enumerate(keys):
            positions[key] = (20 + layer * (WIDTH + _GAP_X), 20 + top + place * (HEIGHT + _GAP_Y))
    across = max(layers, default=0) + 1
    return Layout(positions, 40 + across * (WIDTH + _GAP_X) - _GAP_X, 40 + tallest * (HEIGHT + _GAP_Y) - _GAP_Y)


def _layers(graph: Graph) -> dict[str, int]:
    missing = {key: len(edges) for key, edges in graph.sources.items()}
    layer = dict.fromkeys(graph.nodes, 0)
    free = [key for key, count in missing.items() if not count]
    done: set[str] = set()
    circular = iter(graph.nodes)
    while len(done) < len(graph.nodes):
        if not free:
            free = [next(key for key in circular if key not in done)]
        key = free.pop()
        if key in done:
            continue
        done.add(key)
        for edge in graph.targets[key]:
            if edge.target not in done:
                layer[edge.target] = max(layer[edge.target], layer[key] + 1)
                missing[edge.target] -= 1
                if not missing[edge.target]:
                    free.append(edge.target)
    return layer


def _average(graph: Graph, key: str, rank: Mapping[str, int]) -> float:
    sources = graph.sources[key]
    return sum(rank[edge.source] for edge in sources) / len(sources) if sources else float(rank[key])
