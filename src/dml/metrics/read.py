"""The metrics of executions: the numbers in their metrics files, JSON Lines with one object for each step.

A metrics file that is damaged, missing or not readable counts as empty; it never makes a command fail.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dml.catalog.concurrency import gather
from dml.catalog.rows import select
from dml.errors import DmlError, NotFoundError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["ExecutionMetrics", "MetricsFile", "curves_of", "find_metrics_files", "parse_steps", "read_metrics"]

METADATA = "deriva-ml:Execution_Metadata"
METADATA_EXECUTION = "deriva-ml:Execution_Metadata_Execution"
METADATA_TYPE = "deriva-ml:Execution_Metadata_Asset_Type"
METRICS_TYPE = "Metrics_File"

TAIL_BYTES = 64 * 1024
"""Bytes at the end of a metrics file that are read when only the last values are needed."""

MAX_BYTES = 8 * 1024 * 1024
"""Bytes at the end of a metrics file that are read when all steps are needed."""

_MAX_NESTING = 3
_MAX_LISTED = 12


@dataclass(frozen=True)
class MetricsFile:
    """A metrics file in the catalog.

    Attributes:
        rid: RID of the asset.
        execution: RID of the execution that produced it.
        filename: Recorded name.
        url: URL of its bytes.
        length: Bytes.
    """

    rid: str
    execution: str
    filename: str
    url: str
    length: int


@dataclass(frozen=True)
class ExecutionMetrics:
    """The metrics of an execution.

    Attributes:
        file: The metrics file; None when there is none.
        steps: The numbers of each step by metric, the earliest step first.
    """

    file: MetricsFile | None = None
    steps: tuple[Mapping[str, float], ...] = ()

    @property
    def last(self) -> dict[str, float]:
        """The last value of each metric."""
        values: dict[str, float] = {}
        for step in self.steps:
            values |= step
        return values


def read_metrics(
    catalog: Catalog, executions: Iterable[str], *, last_only: bool = False
) -> dict[str, ExecutionMetrics]:
    """Read the metrics of executions: three requests in sequence, and one more for each metrics file.

    Args:
        catalog: The catalog to read.
        executions: RIDs of executions.
        last_only: Read the last 64 KiB of each file instead of the last 8 MiB. The first steps may then be missing.

    Returns:
        The metrics by execution, in the given order; an execution without a metrics file has no steps.
    """
    rids = list(dict.fromkeys(executions))
    files = find_metrics_files(catalog, rids)
    limit = TAIL_BYTES if last_only else MAX_BYTES
    steps = gather([partial(_read_steps, catalog, file, limit) for file in files.values()])
    metrics = {
        rid: ExecutionMetrics(file, tuple(values)) for (rid, file), values in zip(files.items(), steps, strict=True)
    }
    return {rid: metrics.get(rid, ExecutionMetrics()) for rid in rids}


def curves_of(metrics: Mapping[str, ExecutionMetrics], metric: str) -> dict[str, list[float]]:
    """The values of one metric by execution, the earliest step first; executions without a metrics file are left out.

    Raises:
        NotFoundError: No execution has this metric.
    """
    names = list(dict.fromkeys(name for values in metrics.values() for name in values.last))
    if metric not in names:
        listed = ", ".join(safe(name, limit=40) for name in names[:_MAX_LISTED])
        more = " and more" if len(names) > _MAX_LISTED else ""
        raise NotFoundError(f"no metric {metric!r} in these executions", hint=f"Metrics: {listed or 'none'}{more}.")
    return {
        rid: [step[metric] for step in values.steps if metric in step] for rid, values in metrics.items() if values.file
    }


def find_metrics_files(catalog: Catalog, executions: Iterable[str]) -> dict[str, MetricsFile]:
    """Find the newest metrics file of each execution that has one; three requests in sequence for all of them.

    A metrics file has the asset type ``Metrics_File`` or, if an execution has no asset of that type, a name such as
    ``metrics.jsonl``.
    """
    rids = list(dict.fromkeys(executions))
    if not rids or not catalog.schema().has_table(METADATA_EXECUTION):
        return {}
    links = select(catalog, METADATA_EXECUTION, where={"Execution": rids, "Asset_Role": "Output"})
    producers = {str(row["Execution_Metadata"]): str(row["Execution"]) for row in links}
    if not producers:
        return {}
    assets, types = gather(
        [
            partial(select, catalog, METADATA, where={"RID": list(producers)}),
            partial(
                select,
                catalog,
                METADATA_TYPE,
                where={"Execution_Metadata": list(producers), "Asset_Type": METRICS_TYPE},
            ),
        ]
    )
    typed = {row["Execution_Metadata"] for row in types}
    newest: dict[str, tuple[tuple[bool, str, str], MetricsFile]] = {}
    for row in assets:
        name = str(row.get("Filename") or "")
        if row["RID"] not in typed and not (name.startswith("metrics") and name.endswith(".jsonl")):
            continue
        file = MetricsFile(str(row["RID"]), producers[row["RID"]], name, str(row["URL"]), int(row["Length"] or 0))
        rank = (row["RID"] in typed, str(row.get("RCT") or ""), file.rid)
        if file.execution not in newest or newest[file.execution][0] < rank:
            newest[file.execution] = (rank, file)
    return {execution: file for execution, (_, file) in newest.items()}


def _read_steps(catalog: Catalog, file: MetricsFile, limit: int) -> list[dict[str, float]]:
    """Read the steps in the last ``limit`` bytes of a file; none where it cannot be read."""
    if not file.url.startswith("/hatrac/") or not file.length:
        return []
    start = max(0, file.length - limit)
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        content = catalog.host_exchange("GET", file.url, headers=headers).response.content
    except DmlError:
        return []
    text = content.decode("utf-8", "replace")
    # A range starts in the middle of a line, so its first line is dropped.
    return parse_steps(text.partition("\n")[2] if start else text)


def parse_steps(text: str) -> list[dict[str, float]]:
    """The finite numbers of each line that is a JSON object; nested ones are named ``outer.inner``."""
    steps = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            steps.append(_numbers(value))
    return steps


def _numbers(value: Mapping[str, Any], prefix: str = "", level: int = 0) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, item in value.items():
        if isinstance(item, dict) and level < _MAX_NESTING:
            numbers |= _numbers(item, f"{prefix}{name}.", level + 1)
        elif isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item):
            numbers[f"{prefix}{name}"] = float(item)
    return numbers
