"""The last metrics of executions that kept a metrics file (JSON Lines, one object a step).

Only the end of each file is fetched. A file that is damaged, too strange or gone says nothing; it never fails a view.
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
from dml.errors import DmlError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["MetricsFile", "find_metrics_files", "last_metrics", "parse_steps", "read_steps"]

METADATA = "deriva-ml:Execution_Metadata"
METADATA_EXECUTION = "deriva-ml:Execution_Metadata_Execution"
METADATA_TYPE = "deriva-ml:Execution_Metadata_Asset_Type"
METRICS_TYPE = "Metrics_File"
_TAIL = 64 * 1024
_WHOLE = 8 * 1024 * 1024
"""Bytes of a metrics file that are looked at when all its steps are wanted."""


@dataclass(frozen=True)
class MetricsFile:
    """Where an execution's metrics are.

    Attributes:
        rid: RID of the asset.
        execution: RID of the execution that made it.
        filename: Its name.
        url: Where its bytes are.
        length: Bytes.
    """

    rid: str
    execution: str
    filename: str
    url: str
    length: int


def find_metrics_files(catalog: Catalog, executions: Iterable[str]) -> dict[str, MetricsFile]:
    """The newest metrics file of each execution that has one; three requests in sequence for all of them.

    A metrics file is one of type ``Metrics_File``, or, where nothing is typed so, one named like ``metrics.jsonl``.
    """
    wanted = list(dict.fromkeys(executions))
    if not wanted or not catalog.schema().has_table(METADATA_EXECUTION):
        return {}
    links = select(catalog, METADATA_EXECUTION, where={"Execution": wanted, "Asset_Role": "Output"})
    made_by = {str(row["Execution_Metadata"]): str(row["Execution"]) for row in links}
    if not made_by:
        return {}
    files, types = gather(
        [
            partial(select, catalog, METADATA, where={"RID": list(made_by)}),
            partial(
                select, catalog, METADATA_TYPE, where={"Execution_Metadata": list(made_by), "Asset_Type": METRICS_TYPE}
            ),
        ]
    )
    typed = {row["Execution_Metadata"] for row in types}
    found: dict[str, tuple[tuple[bool, str, str], MetricsFile]] = {}
    for row in files:
        name = str(row.get("Filename") or "")
        if row["RID"] not in typed and not (name.startswith("metrics") and name.endswith(".jsonl")):
            continue
        file = MetricsFile(str(row["RID"]), made_by[row["RID"]], name, str(row["URL"]), int(row["Length"] or 0))
        rank = (row["RID"] in typed, str(row.get("RCT") or ""), file.rid)
        if file.execution not in found or found[file.execution][0] < rank:
            found[file.execution] = (rank, file)
    return {execution: file for execution, (_, file) in found.items()}


def last_metrics(catalog: Catalog, files: Mapping[str, MetricsFile]) -> dict[str, dict[str, float]]:
    """The last value of each number in each metrics file, by execution; one small request a file."""
    steps = gather([partial(_steps, catalog, file, _TAIL) for file in files.values()])
    return {execution: last_of(found) for execution, found in zip(files, steps, strict=True) if found}


def read_steps(catalog: Catalog, file: MetricsFile) -> list[dict[str, float]]:
    """The numbers of all steps of a metrics file (its last 8 MiB), oldest first."""
    return _steps(catalog, file, _WHOLE)


def _steps(catalog: Catalog, file: MetricsFile, most: int) -> list[dict[str, float]]:
    if not file.url.startswith("/hatrac/") or not file.length:
        return []
    begin = max(0, file.length - most)
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    try:
        content = catalog.host_exchange("GET", file.url, headers=headers).response.content
    except DmlError:
        return []
    text = content.decode("utf-8", "replace")
    # The first line of a tail is cut somewhere.
    return parse_steps(text.partition("\n")[2] if begin else text)


def parse_steps(text: str) -> list[dict[str, float]]:
    """The numbers of each line that is a JSON object; nested ones are named ``outer.inner``."""
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
    found: dict[str, float] = {}
    for name, item in value.items():
        if isinstance(item, dict) and level < 3:
            found |= _numbers(item, f"{prefix}{name}.", level + 1)
        elif isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item):
            found[f"{prefix}{name}"] = float(item)
    return found


def last_of(steps: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The last value of each name."""
    found: dict[str, float] = {}
    for step in steps:
        found |= step
    return found
