"""The rows of executions with their workflows, read for all executions of a walk together."""

from __future__ import annotations

from collections.abc import Sequence

from dml.catalog.rows import Row
from dml.catalog.url import table_path
from dml.lineage.fetch_edges import Reader
from dml.lineage.nodes import Condition, Execution, Workflow
from dml.lineage.tables import EXECUTION, WORKFLOW, WORKFLOW_TYPES, EdgeTables
from dml.nesting.execution_summaries import seconds

__all__ = ["UNKNOWN_WORKFLOW", "executions_of"]

UNKNOWN_WORKFLOW = "tag:deriva-ml,unknown-provenance:workflow"
"""URL of the workflow that deriva-ml uses for unknown provenance."""

UNKNOWN_EXECUTION = "deriva-ml unknown-provenance sentinel execution"
"""Description of its execution."""

_WHOLE_ABOVE = 900


def executions_of(reader: Reader, rids: Sequence[str], *, known: int | None = None) -> dict[str, Execution]:
    """Read executions by RID; one whose row is unreadable has the condition ``missing``.

    Args:
        reader: Reads the catalog.
        rids: RIDs of the executions.
        known: How many executions have edges in this catalog, where that is known; when many of them are asked
            for, the table is read whole.
    """
    path, tail = "/attributegroup/E:=" + table_path(EXECUTION), _tail(reader.tables)
    wanted = list(dict.fromkeys(rids))
    if not wanted:
        return {}
    whole = known is not None and len(wanted) > _WHOLE_ABOVE and len(wanted) * 4 > known
    rows = reader.slices(path, "RID", None if whole else wanted, tail, EXECUTION)
    found = {str(row["rid"]): _execution(row) for row in rows}
    return {rid: found.get(rid, Execution(rid, Condition.missing)) for rid in wanted}


def _tail(tables: EdgeTables) -> str:
    tail = f"/W:=left(Workflow)=({table_path(WORKFLOW)}:RID)"
    keys = "rid:=E:RID,created:=E:RCT,user:=E:RCB,status:=E:Status,description:=E:Description,workflow:=W:RID"
    keys += ",workflow_row:=E:Workflow,name:=W:Name,url:=W:URL,checksum:=W:Checksum,version:=W:Version"
    keys += ",status_detail:=E:Status_Detail" if tables.status_detail else ""
    keys += "".join(f",duration_{number}:=E:{name}" for number, name in enumerate(tables.durations))
    if tables.workflow_types == "table":
        tail += f"/T:=left(RID)=({table_path(WORKFLOW_TYPES)}:Workflow)"
        return f"{tail}/{keys};types:=array_d(T:Workflow_Type)"
    if tables.workflow_types == "column":
        keys += ",type:=W:Workflow_Type"
    return f"{tail}/{keys}"


def _execution(row: Row) -> Execution:
    unknown = row.get("url") == UNKNOWN_WORKFLOW or row.get("description") == UNKNOWN_EXECUTION
    durations = (seconds(row.get(f"duration_{number}")) for number in range(2))
    return Execution(
        str(row["rid"]),
        Condition.unknown_provenance if unknown else Condition.present,
        str(row.get("description") or ""),
        row.get("status"),
        str(row.get("status_detail") or ""),
        _workflow(row),
        next((length for length in durations if length is not None), None),
        str(row.get("created") or ""),
        str(row.get("user") or ""),
    )


def _workflow(row: Row) -> Workflow | None:
    rid = row.get("workflow_row")
    if not rid:
        return None
    names = row.get("types") or [row.get("type")]
    types = tuple(sorted(str(name) for name in names if name))
    text = {name: str(row.get(name) or "") for name in ("name", "url", "checksum", "version")}
    return Workflow(str(rid), text["name"], types, text["url"], text["checksum"], text["version"])
