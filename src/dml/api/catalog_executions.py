"""Executions of the catalog, whoever made them: finding them, their parts, where data came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dml.api import execution_record as execution_records
from dml.api import find_executions as execution_search
from dml.api.execution_record import ExecutionRecord
from dml.api.find_executions import DatasetRole
from dml.deprecation import superseded
from dml.errors import NotFoundError
from dml.execution.workflow import Workflow

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.experiments import Experiment
    from dml.execution.audit import ProvenanceReport
    from dml.lineage.result import LineageResult


def lookup_execution(self: DerivaML, execution_rid: str) -> ExecutionRecord:
    """An execution as the catalog has it, whoever made it.

    Raises:
        NotFoundError: The catalog has none of this RID.
    """
    return execution_records.lookup_execution(self.catalog, execution_rid)


def find_executions(
    self: DerivaML,
    workflow: Workflow | str | None = None,
    workflow_type: str | None = None,
    status: str | Sequence[str] | None = None,
    sort: bool | Callable[[ExecutionRecord], Any] | None = None,
    dataset: str | None = None,
    dataset_role: DatasetRole = "any",
) -> list[ExecutionRecord]:
    """The executions of the catalog that fulfil all conditions, in at most three requests.

    Args:
        workflow: Only of this workflow, given as such or by RID.
        workflow_type: Only of workflows of this type.
        status: Only in this status, or one of these.
        sort: The oldest first when None, the newest first when True, else by this key.
        dataset: Only those that have to do with this dataset.
        dataset_role: Whether they read it (``input``), made a version of it (``output``) or either.
    """
    return execution_search.find_executions(
        self.catalog,
        workflow_rid=workflow.workflow_rid if isinstance(workflow, Workflow) else workflow,
        workflow_type=workflow_type,
        status=status,
        sort=sort,
        dataset=None if dataset is None else str(getattr(dataset, "dataset_rid", dataset)),
        dataset_role=dataset_role,
    )


def find_executions_consuming(self: DerivaML, rid: str) -> list[ExecutionRecord]:
    """The executions that read a dataset or an asset, the oldest first; one level.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is neither.
    """
    return execution_search.find_executions_consuming(self.catalog, rid)


def multirun_status_summary(self: DerivaML, workflow_rid: str) -> dict[str, Any]:
    """How many executions of a workflow are in which status: ``{"workflow_rid", "counts", "total"}``; one request."""
    return execution_search.multirun_status_summary(self.catalog, workflow_rid)


def lookup_lineage(self: DerivaML, rid: str, *, depth: int | None = None, max_executions: int = 500) -> LineageResult:
    """What produced a dataset, asset, feature value or execution, and from what; see ``dml.lineage``.

    Args:
        rid: A RID; a dataset's may name a version, ``1-ABC@1.2.0``.
        depth: Levels of executions behind the producer; 0 shows the producer alone, None everything.
        max_executions: The most executions to look into.
    """
    from dml.lineage import lookup_lineage as lookup

    return lookup(self.catalog, rid, depth=depth, max_executions=max_executions)


def lookup_experiment(self: DerivaML, execution_rid: str) -> Experiment:
    """An execution with the configuration that was kept with it, its inputs and its outputs.

    Raises:
        NotFoundError: There is no such execution.
    """
    from dml.api.experiments import lookup_experiment as lookup

    return lookup(self.catalog, execution_rid)


def find_experiments(
    self: DerivaML, workflow_rid: str | None = None, status: str | Sequence[str] | None = None
) -> list[ExecutionRecord]:
    """The executions that Hydra configurations were kept with, the oldest first; one request.

    Args:
        workflow_rid: Only of this workflow.
        status: Only in this status, or one of these.
    """
    from dml.api.experiments import find_experiments as find

    return find(self.catalog, workflow_rid=workflow_rid, status=status)


def audit_provenance(self: DerivaML) -> ProvenanceReport:
    """Where the provenance of the catalog has gaps; reads the edge tables whole and writes nothing."""
    from dml.execution.audit import audit_provenance as audit

    return audit(self.catalog)


def list_execution_children(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions nested in one, by sequence; with ``recurse`` all levels, depth first, each once."""
    return execution_records.relatives(self.catalog, execution_rid, recurse=recurse)


def list_execution_parents(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions that one is nested in; with ``recurse`` all levels, each once."""
    return execution_records.relatives(self.catalog, execution_rid, parents=True, recurse=recurse)


def list_nested_executions(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """Older name of ``list_execution_children``."""
    superseded("list_nested_executions", "list_execution_children")
    return self.list_execution_children(execution_rid, recurse)


def list_parent_executions(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """Older name of ``list_execution_parents``."""
    superseded("list_parent_executions", "list_execution_parents")
    return self.list_execution_parents(execution_rid, recurse)


def is_nested(self: DerivaML, execution_rid: str) -> bool:
    """Whether an execution is a part of another one."""
    from dml.nesting import tree

    return tree.is_nested(self.catalog, execution_rid)


def is_parent(self: DerivaML, execution_rid: str) -> bool:
    """Whether an execution has parts."""
    from dml.nesting import tree

    return tree.is_parent(self.catalog, execution_rid)


def add_nested_execution(
    self: DerivaML, execution_rid: str, nested_execution: Any, sequence: int | None = None
) -> None:
    """Make an execution a part of another one. Writes the catalog.

    Args:
        execution_rid: The whole.
        nested_execution: The part: an ``Execution``, a record or a RID.
        sequence: Its place among the parts; None when they run side by side.
    """
    from dml.nesting.edit import add_nested_execution as add

    add(self.catalog, execution_rid, execution_records.rid_of(nested_execution), sequence=sequence)


def unknown_provenance_execution_rid(self: DerivaML) -> str:
    """The execution that stands for producers nobody recorded.

    Raises:
        NotFoundError: The catalog is older than 1.51.5 and has none.
    """
    return _sentinel(self, "deriva-ml:Execution")


def unknown_provenance_file_rid(self: DerivaML) -> str:
    """The file that stands for inputs nobody recorded.

    Raises:
        NotFoundError: The catalog is older than 1.51.5 and has none.
    """
    return _sentinel(self, "deriva-ml:File")


def _sentinel(ml: DerivaML, table: str) -> str:
    from dml.catalog.ml_schema import sentinels

    found = sentinels(ml.catalog).get(table)
    if found is None:
        raise NotFoundError(f"{ml.catalog.target} has no row that stands for unknown provenance")
    return found
