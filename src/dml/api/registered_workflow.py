"""Workflows of the catalog as Python objects: find and register them, and write assigned values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.catalog import required_terms
from dml.catalog.rows import validate_rid
from dml.errors import UsageError
from dml.execution.workflow import Workflow
from dml.workflow.lookup import (
    WorkflowRow,
    add_workflow_type,
    find_workflow,
    list_workflows,
    remove_workflow_type,
    set_workflow_description,
    set_workflow_types,
)

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.workspace.session import WorkspaceSession

__all__ = ["RegisteredWorkflow", "add_workflow", "registered_workflow", "registered_workflows"]


class RegisteredWorkflow(Workflow):
    """A workflow that is registered in the catalog.

    Assigning ``description`` or ``workflow_type`` writes the catalog immediately; the other fields identify the code
    and cannot be assigned. A copy made with ``dataclasses.replace`` is not connected to a catalog.
    """

    _catalog: Catalog | None = None

    @classmethod
    def of(cls, catalog: Catalog, row: WorkflowRow) -> RegisteredWorkflow:
        """The workflow of a row of the table Workflow."""
        workflow = cls(
            row.name or row.rid,
            row.types,
            row.description,
            url=row.url,
            checksum=row.checksum,
            version=row.version,
            workflow_rid=row.rid,
        )
        object.__setattr__(workflow, "_catalog", catalog)
        return workflow

    def __setattr__(self, name: str, value: Any) -> None:
        """Write the description or the types to the catalog, then set the field.

        Raises:
            AttributeError: The field cannot be assigned.
            NotFoundError: A type is not a term; the message suggests the nearest names.
            UsageError: The catalog is a snapshot.
        """
        if self._catalog is not None and self.workflow_rid is not None:
            if name == "description":
                set_workflow_description(_changeable(self._catalog), self.workflow_rid, str(value or ""))
            elif name == "workflow_type":
                names = [value] if isinstance(value, str) else [str(item) for item in value]
                value = set_workflow_types(_changeable(self._catalog), self.workflow_rid, names)
            else:
                raise AttributeError(
                    f"{name} of workflow {self.workflow_rid} cannot be assigned; register another workflow"
                )
        super().__setattr__(name, value)

    @property
    def workflow_types(self) -> list[str]:
        """The workflow's types, read from the catalog."""
        if self._catalog is None or self.workflow_rid is None:
            return list(self.workflow_type)
        return list(find_workflow(self._catalog, self.workflow_rid).types)

    def add_workflow_types(self, workflow_types: Any) -> None:
        """Add types to the workflow. Writes the catalog.

        Args:
            workflow_types: A term of Workflow_Type or its name, or several.

        Raises:
            NotFoundError: A type is not a term; the message suggests the nearest names. Nothing is written.
            UsageError: The catalog is a snapshot.
        """
        if self._catalog is None or self.workflow_rid is None:
            return super().add_workflow_types(workflow_types)
        is_many = not (isinstance(workflow_types, str) or hasattr(workflow_types, "name"))
        names = [str(getattr(item, "name", item)) for item in (workflow_types if is_many else [workflow_types])]
        terms = required_terms.require(_changeable(self._catalog), required_terms.WORKFLOW_TYPE, names)
        for name in terms:
            add_workflow_type(self._catalog, self.workflow_rid, name)
        return self._read_types()

    def remove_workflow_type(self, workflow_type: Any) -> None:
        """Remove a type, if the workflow has it. Writes the catalog.

        Args:
            workflow_type: A term of Workflow_Type or its name.

        Raises:
            NotFoundError: There is no such term; the message suggests the nearest names.
            UsageError: The catalog is a snapshot.
        """
        if self._catalog is None or self.workflow_rid is None:
            return super().remove_workflow_type(workflow_type)
        name = str(getattr(workflow_type, "name", workflow_type))
        remove_workflow_type(_changeable(self._catalog), self.workflow_rid, name)
        return self._read_types()

    def _read_types(self) -> None:
        Workflow.__setattr__(self, "workflow_type", self.workflow_types)


def registered_workflows(catalog: Catalog) -> list[RegisteredWorkflow]:
    """All workflows of the catalog, oldest first; two requests."""
    rows = sorted(list_workflows(catalog)[0], key=lambda row: (row.created, row.rid))
    return [RegisteredWorkflow.of(catalog, row) for row in rows]


def registered_workflow(catalog: Catalog, rid: str) -> RegisteredWorkflow:
    """The workflow with this RID; two requests.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The RID is malformed, or the row is not a workflow.
    """
    return RegisteredWorkflow.of(catalog, find_workflow(catalog, validate_rid(rid)))


def add_workflow(session: WorkspaceSession, workflow: Workflow) -> str:
    """Register a workflow unless the catalog has it, and return its RID. Writes the registry and the catalog.

    Raises:
        ConflictError: The code has uncommitted changes.
        UsageError: The workflow has no type, or its source was not found.
    """
    from dml.workflow.registration import register

    if workflow.workflow_rid is not None:
        return workflow.workflow_rid
    if not workflow.workflow_type:
        raise UsageError(f"the workflow {workflow.name} has no type", hint="Give workflow_type=.")
    return register(
        session.catalog,
        name=workflow.name,
        types=workflow.workflow_type,
        source=workflow.locate(),
        description=workflow.description,
        registry=session.registry,
    )


def _changeable(catalog: Catalog) -> Catalog:
    if catalog.target.snapshot is not None:
        raise UsageError(
            f"{catalog.target} is a snapshot, which cannot be written", hint="Look it up in the live catalog."
        )
    return catalog
