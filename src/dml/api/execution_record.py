"""Executions as the catalog has them, whichever workspace created them: one record, its parents and children."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.asset.execution_edges import AssetEdge, asset_edges
from dml.catalog.rows import Row, locate, select, update, validate_rid
from dml.catalog.schema import EXECUTION
from dml.dataset.lookup import find_datasets
from dml.deprecation import warn_deprecated
from dml.errors import NotFoundError, UsageError
from dml.execution.unknown_provenance import DATASET_EXECUTION
from dml.execution.workflow import Workflow
from dml.nesting import tree
from dml.nesting.edit import add_nested_execution

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "ExecutionRecord",
    "InputDataset",
    "input_datasets",
    "lookup_execution",
    "record_of",
    "records_of",
    "relatives",
    "rid_of",
]


@dataclass(frozen=True)
class InputDataset:
    """A dataset that an execution read.

    Attributes:
        dataset_rid: RID of the dataset.
        version: The version that was read; None when the catalog does not record it.
        description: Description of the dataset, Markdown.
        dataset_types: The dataset's terms of Dataset_Type, sorted.
    """

    dataset_rid: str
    version: str | None
    description: str
    dataset_types: tuple[str, ...]


@dataclass
class ExecutionRecord:
    """An execution's row in the catalog, as of the time it was read.

    Assigning ``status`` or ``description`` writes the catalog; the other attributes cannot be assigned.

    Attributes:
        catalog: The connection to the catalog that holds the row.
        execution_rid: RID of the execution.
        workflow_rid: RID of its workflow; None when it has none.
        status: The status as stored; older catalogs use other names, or have None.
        status_detail: The last progress message, or the error of a failed execution.
        description: Description of the execution, Markdown.
        duration, download_duration, upload_duration: Durations in the text form that deriva-ml writes.
        created: When the row was created, as the catalog writes it (RCT).
    """

    catalog: Catalog
    execution_rid: str
    workflow_rid: str | None
    status: str | None
    status_detail: str | None
    description: str
    duration: str | None
    download_duration: str | None
    upload_duration: str | None
    created: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_was_read", True)

    def __setattr__(self, name: str, value: Any) -> None:
        """Write the status or the description to the catalog, then set the attribute.

        Raises:
            AttributeError: The attribute cannot be assigned.
            IllegalTransitionError: The status may not change that way.
            ConflictError: The status in the catalog has changed since the record was read.
        """
        if "_was_read" in vars(self):
            if name == "description":
                self.set_description(str(value))
            elif name == "status":
                value = self.update_status(str(value)).status
            else:
                raise AttributeError(f"{name} of execution {self.execution_rid} cannot be assigned")
        object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash(self.execution_rid)

    @property
    def start_time(self) -> None:
        """Always None: only the workspace that ran the execution knows when it started."""

    @property
    def stop_time(self) -> None:
        """Always None; see ``start_time``."""

    @property
    def workflow(self) -> Workflow | None:
        """The workflow, read from the catalog; None when the execution has none."""
        from dml.api.registered_workflow import registered_workflow

        return registered_workflow(self.catalog, self.workflow_rid) if self.workflow_rid else None

    def list_assets(self, asset_role: str | None = None) -> list[AssetEdge]:
        """The assets it read (role ``Input``) or wrote (``Output``); both when None.

        Two requests for each asset table that has any.
        """
        return asset_edges(self.catalog, self.execution_rid, asset_role)

    def list_input_datasets(self) -> list[InputDataset]:
        """The datasets it read; four requests."""
        return input_datasets(self.catalog, self.execution_rid)

    def list_execution_children(self, recurse: bool = False) -> list[ExecutionRecord]:
        """The executions nested in this one, by sequence; with ``recurse`` all levels, depth first, without repeats."""
        return relatives(self.catalog, self.execution_rid, recurse=recurse)

    def list_execution_parents(self, recurse: bool = False) -> list[ExecutionRecord]:
        """The executions that this one is nested in; with ``recurse`` all levels, without repeats."""
        return relatives(self.catalog, self.execution_rid, parents=True, recurse=recurse)

    def list_nested_executions(self, recurse: bool = False) -> list[ExecutionRecord]:
        """Deprecated name of ``list_execution_children``."""
        warn_deprecated("list_nested_executions", "list_execution_children")
        return self.list_execution_children(recurse)

    def list_parent_executions(self, recurse: bool = False) -> list[ExecutionRecord]:
        """Deprecated name of ``list_execution_parents``."""
        warn_deprecated("list_parent_executions", "list_execution_parents")
        return self.list_execution_parents(recurse)

    def add_nested_execution(self, nested_execution: Any, sequence: int | None = None) -> None:
        """Nest another execution in this one. Writes the catalog.

        Args:
            nested_execution: The child: an ``Execution``, an ``ExecutionRecord`` or a RID.
            sequence: Position of the child among its siblings; None when they run in parallel.
        """
        add_nested_execution(self.catalog, self.execution_rid, rid_of(nested_execution), sequence=sequence)

    def is_nested(self) -> bool:
        """Whether it is nested in another execution."""
        return tree.is_nested(self.catalog, self.execution_rid)

    def is_parent(self) -> bool:
        """Whether it has nested executions."""
        return tree.is_parent(self.catalog, self.execution_rid)

    def set_description(self, text: str) -> None:
        """Change the description in the catalog; the record itself is not changed."""
        update(self.catalog, EXECUTION, [{"RID": self.execution_rid, "Description": text}], columns=["Description"])

    def update_status(self, status: str, detail: str | None = None) -> ExecutionRecord:
        """Change the status in the catalog, provided that it has not changed since the record was read.

        Meant for executions that no workspace manages; change the others with ``Execution.update_status``. Writes the
        catalog.

        Args:
            status: The new status.
            detail: Recorded as ``Status_Detail``; left as it is when None.

        Returns:
            A new record with the changed status.

        Raises:
            IllegalTransitionError: The status may not change that way.
            ConflictError: The status in the catalog has changed since the record was read.
        """
        from dml.execution.status_change import change_in_catalog

        change_in_catalog(self.catalog, self.execution_rid, self.status, status, detail)
        return lookup_execution(self.catalog, self.execution_rid)


def lookup_execution(catalog: Catalog, rid: str) -> ExecutionRecord:
    """The execution with this RID.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The RID is malformed, or the row is not an execution.
    """
    wanted = validate_rid(rid)
    rows = select(catalog, EXECUTION, where={"RID": wanted})
    if rows:
        return record_of(catalog, rows[0])
    location = locate(catalog, [wanted]).get(wanted)
    if location is not None and location.qualified_name != EXECUTION:
        raise UsageError(f"{wanted} is a row of {location.table}, not an execution")
    raise NotFoundError(f"no execution {wanted} in {catalog.target}")


def relatives(catalog: Catalog, rid: str, *, parents: bool = False, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions nested in one, by sequence, or its parents; one request for each level and two more.

    Args:
        catalog: The catalog to read.
        rid: RID of the execution.
        parents: Return the executions it is nested in instead.
        recurse: Return all levels, depth first, without repeats.
    """
    members = tree.read_nesting(catalog, rid, parents=parents, recurse=recurse).members
    rows = {row["RID"]: row for row in select(catalog, EXECUTION, where={"RID": members})} if members else {}
    return [record_of(catalog, rows[rid]) for rid in members if rid in rows]


def input_datasets(catalog: Catalog, rid: str) -> list[InputDataset]:
    """The datasets that an execution read, in the order in which they were recorded; four requests."""
    rows = select(catalog, DATASET_EXECUTION, where={"Execution": rid}, sort=("RCT", "RID"))
    by_rid = find_datasets(catalog, [str(row["Dataset"]) for row in rows], deleted=True)
    datasets = []
    for row in rows:
        dataset = by_rid[str(row["Dataset"])]
        versions = {version.rid: version.text for version in dataset.versions}
        version = versions.get(str(row.get("Dataset_Version")))
        datasets.append(InputDataset(dataset.rid, version, dataset.description, dataset.types))
    return datasets


def rid_of(execution: Any) -> str:
    """The RID of an ``Execution``, an ``ExecutionRecord`` or a text."""
    return str(getattr(execution, "execution_rid", execution))


def record_of(catalog: Catalog, row: Row) -> ExecutionRecord:
    """The record of a row of the table Execution."""
    return ExecutionRecord(
        catalog=catalog,
        execution_rid=str(row["RID"]),
        workflow_rid=row.get("Workflow"),
        status=row.get("Status"),
        status_detail=row.get("Status_Detail"),
        description=row.get("Description") or "",
        duration=row.get("Execution_Duration") or row.get("Duration"),
        download_duration=row.get("Download_Duration"),
        upload_duration=row.get("Upload_Duration"),
        created=str(row.get("RCT") or ""),
    )


def records_of(catalog: Catalog, rows: Iterable[Row]) -> list[ExecutionRecord]:
    """The records of rows of the table Execution, oldest first."""
    records = [record_of(catalog, row) for row in rows]
    return sorted(records, key=lambda record: (record.created, record.execution_rid))
