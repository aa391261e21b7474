"""The workflow of a new execution: its types checked, its code located, its RID found or registered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from dml.catalog import required_terms
from dml.catalog.rows import select
from dml.catalog.schema import WORKFLOW
from dml.errors import NotFoundError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.execution.configuration import ExecutionConfiguration
    from dml.execution.workflow import Workflow
    from dml.workspace.session import WorkspaceSession

__all__ = ["check_workflow_types", "forget_workflows", "resolve_workflow"]

_registered: WeakKeyDictionary[Catalog, dict[tuple[str, str], str]] = WeakKeyDictionary()
"""Workflows that this process has registered or looked up: URL and checksum → RID. When a workflow has been deleted
since, the foreign key of the execution refuses it, and ``forget_workflows`` is called."""


def check_workflow_types(catalog: Catalog, configuration: ExecutionConfiguration) -> ExecutionConfiguration:
    """The configuration with the types of its workflow spelled as in the vocabulary.

    Raises:
        NotFoundError: A type is not a term of the vocabulary; the message suggests similar ones.
    """
    workflow = configuration.workflow
    if workflow is None or not workflow.workflow_type or workflow.workflow_rid:
        return configuration
    names = required_terms.require(catalog, required_terms.WORKFLOW_TYPE, workflow.workflow_type)
    if names == workflow.workflow_type:
        return configuration
    return replace(configuration, workflow=replace(workflow, workflow_type=names))


def resolve_workflow(session: WorkspaceSession, workflow: Workflow) -> tuple[str, Workflow, bool | None]:
    """Find or register a workflow. Asks git where its code comes from; writes the catalog when it is new.

    Returns:
        Its RID, the workflow with the facts about its source, and whether the code has uncommitted changes (None when
        that is not known).

    Raises:
        NotFoundError: The catalog has no workflow with the given RID.
        ConflictError: The code has uncommitted changes, and the workflow does not allow them.
    """
    if workflow.workflow_rid is not None:
        if not select(session.catalog, WORKFLOW, where={"RID": workflow.workflow_rid}, columns=["RID"]):
            raise NotFoundError(f"There is no workflow {workflow.workflow_rid} in {session.target}")
        return workflow.workflow_rid, workflow, None
    source = workflow.locate()
    registered = _registered.setdefault(session.catalog, {})
    rid = registered.get((source.url, source.checksum))
    if rid is None:
        from dml.workflow.registration import register

        rid = register(
            session.catalog,
            name=workflow.name,
            types=workflow.workflow_type,
            source=source,
            description=workflow.description,
            registry=session.registry,
        )
        registered[source.url, source.checksum] = rid
    return rid, workflow.located(source), source.is_dirty


def forget_workflows(catalog: Catalog) -> None:
    """Forget the RIDs of workflows that were registered or looked up."""
    _registered.pop(catalog, None)
