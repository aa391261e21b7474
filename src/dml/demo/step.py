"""A step of the example: its workflow, and the executions of earlier runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml import __version__
from dml.api.execution import Execution
from dml.catalog.rows import read, select
from dml.catalog.url import quote
from dml.errors import NotFoundError
from dml.execution.status import ExecutionStatus
from dml.workflow.blob import hash_file
from dml.workspace.executions import find_execution, list_executions

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.execution.workflow import Workflow

__all__ = ["Step", "outputs_of"]

_TO_DO = (ExecutionStatus.CREATED, ExecutionStatus.STOPPED, ExecutionStatus.PENDING_UPLOAD, ExecutionStatus.UPLOADED)


@dataclass(frozen=True)
class Step:
    """A step of the example.

    Attributes:
        name: Name of the workflow.
        workflow_type: A term of ``Workflow_Type``.
        description: Description of the workflow.
        module: The file with the code. The workflow has its checksum, because an installed package has no repository.
        resumable: Whether an interrupted execution is continued; otherwise it is aborted and a new one is started.
    """

    name: str
    workflow_type: str
    description: str
    module: str
    resumable: bool = False

    @property
    def url(self) -> str:
        """The URL that identifies the workflow."""
        return f"tag:deriva-dml,2026:demo/{Path(self.module).stem}"

    def workflow(self, ml: DerivaML) -> Workflow:
        """The workflow, for ``create_execution``."""
        path = Path(self.module)
        return ml.create_workflow(
            self.name,
            self.workflow_type,
            self.description,
            url=self.url,
            checksum=hash_file(path),
            version=__version__,
            path=path,
        )

    def find(self, ml: DerivaML) -> Execution | None:
        """The newest execution of this step that is done or can be completed; None when there is none.

        An execution that failed, or was interrupted while it ran, is aborted unless the step is resumable.

        Raises:
            LockedError: Another process is running the execution.
        """
        workflows = [row["RID"] for row in select(ml.catalog, "deriva-ml:Workflow", where={"URL": self.url})]
        if not workflows:
            return None
        rows = select(
            ml.catalog, "deriva-ml:Execution", where={"Workflow": workflows}, columns=["RID", "Status"], sort=["RCT"]
        )
        known = {str(row["RID"]) for row in rows}
        # An execution whose creation was interrupted is only in the registry, and newer than the others.
        local = [row.rid for row in list_executions(ml.session.registry) if row.workflow_rid in workflows]
        in_catalog = [str(row["RID"]) for row in reversed(rows) if row["Status"] != ExecutionStatus.ABORTED]
        for rid in [*(rid for rid in local if rid not in known), *in_catalog]:
            execution = self._recover(ml, rid)
            if self._can_continue(execution):
                return execution
        return None

    def _can_continue(self, execution: Execution) -> bool:
        return execution.status in _TO_DO or (self.resumable and execution.status == ExecutionStatus.FAILED)

    def _recover(self, ml: DerivaML, rid: str) -> Execution:
        if find_execution(ml.session.registry, rid) is None:
            return ml.resume_execution(rid)
        execution = Execution(ml.session, rid)
        if execution.status not in (*_TO_DO, ExecutionStatus.ABORTED):
            if self.resumable:
                return ml.resume_execution(rid)
            execution.abort("interrupted; the example starts this step again")
        return execution


def outputs_of(ml: DerivaML, execution: Execution, table: str = "Execution_Asset") -> dict[str, str]:
    """RIDs of an execution's outputs in an asset table, by file name; one request."""
    asset = ml.catalog.schema().table(table)
    link = ml.catalog.schema().asset_execution_table(asset)
    if link is None:
        raise NotFoundError(f"{table} has no association with executions")
    where = f"Execution={quote(execution.execution_rid)}/Asset_Role=Output"
    path = f"/attribute/{_quoted(link.qualified_name)}/{where}/A:={_quoted(asset.qualified_name)}/RID,Filename"
    return {str(row["Filename"]): str(row["RID"]) for row in read(ml.catalog, path)}


def _quoted(table: str) -> str:
    schema, _, name = table.partition(":")
    return f"{quote(schema)}:{quote(name)}"
