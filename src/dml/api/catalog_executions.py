"""Executions of the catalog, whichever workspace created them: find them, their parents and children, their lineage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dml.api import execution_record as execution_records
from dml.api import find_executions as execution_search
from dml.api.execution_record import ExecutionRecord
from dml.api.find_executions import DatasetRole
from dml.deprecation import warn_deprecated
from dml.errors import NotFoundError
from dml.execution.workflow import Workflow

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.experiments import Experiment
    from dml.execution.audit import ProvenanceReport
    from dml.lineage.result import LineageResult


def lookup_execution(self: DerivaML, execution_rid: str) -> ExecutionRecord:
    """An execution of the catalog, whichever workspace created it.

    Raises:
        NotFoundError: The catalog has no execution with this RID.
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
    """The executions of the catalog that meet every condition; at most three requests.

    Args:
        workflow: Executions of this workflow, a ``Workflow`` or its RID.
        workflow_type: Executions whose workflow has this ``Workflow_Type`` term.
        status: Executions in this status, or in any of several.
        sort: Oldest first when None, newest first when True; otherwise a key function.
        dataset: Executions that used or produced this dataset.
        dataset_role: ``input`` for executions that read the dataset, ``output`` for those that produced a version of
            it, ``any`` for both.
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
    """The executions that read a dataset or an asset directly, oldest first.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The row is neither a dataset nor an asset.
    """
    return execution_search.find_executions_consuming(self.catalog, rid)


def multirun_status_summary(self: DerivaML, workflow_rid: str) -> dict[str, Any]:
    """How many executions of a workflow are in each status: ``{"workflow_rid", "counts", "total"}``; one request."""
    return execution_search.multirun_status_summary(self.catalog, workflow_rid)


def lookup_lineage(self: DerivaML, rid: str, *, depth: int | None = None, max_executions: int = 500) -> LineageResult:
    """The executions, datasets and assets that a row was derived from; see ``dml.lineage.lookup_lineage``.

    Args:
        rid: RID of a dataset, asset, feature value or execution; a dataset may have a version, ``1-ABC@1.2.0``.
        depth: Levels of executions to follow beyond the producer; 0 returns the producer alone, None everything.
        max_executions: Stop after this many executions.
    """
    from dml.lineage import lookup_lineage as lookup

    return lookup(self.catalog, rid, depth=depth, max_executions=max_executions)


def lookup_experiment(self: DerivaML, execution_rid: str) -> Experiment:
    """An execution with its stored configuration, its inputs and its outputs.

    Raises:
        NotFoundError: The catalog has no such execution.
    """
    from dml.api.experiments import lookup_experiment as lookup

    return lookup(self.catalog, execution_rid)


def find_experiments(
    self: DerivaML, workflow_rid: str | None = None, status: str | Sequence[str] | None = None
) -> list[ExecutionRecord]:
    """The executions that have a stored Hydra configuration, oldest first; one request.

    Args:
        workflow_rid: Executions of this workflow.
        status: Executions in this status, or in any of several.
    """
    from dml.api.experiments import find_experiments as find

    return find(self.catalog, workflow_rid=workflow_rid, status=status)


def audit_provenance(self: DerivaML) -> ProvenanceReport:
    """Report the gaps in the catalog's provenance. Reads the association tables in full and writes nothing."""
    from dml.execution.audit import audit_provenance as audit

    return audit(self.catalog)


def list_execution_children(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions nested in an execution, by sequence; with ``recurse`` all levels, depth first, without repeats."""
    return execution_records.relatives(self.catalog, execution_rid, recurse=recurse)


def list_execution_parents(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions that an execution is nested in; with ``recurse`` all levels, without repeats."""
    return execution_records.relatives(self.catalog, execution_rid, parents=True, recurse=recurse)


def list_nested_executions(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """Deprecated name of ``list_execution_children``."""
    warn_deprecated("list_nested_executions", "list_execution_children")
    return self.list_execution_children(execution_rid, recurse)


def list_parent_executions(self: DerivaML, execution_rid: str, recurse: bool = False) -> list[ExecutionRecord]:
    """Deprecated name of ``list_execution_parents``."""
    warn_deprecated("list_parent_executions", "list_execution_parents")
    return self.list_execution_parents(execution_rid, recurse)


def is_nested(self: DerivaML, execution_rid: str) -> bool:
    """Whether an execution is nested in another one."""
    from dml.nesting import tree

    return tree.is_nested(self.catalog, execution_rid)


def is_parent(self: DerivaML, execution_rid: str) -> bool:
    """Whether an execution has nested executions."""
    from dml.nesting import tree

    return tree.is_parent(self.catalog, execution_rid)


def add_nested_execution(
    self: DerivaML, execution_rid: str, nested_execution: Any, sequence: int | None = None
) -> None:
    """Nest an execution in another one. Writes the catalog.

    Args:
        execution_rid: RID of the parent.
        nested_execution: The child: an ``Execution``, an ``ExecutionRecord`` or a RID.
        sequence: Position of the child among its siblings; None when they run in parallel.
    """
    from dml.nesting.edit import add_nested_execution as add

    add(self.catalog, execution_rid, execution_records.rid_of(nested_execution), sequence=sequence)


def unknown_provenance_execution_rid(self: DerivaML) -> str:
    """RID of the execution that stands for a producer that was never recorded.

    Raises:
        NotFoundError: The catalog is older than 1.51.5 and has none.
    """
    return _sentinel(self, "deriva-ml:Execution")


def unknown_provenance_file_rid(self: DerivaML) -> str:
    """RID of the file that stands for an input that was never recorded.

    Raises:
        NotFoundError: The catalog is older than 1.51.5 and has none.
    """
    return _sentinel(self, "deriva-ml:File")


def _sentinel(ml: DerivaML, table: str) -> str:
    from dml.catalog.ml_schema import sentinels

    rid = sentinels(ml.catalog).get(table)
    if rid is None:
        raise NotFoundError(f"{ml.catalog.target} has no row that stands for unknown provenance")
    return rid
