"""Executions in short, read for many RIDs at once: status, workflow, duration, description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import Row, select

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Run", "read_runs", "seconds"]

EXECUTION = "deriva-ml:Execution"
WORKFLOW = "deriva-ml:Workflow"
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)H\s+(\d+(?:\.\d+)?)min\s+(\d+(?:\.\d+)?)sec\s*")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution in short.

    Attributes:
        rid: Its RID.
        status: As the catalog holds it, older words included; None for none or where the row cannot be read.
        readable: Whether its row could be read.
        description: As its author wrote it.
        status_detail: The last message or reason.
        workflow: RID of its workflow; empty for none.
        workflow_name: The workflow's name.
        duration: Seconds it ran; None when unknown.
        created: Time of its row, as the catalog writes it.
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


def read_runs(catalog: Catalog, rids: Iterable[str]) -> dict[str, Run]:
    """The executions with these RIDs, in two requests in sequence (more only when the RIDs do not fit one URL).

    One whose row is gone or unreadable is there with ``readable`` false.
    """
    wanted = list(dict.fromkeys(rids))
    if not wanted:
        return {}
    durations = [name for name in ("Execution_Duration", "Duration") if catalog.schema().has_column(EXECUTION, name)]
    rows = {str(row["RID"]): row for row in select(catalog, EXECUTION, where={"RID": wanted})}
    workflows = sorted({str(row["Workflow"]) for row in rows.values() if row.get("Workflow")})
    names = {row["RID"]: str(row["Name"] or "") for row in _workflows(catalog, workflows)}
    return {rid: _run(rows[rid], durations, names) if rid in rows else Run(rid, readable=False) for rid in wanted}


def _workflows(catalog: Catalog, rids: list[str]) -> list[Row]:
    return select(catalog, WORKFLOW, where={"RID": rids}, columns=["RID", "Name"]) if rids else []


def _run(row: Row, durations: list[str], names: Mapping[str, str]) -> Run:
    lengths = (seconds(row.get(name)) for name in durations)
    workflow = str(row.get("Workflow") or "")
    return Run(
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
    """Seconds of a duration as the catalog holds it (``0.0H 3.0min 12.5sec``); None when it says nothing."""
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        return None
    hours, minutes, rest = map(float, found.groups())
    return (hours * 3600 + minutes * 60 + rest) or None
