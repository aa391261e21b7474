"""Workflows: create, register and find them."""

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
    """A workflow for ``create_execution``, which registers it; the types are checked now.

    Args:
        name: Name of the workflow.
        workflow_type: Terms of Workflow_Type.
        description: Description of the workflow, Markdown.
        url: A link to the code; with ``checksum``, git is not used.
        checksum: Checksum of the code; computed when None.
        version: Version of the code; taken from git or the project when None.
        path: The script or notebook; the calling script when None.

    Raises:
        NotFoundError: A type is not a term; the message suggests the nearest names.
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
    """Register a workflow, unless one with its URL or checksum is registered, and return its RID.

    Writes the registry and the catalog.

    Raises:
        ConflictError: The code has uncommitted changes.
    """
    return registered.add_workflow(self.session, workflow)


def find_workflows(self: DerivaML, sort: bool | Callable[[Workflow], Any] | None = None) -> list[RegisteredWorkflow]:
    """All registered workflows; two requests.

    Args:
        sort: Oldest first when None, newest first when True; otherwise a key function.
    """
    workflows = registered.registered_workflows(self.catalog)
    if sort is True:
        workflows.reverse()
    elif callable(sort):
        workflows.sort(key=sort)
    return workflows


def lookup_workflow(self: DerivaML, workflow_rid: str) -> RegisteredWorkflow:
    """The registered workflow with this RID; assigning its ``description`` or ``workflow_type`` writes the catalog.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The row is not a workflow.
    """
    return registered.registered_workflow(self.catalog, workflow_rid)


def lookup_workflow_by_url(self: DerivaML, url_or_checksum: str) -> RegisteredWorkflow:
    """The registered workflow with this URL or checksum, the oldest when several have it.

    Raises:
        NotFoundError: No registered workflow has it.
    """
    return RegisteredWorkflow.of(self.catalog, find_workflow(self.catalog, url_or_checksum))


def list_workflow_executions(self: DerivaML, workflow: Workflow | str) -> list[ExecutionRecord]:
    """The executions of a workflow, given as a ``Workflow`` or by RID, oldest first."""
    return self.find_executions(workflow=workflow)
