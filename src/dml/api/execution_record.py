"""Executions as the catalog has them, whoever made them: one record, found alone or with its kin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.asset.execution_edges import AssetEdge, asset_edges
from dml.catalog.rows import Row, locate, select, update, validate_rid
from dml.catalog.schema import EXECUTION
from dml.dataset.lookup import find_datasets
from dml.deprecation import superseded
from dml.errors import NotFoundError, UsageError
from dml.execution.creation import DATASET_EXECUTION
from dml.execution.workflow import Workflow
from dml.nesting import tree
from dml.nesting.edit import add_nested_execution

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["ExecutionRecord", "InputDataset", "input_datasets", "lookup_execution", "record_of", "relatives"]


@dataclass(frozen=True)
class InputDataset:
    """A dataset that an execution read.

    Attributes:
        dataset_rid: The dataset.
        version: The version it read; None where the catalog does not say.
        description: Of the dataset.
        dataset_types: Its types, sorted.
    """

    dataset_rid: str
    version: str | None
    description: str
    dataset_types: tuple[str, ...]


@dataclass
class ExecutionRecord:
    """An execution's row in the catalog, at the time it was read.

    Assigning ``status`` or ``description`` writes the catalog; the other attributes do not change.

    Attributes:
        catalog: Where it is.
        execution_rid: RID.
        workflow_rid: Its workflow.
        status: Verbatim; older catalogs hold other words, or None.
        status_detail: Progress or error.
        description: Markdown.
        duration, download_duration, upload_duration: In deriva-ml's text form.
        created: Time of the row, as the catalog writes it.
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
        """Write a status or a description to the catalog, then keep it.

        Raises:
            AttributeError: The attribute does not change.
            IllegalTransitionError: The change of status is not allowed.
            ConflictError: Somebody else changed the status first.
        """
        if "_was_read" in vars(self):
            if name == "description":
                self.set_description(str(value))
            elif name == "status":
                value = self.update_status(str(value)).status
            else:
                raise AttributeError(f"{name} of execution {self.execution_rid} does not change")
        object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash(self.execution_rid)

    @property
    def start_time(self) -> None:
        """Always None: the catalog does not say when a run began, only the workspace that ran it."""

    @property
    def stop_time(self) -> None:
        """Always None; see ``start_time``."""

    @property
    def workflow(self) -> Workflow | None:
        """Its workflow, read now; None when it has none."""
        from dml.api.registered_workflow import registered_workflow

        return registered_workflow(self.catalog, self.workflow_rid) if self.workflow_rid else None

    def list_assets(self, asset_role: str | None = None) -> list[AssetEdge]:
        """The assets it read and wrote, or only those of one role; two requests an asset table that has any."""
        return asset_edges(self.catalog, self.execution_rid, asset_role)

    def list_input_datasets(self) -> list[InputDataset]:
        """The datasets it read."""
        return input_datasets(self.catalog, self.execution_rid)

    def list_execution_children(self, recurse: bool = False) -> list[ExecutionRecord]:
        """The executions nested in it, by sequence; with ``recurse`` all levels, depth first, each once."""
        return relatives(self.catalog, self.execution_rid, recurse=recurse)

    def list_execution_parents(self, recurse: bool = False) -> list[ExecutionRecord]:
        """The executions it is nested in; with ``recurse`` all levels, each once."""
        return relatives(self.catalog, self.execution_rid, parents=True, recurse=recurse)

    def list_nested_executions(self, recurse: bool = False) -> list[ExecutionRecord]:
        """Older name of ``list_execution_children``."""
        superseded("list_nested_executions", "list_execution_children")
        return self.list_execution_children(recurse)

    def list_parent_executions(self, recurse: bool = False) -> list[ExecutionRecord]:
        """Older name of ``list_execution_parents``."""
        superseded("list_parent_executions", "list_execution_parents")
        return self.list_execution_parents(recurse)

    def add_nested_execution(self, nested_execution: Any, sequence: int | None = None) -> None:
        """Make another execution (a record, an ``Execution`` or a RID) a part of this one. Writes the catalog.

        Args:
            nested_execution: The part.
            sequence: Its place among the parts; None when they run side by side.
        """
        add_nested_execution(self.catalog, self.execution_rid, rid_of(nested_execution), sequence=sequence)

    def is_nested(self) -> bool:
        """Whether it is a part of another execution."""
        return tree.is_nested(self.catalog, self.execution_rid)

    def is_parent(self) -> bool:
        """Whether others are parts of it."""
        return tree.is_parent(self.catalog, self.execution_rid)

    def set_description(self, text: str) -> None:
        """Change the description in the catalog; this record keeps what it read."""
        update(self.catalog, EXECUTION, [{"RID": self.execution_rid, "Description": text}], columns=["Description"])

    def update_status(self, status: str, detail: str | None = None) -> ExecutionRecord:
        """Change the status in the catalog, if it is still what this record read and may become that.

        For executions that no workspace knows; an execution of a workspace is changed there. Writes the catalog.

        Returns:
            The record as it is now.

        Raises:
            IllegalTransitionError: The change is not allowed.
            ConflictError: Somebody else changed it first.
        """
        from dml.execution.status_change import change_in_catalog

        change_in_catalog(self.catalog, self.execution_rid, self.status, status, detail)
        return lookup_execution(self.catalog, self.execution_rid)


def lookup_execution(catalog: Catalog, rid: str) -> ExecutionRecord:
    """One execution of the catalog.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The RID is malformed, or of something else.
    """
    wanted = validate_rid(rid)
    rows = select(catalog, EXECUTION, where={"RID": wanted})
    if rows:
        return record_of(catalog, rows[0])
    location = locate(catalog, [wanted]).get(wanted)
    if location is not None and location.qualified_name != EXECUTION:
        raise UsageError(f"{wanted} is a row of {location.table}, not an execution")
    raise NotFoundError(f"There is no execution {wanted} in {catalog.target}")


def relatives(catalog: Catalog, rid: str, *, parents: bool = False, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions nested in one, in order, or those that it is nested in; one request a level and two more."""
    wanted = tree.read_nesting(catalog, rid, parents=parents, recurse=recurse).members
    rows = {row["RID"]: row for row in select(catalog, EXECUTION, where={"RID": wanted})} if wanted else {}
    return [record_of(catalog, rows[one]) for one in wanted if one in rows]


def input_datasets(catalog: Catalog, rid: str) -> list[InputDataset]:
    """The datasets an execution read, in the order in which they were linked; four requests."""
    rows = select(catalog, DATASET_EXECUTION, where={"Execution": rid}, sort=("RCT", "RID"))
    found = find_datasets(catalog, [str(row["Dataset"]) for row in rows], deleted=True)
    datasets = []
    for row in rows:
        dataset = found[str(row["Dataset"])]
        version = next((one.text for one in dataset.versions if one.rid == row.get("Dataset_Version")), None)
        datasets.append(InputDataset(dataset.rid, version, dataset.description, dataset.types))
    return datasets


def rid_of(execution: Any) -> str:
    """The RID of an execution given as such, as a record or as text."""
    return str(getattr(execution, "execution_rid", execution))


def record_of(catalog: Catalog, row: Row) -> ExecutionRecord:
    """The record of a row of ``Execution``."""
    values: Mapping[str, Any] = row
    return ExecutionRecord(
        catalog=catalog,
        execution_rid=str(values["RID"]),
        workflow_rid=values.get("Workflow"),
        status=values.get("Status"),
        status_detail=values.get("Status_Detail"),
        description=values.get("Description") or "",
        duration=values.get("Execution_Duration") or values.get("Duration"),
        download_duration=values.get("Download_Duration"),
        upload_duration=values.get("Upload_Duration"),
        created=str(values.get("RCT") or ""),
    )
