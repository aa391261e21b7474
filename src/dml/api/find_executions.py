"""Finding executions in the catalog by workflow, status, dataset or asset, in at most three requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from dml.api.execution_record import ExecutionRecord, record_of
from dml.asset import execution_edges
from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, locate, read, select, validate_rid
from dml.catalog.schema import EXECUTION, WORKFLOW
from dml.catalog.url import condition, table_path
from dml.errors import NotFoundError, UsageError
from dml.execution.creation import DATASET_EXECUTION
from dml.execution.status import shown_status

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["DatasetRole", "find_executions", "find_executions_consuming", "multirun_status_summary"]

DatasetRole = Literal["any", "input", "output"]
Sort = bool | Callable[[ExecutionRecord], Any] | None

_DATASET_VERSION = "deriva-ml:Dataset_Version"
_WORKFLOW_TYPES = "deriva-ml:Workflow_Workflow_Type"


def find_executions(
    catalog: Catalog,
    *,
    workflow_rid: str | None = None,
    workflow_type: str | None = None,
    status: str | Sequence[str] | None = None,
    sort: Sort = None,
    dataset: str | None = None,
    dataset_role: DatasetRole = "any",
) -> list[ExecutionRecord]:
    """The executions that fulfil all conditions.

    Args:
        catalog: Where.
        workflow_rid: Only of this workflow.
        workflow_type: Only of workflows of this type.
        status: Only in this status, or one of these.
        sort: The oldest first when None, the newest first when True, else by this key.
        dataset: Only those that read or made this dataset.
        dataset_role: Whether they read it (``input``), made a version of it (``output``) or either.
    """
    if dataset_role not in ("any", "input", "output"):
        raise UsageError(f"{dataset_role!r} is no role of a dataset", hint="Use any, input or output.")
    wanted = None if status is None else {status} if isinstance(status, str) else set(status)
    reading = (
        partial(_of_dataset, catalog, validate_rid(dataset), dataset_role)
        if dataset is not None
        else partial(_rows, catalog, workflow_rid, wanted)
    )
    of_type = _workflows_of_type(catalog, workflow_type)
    found = [
        record_of(catalog, row)
        for row in sorted(reading(), key=lambda row: (str(row.get("RCT") or ""), str(row["RID"])))
        if workflow_rid in (None, row.get("Workflow"))
        and (wanted is None or row.get("Status") in wanted)
        and (of_type is None or row.get("Workflow") in of_type)
    ]
    if sort is True:
        found.reverse()
    elif callable(sort):
        found.sort(key=sort)
    return found


def find_executions_consuming(catalog: Catalog, rid: str) -> list[ExecutionRecord]:
    """The executions that read a dataset or an asset, the oldest first; one level, two requests.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is neither.
    """
    wanted = validate_rid(rid)
    place = locate(catalog, [wanted]).get(wanted)
    if place is None:
        raise NotFoundError(f"No row {wanted} in {catalog.target}")
    if place.qualified_name == "deriva-ml:Dataset":
        return find_executions(catalog, dataset=wanted, dataset_role="input")
    if not catalog.schema().table(place.qualified_name).is_asset:
        raise UsageError(f"{wanted} is a row of {place.table}, neither a dataset nor an asset")
    rows = execution_edges.consumers(catalog, place.qualified_name, wanted, "Input")
    return sorted((record_of(catalog, row) for row in rows), key=lambda one: (one.created, one.execution_rid))


def multirun_status_summary(catalog: Catalog, workflow_rid: str) -> dict[str, Any]:
    """How many executions of a workflow are in which status, counted by the server in one request.

    Returns:
        ``{"workflow_rid": …, "counts": {status: n}, "total": n}``; executions without a status are counted as ``none``.
    """
    wanted = validate_rid(workflow_rid)
    path = f"/attributegroup/{table_path(EXECUTION)}/{condition('Workflow', [wanted])}/Status;n:=cnt(RID)"
    counts: dict[str, int] = {}
    for row in read(catalog, path):
        counts[shown_status(row["Status"])] = int(row["n"])
    return {"workflow_rid": wanted, "counts": dict(sorted(counts.items())), "total": sum(counts.values())}


def _rows(catalog: Catalog, workflow_rid: str | None, statuses: set[str] | None) -> list[Row]:
    where: dict[str, object] = {}
    if workflow_rid is not None:
        where["Workflow"] = validate_rid(workflow_rid)
    if statuses is not None:
        where["Status"] = sorted(statuses)
    return select(catalog, EXECUTION, where=where)


def _of_dataset(catalog: Catalog, dataset: str, role: DatasetRole) -> list[Row]:
    """The executions that have to do with a dataset, through the tables that say so."""
    schema = catalog.schema()
    to_execution = f"(Execution)=({table_path(EXECUTION)}:RID)"
    paths = {"input": f"/entity/{table_path(DATASET_EXECUTION)}/{condition('Dataset', [dataset])}/{to_execution}"}
    if schema.has_column(_DATASET_VERSION, "Execution"):
        paths["output"] = f"/entity/{table_path(_DATASET_VERSION)}/{condition('Dataset', [dataset])}/{to_execution}"
    # Before 1.43 Dataset_Execution held the producers too: they are told by the versions that they made.
    needed = set(paths) if role == "any" or not schema.capabilities.dataset_execution_version else {role} & set(paths)
    answers = dict(
        zip(sorted(needed), gather([partial(read, catalog, paths[one]) for one in sorted(needed)]), strict=True)
    )
    made, read_by = _by_rid(answers.get("output", ())), _by_rid(answers.get("input", ()))
    if role == "output":
        return list(made.values())
    if role == "input":
        older = not schema.capabilities.dataset_execution_version
        return [row for rid, row in read_by.items() if not (older and rid in made)]
    return list({**made, **read_by}.values())


def _by_rid(rows: Sequence[Row] | tuple[()]) -> Mapping[str, Row]:
    return {str(row["RID"]): row for row in rows}


def _workflows_of_type(catalog: Catalog, workflow_type: str | None) -> set[str] | None:
    if workflow_type is None:
        return None
    if catalog.schema().capabilities.workflow_type_table:
        rows = select(catalog, _WORKFLOW_TYPES, where={"Workflow_Type": workflow_type}, columns=["Workflow"])
        return {str(row["Workflow"]) for row in rows}
    if catalog.schema().capabilities.workflow_type_column:
        rows = select(catalog, WORKFLOW, where={"Workflow_Type": workflow_type}, columns=["RID"])
        return {str(row["RID"]) for row in rows}
    return set()
