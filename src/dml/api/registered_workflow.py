"""Workflows of the catalog as Python objects: finding and registering them, and writing what is assigned to one."""

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
    """A workflow of the catalog.

    Assigning ``description`` or ``workflow_type`` writes the catalog at once; its other fields say which code it is and
    do not change. A copy made with ``dataclasses.replace`` is bound to no catalog.
    """

    _catalog: Catalog | None = None

    @classmethod
    def of(cls, catalog: Catalog, row: WorkflowRow) -> RegisteredWorkflow:
        """The workflow of a row."""
        made = cls(
            row.name or row.rid,
            row.types,
            row.description,
            url=row.url,
            checksum=row.checksum,
            version=row.version,
            workflow_rid=row.rid,
        )
        object.__setattr__(made, "_catalog", catalog)
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        """Write a description or types to the catalog, then keep them.

        Raises:
            AttributeError: The field does not change.
            NotFoundError: A type is no term; the nearest are named.
            UsageError: The catalog is a snapshot.
        """
        if self._catalog is not None and self.workflow_rid is not None:
            if name == "description":
                set_workflow_description(_changeable(self._catalog), self.workflow_rid, str(value or ""))
            elif name == "workflow_type":
                names = [value] if isinstance(value, str) else [str(one) for one in value]
                value = set_workflow_types(_changeable(self._catalog), self.workflow_rid, names)
            else:
                raise AttributeError(f"{name} of workflow {self.workflow_rid} does not change; register another one")
        super().__setattr__(name, value)

    @property
    def workflow_types(self) -> list[str]:
        """Its types, read from the catalog now."""
        if self._catalog is None or self.workflow_rid is None:
            return list(self.workflow_type)
        return list(find_workflow(self._catalog, self.workflow_rid).types)

    def add_workflow_types(self, workflow_types: Any) -> None:
        """Give it types, terms or their names, one or several. Writes the catalog.

        Raises:
            NotFoundError: One is no term; the nearest are named, and nothing is written.
            UsageError: The catalog is a snapshot.
        """
        if self._catalog is None or self.workflow_rid is None:
            return super().add_workflow_types(workflow_types)
        several = not (isinstance(workflow_types, str) or hasattr(workflow_types, "name"))
        names = [str(getattr(one, "name", one)) for one in (workflow_types if several else [workflow_types])]
        known = required_terms.require(_changeable(self._catalog), required_terms.WORKFLOW_TYPE, names)
        for name in known:
            add_workflow_type(self._catalog, self.workflow_rid, name)
        return self._read_types()

    def remove_workflow_type(self, workflow_type: Any) -> None:
        """Take a type from it, a term or its name; nothing when it has not got it. Writes the catalog.

        Raises:
            NotFoundError: There is no such term; the nearest are named.
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
    """All workflows of the catalog, the oldest first; two requests."""
    rows = sorted(list_workflows(catalog)[0], key=lambda row: (row.created, row.rid))
    return [RegisteredWorkflow.of(catalog, row) for row in rows]


def registered_workflow(catalog: Catalog, rid: str) -> RegisteredWorkflow:
    """A workflow by its RID; two requests.

    Raises:
        NotFoundError: There is none of this RID.
        UsageError: The RID is malformed, or of something else.
    """
    return RegisteredWorkflow.of(catalog, find_workflow(catalog, validate_rid(rid)))


def add_workflow(session: WorkspaceSession, workflow: Workflow) -> str:
    """The RID of a workflow, registered unless the catalog has it. Writes registry and catalog.

    Raises:
        ConflictError: The code has uncommitted changes.
        UsageError: No source can be found.
    """
    from dml.workflow.registration import register

    if workflow.workflow_rid is not None:
        return workflow.workflow_rid
    if not workflow.workflow_type:
        raise UsageError(f"The workflow {workflow.name} has no type", hint="Give workflow_type=.")
    return register(
        session.catalog,
        name=workflow.name,
        types=workflow.workflow_type,
        source=workflow.locate(),
        description=workflow.description,
        intents=session.registry,
    )


def _changeable(catalog: Catalog) -> Catalog:
    if catalog.target.snapshot is not None:
        raise UsageError(
            f"{catalog.target} is a snapshot, which does not change", hint="Look it up in the live catalog."
        )
    return catalog
