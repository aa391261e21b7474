"""Status, workflow, duration and description of executions, read for many RIDs together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import Row, select

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["ExecutionSummary", "read_summaries", "seconds"]

EXECUTION = "deriva-ml:Execution"
WORKFLOW = "deriva-ml:Workflow"
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)H\s+(\d+(?:\.\d+)?)min\s+(\d+(?:\.\d+)?)sec\s*")


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """The main columns of an execution.

    Attributes:
        rid: Its RID.
        status: As in the catalog, including statuses of older releases; None for none or an unreadable row.
        readable: Whether the row could be read.
        description: Free text by its author.
        status_detail: The last message or reason.
        workflow: RID of the workflow; empty for none.
        workflow_name: Name of the workflow.
        duration: Seconds; None when unknown.
        created: Creation time (RCT), ISO 8601.
    """

    rid: str
    status: str | None = None
    readable: bool = True
    description: str = ""
    status_detail: str = ""
    workflow: str = ""
    workflow_name: str = ""
    duration: float | None = None
    created: str = ""


def read_summaries(catalog: Catalog, rids: Iterable[str]) -> dict[str, ExecutionSummary]:
    """Read executions by RID, in two requests in sequence (more only when the RIDs do not fit into one URL).

    An execution whose row is missing or unreadable is returned with ``readable`` false.
    """
    wanted = list(dict.fromkeys(rids))
    if not wanted:
        return {}
    durations = [name for name in ("Execution_Duration", "Duration") if catalog.schema().has_column(EXECUTION, name)]
    rows = {str(row["RID"]): row for row in select(catalog, EXECUTION, where={"RID": wanted})}
    workflows = sorted({str(row["Workflow"]) for row in rows.values() if row.get("Workflow")})
    names = {row["RID"]: str(row["Name"] or "") for row in _workflows(catalog, workflows)}
    return {
        rid: _run(rows[rid], durations, names) if rid in rows else ExecutionSummary(rid, readable=False)
        for rid in wanted
    }


def _workflows(catalog: Catalog, rids: list[str]) -> list[Row]:
    return select(catalog, WORKFLOW, where={"RID": rids}, columns=["RID", "Name"]) if rids else []


def _run(row: Row, durations: list[str], names: Mapping[str, str]) -> ExecutionSummary:
    lengths = (seconds(row.get(name)) for name in durations)
    workflow = str(row.get("Workflow") or "")
    return ExecutionSummary(
        str(row["RID"]),
        row.get("Status"),
        True,
        str(row.get("Description") or ""),
        str(row.get("Status_Detail") or ""),
        workflow,
        names.get(workflow, ""),
        next((length for length in lengths if length is not None), None),
        str(row.get("RCT") or ""),
    )


def seconds(text: str | None) -> float | None:
    """Seconds of a duration as recorded in the catalog (``0.0H 3.0min 12.5sec``); None if it is zero or malformed."""
    match = _DURATION.fullmatch(text) if text else None
    if match is None:
        return None
    hours, minutes, rest = map(float, match.groups())
    return (hours * 3600 + minutes * 60 + rest) or None
