"""Looks a history over: what nobody recorded, and whether the files are what their records say.

Gaps (a file without a producer, a run without code) are remarks; a file whose bytes are gone or different is a fault.
Without reading data a fault is found by what the object store says of its object; with it by the bytes themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.object_info import local_path, stat
from dml.errors import DmlError, NotFoundError
from dml.lineage.graph import Asset, Condition, DatasetState, Execution, Flow, Graph
from dml.lineage.result import LineageResult

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Finding", "Severity", "check_history"]

_BLOCK = 1 << 20


class Severity(StrEnum):
    """How bad a finding is."""

    remark = "remark"
    """Provenance has a gap; nothing is known to be wrong."""
    fault = "fault"
    """Records and bytes contradict each other."""


@dataclass(frozen=True)
class Finding:
    """One thing to know about a history.

    Attributes:
        severity: How bad it is.
        kind: A stable word, such as ``no_producer`` or ``bytes_differ``.
        key: Key of the node that it is about.
        text: What it is, for people.
    """

    severity: Severity
    kind: str
    key: str
    text: str


def check_history(catalog: Catalog, result: LineageResult, *, verify_content: bool = False) -> list[Finding]:
    """Check everything that led to an artifact, and the artifact itself.

    Costs a request for each distinct file; with ``verify_content`` the bytes of all of them.

    Args:
        catalog: Where the history is from.
        result: The history.
        verify_content: Compare the bytes themselves with the recorded MD5.
    """
    graph = result.graph
    found = [*_gaps(graph), *(Finding(Severity.remark, "unreadable", result.root_key, t) for t in result.warnings)]
    if result.cycle_detected:
        text = "data seems to have flowed in a circle: some of the records are wrong"
        found.append(Finding(Severity.fault, "circle", result.root_key, text))
    stored = [
        node
        for node in graph.nodes.values()
        if isinstance(node, Asset) and node.condition is Condition.present and node.url.startswith("/hatrac/")
    ]
    parts = gather([partial(_compare, catalog, asset, verify_content) for asset in stored])
    found += [finding for part in parts for finding in part]
    order = {key: place for place, key in enumerate(graph.nodes)}
    return sorted(found, key=lambda one: (one.severity is not Severity.fault, order[one.key], one.kind))


def _gaps(graph: Graph) -> Iterator[Finding]:
    for key, node in graph.nodes.items():
        sources = graph.sources[key]
        if isinstance(node, Execution):
            yield from _gaps_of_execution(node, reads=any(edge.flow is Flow.input for edge in sources))
        elif node.condition in (Condition.deleted, Condition.missing):
            yield Finding(Severity.remark, node.condition.value, key, f"{key} is {node.condition.value}")
        elif node.condition is Condition.unknown_provenance or _only_unknown(graph, key):
            yield Finding(Severity.remark, "unknown_provenance", key, f"nobody recorded where {key} came from")
        elif not sources:
            what = "dataset" if isinstance(node, DatasetState) else "file" if isinstance(node, Asset) else "value"
            yield Finding(Severity.remark, "no_producer", key, f"the {what} {key} has no recorded producer")
        if isinstance(node, Asset) and node.condition is Condition.present and not node.md5:
            yield Finding(Severity.remark, "no_checksum", key, f"the file {key} has no recorded checksum")


def _only_unknown(graph: Graph, key: str) -> bool:
    makers = [graph.nodes[edge.source] for edge in graph.sources[key]]
    return bool(makers) and all(one.condition is Condition.unknown_provenance for one in makers)


def _gaps_of_execution(node: Execution, *, reads: bool) -> Iterable[Finding]:
    rid = node.rid
    if node.condition is Condition.unknown_provenance:
        return
    if node.condition is not Condition.present:
        what = "was not followed" if node.condition is Condition.not_followed else "is gone or not readable by you"
        yield Finding(Severity.remark, node.condition.value, rid, f"execution {rid} {what}")
        return
    if node.workflow is None:
        yield Finding(Severity.remark, "no_workflow", rid, f"execution {rid} has no workflow: its code is unknown")
    elif not node.workflow.checksum:
        yield Finding(Severity.remark, "no_code_checksum", rid, f"the code of execution {rid} has no checksum")
    if node.is_dirty:
        yield Finding(Severity.remark, "dirty", rid, f"execution {rid} ran code with uncommitted changes")
    if not reads:
        yield Finding(Severity.remark, "no_inputs", rid, f"execution {rid} has no recorded inputs")
    if node.status not in ("Uploaded", "Completed"):
        yield Finding(Severity.remark, "not_uploaded", rid, f"execution {rid} is {node.status or 'without status'}")


def _compare(catalog: Catalog, asset: Asset, verify_content: bool) -> Sequence[Finding]:
    try:
        there = stat(catalog, asset.url)
        if there is None:
            return [_fault("bytes_missing", asset, "its bytes are not in the object store")]
        if asset.length is not None and there.length != asset.length:
            return [_fault("length_differs", asset, f"{there.length:,} bytes stored, {asset.length:,} recorded")]
        digest = _digest(catalog, asset) if verify_content else there.md5_hex
    except NotFoundError:
        return [_fault("bytes_missing", asset, "its bytes are not in the object store")]
    except DmlError as error:
        text = f"the bytes of {asset.rid} cannot be examined: {error.message}"
        return [Finding(Severity.remark, "bytes_unreadable", asset.rid, text)]
    if asset.md5 and digest and digest.lower() != asset.md5.lower():
        return [_fault("bytes_differ", asset, f"its bytes have MD5 {digest}, recorded is {asset.md5}")]
    return []


def _fault(kind: str, asset: Asset, text: str) -> Finding:
    return Finding(Severity.fault, kind, asset.rid, f"{asset.rid} {asset.filename}: {text}")


def _digest(catalog: Catalog, asset: Asset) -> str:
    """MD5 of the bytes, read block by block; never kept."""
    digest = hashlib.md5(usedforsecurity=False)
    done = catalog.host_exchange("GET", local_path(catalog, asset.url), stream=True)
    with done.response as response:
        for block in response.iter_content(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
