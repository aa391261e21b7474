"""Workflows: making, registering and finding them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.api import registered_workflow as registered
from dml.api.execution_record import ExecutionRecord
from dml.api.registered_workflow import RegisteredWorkflow
from dml.catalog import required_terms
from dml.execution.workflow import Workflow
from dml.workflow.lookup import find_workflow

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML


def create_workflow(
    self: DerivaML,
    name: str,
    workflow_type: str | Sequence[str],
    description: str = "",
    *,
    url: str | None = None,
    checksum: str | None = None,
    version: str | None = None,
    path: Path | str | None = None,
) -> Workflow:
    """A workflow for ``create_execution``, its types checked; registered when an execution is created.

    Args:
        name: Its name.
        workflow_type: Terms of Workflow_Type.
        description: Markdown.
        url: A link to the code; with a checksum, git is not asked.
        checksum: Of the code.
        version: Of the code.
        path: The script or notebook; the calling script when None.

    Raises:
        NotFoundError: A type is no term; the nearest are named.
    """
    types = [workflow_type] if isinstance(workflow_type, str) else list(workflow_type)
    names = required_terms.require(self.catalog, required_terms.WORKFLOW_TYPE, types)
    return Workflow(
        name,
        names,
        description,
        url=url,
        checksum=checksum,
        version=version,
        path=path,
        allow_dirty=self.allow_dirty or os.environ.get("DERIVA_ML_ALLOW_DIRTY", "").lower() == "true",
    )


def add_workflow(self: DerivaML, workflow: Workflow) -> str:
    """The RID of a workflow, registered unless its URL or checksum is. Writes registry and catalog.

    Raises:
        ConflictError: The code has uncommitted changes.
    """
    return registered.add_workflow(self.session, workflow)


def find_workflows(self: DerivaML, sort: bool | Callable[[Workflow], Any] | None = None) -> list[RegisteredWorkflow]:
    """All registered workflows; two requests.

    Args:
        sort: The oldest first when None, the newest first when True, else by this key.
    """
    found = registered.registered_workflows(self.catalog)
    if sort is True:
        found.reverse()
    elif callable(sort):
        found.sort(key=sort)
    return found


def lookup_workflow(self: DerivaML, workflow_rid: str) -> RegisteredWorkflow:
    """A registered workflow; assigning its ``description`` or ``workflow_type`` writes the catalog.

    Raises:
        NotFoundError: There is none of this RID.
        UsageError: The RID is of something else.
    """
    return registered.registered_workflow(self.catalog, workflow_rid)


def lookup_workflow_by_url(self: DerivaML, url_or_checksum: str) -> RegisteredWorkflow:
    """A registered workflow by its URL or checksum, the oldest where several have the checksum.

    Raises:
        NotFoundError: There is none.
    """
    return RegisteredWorkflow.of(self.catalog, find_workflow(self.catalog, url_or_checksum))


def list_workflow_executions(self: DerivaML, workflow: Workflow | str) -> list[ExecutionRecord]:
    """The executions of a workflow (as such, or its RID), the oldest first."""
    return self.find_executions(workflow=workflow)
