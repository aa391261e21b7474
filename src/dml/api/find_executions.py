"""Find executions in the catalog by workflow, status, dataset or asset, in at most three requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from dml.api.execution_record import ExecutionRecord, records_of
from dml.asset import execution_edges
from dml.catalog.concurrency import gather
from dml.catalog.rows import Row, locate, read, select, validate_rid
from dml.catalog.schema import EXECUTION, WORKFLOW
from dml.catalog.url import condition, table_path
from dml.errors import NotFoundError, UsageError
from dml.execution.status import shown_status
from dml.execution.unknown_provenance import DATASET_EXECUTION

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
    """The executions that meet every condition.

    Args:
        catalog: The catalog to search.
        workflow_rid: Executions of this workflow.
        workflow_type: Executions whose workflow has this ``Workflow_Type`` term.
        status: Executions in this status, or in any of several.
        sort: Oldest first when None, newest first when True; otherwise a key function.
        dataset: Executions that used or produced this dataset.
        dataset_role: ``input`` for executions that read the dataset, ``output`` for those that produced a version of
            it, ``any`` for both.

    Raises:
        UsageError: ``dataset_role`` is unknown, or a RID is malformed.
    """
    if dataset_role not in ("any", "input", "output"):
        raise UsageError(f"unknown dataset_role {dataset_role!r}", hint="Use any, input or output.")
    statuses = None if status is None else {status} if isinstance(status, str) else set(status)
    read_rows = (
        partial(_of_dataset, catalog, validate_rid(dataset), dataset_role)
        if dataset is not None
        else partial(_rows, catalog, workflow_rid, statuses)
    )
    of_type = _workflows_of_type(catalog, workflow_type)
    rows = [
        row
        for row in read_rows()
        if workflow_rid in (None, row.get("Workflow"))
        and (statuses is None or row.get("Status") in statuses)
        and (of_type is None or row.get("Workflow") in of_type)
    ]
    records = records_of(catalog, rows)
    if sort is True:
        records.reverse()
    elif callable(sort):
        records.sort(key=sort)
    return records


def find_executions_consuming(catalog: Catalog, rid: str) -> list[ExecutionRecord]:
    """The executions that read a dataset or an asset directly, oldest first; two requests.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The row is neither a dataset nor an asset.
    """
    rid = validate_rid(rid)
    location = locate(catalog, [rid]).get(rid)
    if location is None:
        raise NotFoundError(f"No row {rid} in {catalog.target}")
    if location.qualified_name == "deriva-ml:Dataset":
        return find_executions(catalog, dataset=rid, dataset_role="input")
    if not catalog.schema().table(location.qualified_name).is_asset:
        raise UsageError(f"{rid} is a row of {location.table}, neither a dataset nor an asset")
    rows = execution_edges.consumers(catalog, location.qualified_name, rid, "Input")
    return records_of(catalog, rows)


def multirun_status_summary(catalog: Catalog, workflow_rid: str) -> dict[str, Any]:
    """How many executions of a workflow are in each status, counted by the server in one request.

    Returns:
        ``{"workflow_rid": …, "counts": {status: n}, "total": n}``; executions without a status are counted as ``none``.
    """
    rid = validate_rid(workflow_rid)
    path = f"/attributegroup/{table_path(EXECUTION)}/{condition('Workflow', [rid])}/Status;n:=cnt(RID)"
    counts: dict[str, int] = {}
    for row in read(catalog, path):
        counts[shown_status(row["Status"])] = int(row["n"])
    return {"workflow_rid": rid, "counts": dict(sorted(counts.items())), "total": sum(counts.values())}


def _rows(catalog: Catalog, workflow_rid: str | None, statuses: set[str] | None) -> list[Row]:
    where: dict[str, object] = {}
    if workflow_rid is not None:
        where["Workflow"] = validate_rid(workflow_rid)
    if statuses is not None:
        where["Status"] = sorted(statuses)
    return select(catalog, EXECUTION, where=where)


def _of_dataset(catalog: Catalog, dataset: str, role: DatasetRole) -> list[Row]:
    """The executions that read or produced a dataset, through the association tables."""
    schema = catalog.schema()
    to_execution = f"(Execution)=({table_path(EXECUTION)}:RID)"
    paths = {"input": f"/entity/{table_path(DATASET_EXECUTION)}/{condition('Dataset', [dataset])}/{to_execution}"}
    if schema.has_column(_DATASET_VERSION, "Execution"):
        paths["output"] = f"/entity/{table_path(_DATASET_VERSION)}/{condition('Dataset', [dataset])}/{to_execution}"
    # Before 1.43 Dataset_Execution also held the producers; Dataset_Version tells them apart from the readers.
    needed = set(paths) if role == "any" or not schema.capabilities.dataset_execution_version else {role} & set(paths)
    answers = dict(
        zip(sorted(needed), gather([partial(read, catalog, paths[key]) for key in sorted(needed)]), strict=True)
    )
    producers, readers = _by_rid(answers.get("output", ())), _by_rid(answers.get("input", ()))
    if role == "output":
        return list(producers.values())
    if role == "input":
        mixed = not schema.capabilities.dataset_execution_version
        return [row for rid, row in readers.items() if not (mixed and rid in producers)]
    return list({**producers, **readers}.values())


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
