"""Checks of the lineage of an artifact: gaps in the provenance, and files that do not match their records.

A gap (a file without a producer, an execution without code) is a warning; a file whose bytes are missing or different
is an error. By default the length and MD5 that the object store reports are compared; on request, the bytes themselves.
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
from dml.lineage.graph import EdgeKind, Graph
from dml.lineage.lookup import lookup_lineage
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution
from dml.lineage.result import LineageResult

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Finding", "Severity", "check_lineage"]

_BLOCK = 1 << 20


class Severity(StrEnum):
    """How serious a finding is."""

    warning = "warning"
    """The provenance has a gap; nothing is known to be wrong."""
    error = "error"
    """The records contradict the stored bytes or each other."""


@dataclass(frozen=True)
class Finding:
    """A gap or contradiction in the provenance of an artifact.

    Attributes:
        severity: How serious it is.
        kind: A stable identifier, such as ``no_producer`` or ``bytes_differ``.
        key: Key of the node in the graph.
        text: A sentence for people.
    """

    severity: Severity
    kind: str
    key: str
    text: str


def check_lineage(
    catalog: Catalog, rid: str, *, verify_content: bool = False, max_executions: int = 500
) -> tuple[LineageResult, list[Finding]]:
    """Check an artifact and everything that it was derived from. Reads only.

    Makes a HEAD request for each file stored in Hatrac; with ``verify_content``, downloads each of them instead.

    Args:
        catalog: The catalog to read.
        rid: ``RID`` or ``RID@VERSION`` of an artifact or execution.
        verify_content: Compute the MD5 of each file's bytes instead of comparing the one that the store reports.
        max_executions: The most executions to look into.

    Returns:
        The lineage and the findings, errors first.

    Raises:
        UsageError: The RID is malformed, or of a row that has no lineage.
        NotFoundError: There is no such row or version.
    """
    result = lookup_lineage(catalog, rid, max_executions=max_executions)
    graph = result.graph
    findings = [Finding(Severity.warning, "unreadable", result.root_key, text) for text in result.warnings]
    findings += _gaps(graph)
    if result.cycle_detected:
        text = "the data flow has a cycle: some records are wrong"
        findings.append(Finding(Severity.error, "cycle", result.root_key, text))
    stored = [
        node
        for node in graph.nodes.values()
        if isinstance(node, Asset) and node.condition is Condition.present and node.url.startswith("/hatrac/")
    ]
    for part in gather([partial(_check_file, catalog, asset, verify_content) for asset in stored]):
        findings += part
    order = {key: position for position, key in enumerate(graph.nodes)}
    return result, sorted(
        findings, key=lambda finding: (finding.severity is not Severity.error, order[finding.key], finding.kind)
    )


def _gaps(graph: Graph) -> Iterator[Finding]:
    for key, node in graph.nodes.items():
        sources = graph.sources[key]
        if isinstance(node, Execution):
            yield from _gaps_of_execution(node, reads=any(edge.kind is EdgeKind.input for edge in sources))
        elif node.condition in (Condition.deleted, Condition.missing):
            yield Finding(Severity.warning, node.condition.value, key, f"{key} is {node.condition.value}")
        elif node.condition is Condition.unknown_provenance or _only_unknown(graph, key):
            yield Finding(Severity.warning, "unknown_provenance", key, f"the origin of {key} was not recorded")
        elif not sources:
            what = "dataset" if isinstance(node, DatasetState) else "file" if isinstance(node, Asset) else "value"
            yield Finding(Severity.warning, "no_producer", key, f"the {what} {key} has no recorded producer")
        if isinstance(node, Asset) and node.condition is Condition.present and not node.md5:
            yield Finding(Severity.warning, "no_checksum", key, f"the file {key} has no recorded checksum")


def _only_unknown(graph: Graph, key: str) -> bool:
    producers = [graph.nodes[edge.source] for edge in graph.sources[key]]
    return bool(producers) and all(node.condition is Condition.unknown_provenance for node in producers)


def _gaps_of_execution(node: Execution, *, reads: bool) -> Iterable[Finding]:
    rid = node.rid
    if node.condition is Condition.unknown_provenance:
        return
    if node.condition is not Condition.present:
        what = (
            "is beyond --max-executions"
            if node.condition is Condition.not_followed
            else "no longer exists, or you have no right to read it"
        )
        yield Finding(Severity.warning, node.condition.value, rid, f"execution {rid} {what}")
        return
    if node.workflow is None:
        yield Finding(Severity.warning, "no_workflow", rid, f"execution {rid} has no workflow: its code is unknown")
    elif not node.workflow.checksum:
        yield Finding(Severity.warning, "no_code_checksum", rid, f"the code of execution {rid} has no checksum")
    if node.is_dirty:
        yield Finding(Severity.warning, "dirty", rid, f"execution {rid} ran code with uncommitted changes")
    if not reads:
        yield Finding(Severity.warning, "no_inputs", rid, f"execution {rid} has no recorded inputs")
    if node.status not in ("Uploaded", "Completed"):
        yield Finding(
            Severity.warning,
            "not_uploaded",
            rid,
            f"execution {rid} has {f'status {node.status}' if node.status else 'no status'}",
        )


def _check_file(catalog: Catalog, asset: Asset, verify_content: bool) -> Sequence[Finding]:
    """Findings about the stored bytes of a file: none, or one."""
    try:
        stored = stat(catalog, asset.url)
        if stored is None:
            return [_error("bytes_missing", asset, "the object store has no such object")]
        if asset.length is not None and stored.length != asset.length:
            return [_error("length_differs", asset, f"{stored.length:,} bytes stored, {asset.length:,} recorded")]
        digest = _digest(catalog, asset) if verify_content else stored.md5_hex
    except NotFoundError:
        return [_error("bytes_missing", asset, "the object store has no such object")]
    except DmlError as error:
        text = f"cannot check the bytes of {asset.rid}: {error.message}"
        return [Finding(Severity.warning, "bytes_unreadable", asset.rid, text)]
    if asset.md5 and digest and digest.lower() != asset.md5.lower():
        return [_error("bytes_differ", asset, f"MD5 of the stored bytes is {digest}, recorded is {asset.md5}")]
    return []


def _error(kind: str, asset: Asset, text: str) -> Finding:
    return Finding(Severity.error, kind, asset.rid, f"{asset.rid} {asset.filename}: {text}")


def _digest(catalog: Catalog, asset: Asset) -> str:
    """MD5 of the stored bytes, streamed block by block and not kept."""
    digest = hashlib.md5(usedforsecurity=False)
    exchange = catalog.host_exchange("GET", local_path(catalog, asset.url), stream=True)
    with exchange.response as response:
        for block in response.iter_content(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
