"""Creating an execution so that nothing is orphaned.

Everything is checked first. Then, in this order: the workflow is registered; the intent is recorded and its RID leased;
the registry row, the inputs, the metadata files and the parent are recorded in one transaction; and the catalog gets
its part (``finish_creation``). From the registry row on, any later command on the execution can finish the creation.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml.catalog import required_terms
from dml.catalog.indexed_text import require_fits
from dml.catalog.rows import lease_rids
from dml.errors import UsageError
from dml.execution import sync
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.finish_creation import NESTED_AT, NESTED_IN, ensure_created
from dml.execution.metadata import metadata_files, stage_metadata
from dml.execution.resolve_inputs import resolve_configuration
from dml.execution.resolve_workflow import resolve_workflow
from dml.workspace import executions, inputs, intents, journal

if TYPE_CHECKING:
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["CREATED_HERE", "CreateOptions", "create", "nested_in"]

CREATED_HERE = "created_here"
"""Key in ``extra``: the execution was created by dml, so the registry has every input."""

_parent: ContextVar[tuple[str, int | None] | None] = ContextVar("_parent", default=None)


@dataclass(frozen=True)
class CreateOptions:
    """Optional facts about a new execution.

    Attributes:
        hydra_directory: Hydra's output directory, whose configuration is stored.
        lock_directory: Directory of the project's lock file, used when the workflow has no git repository.
    """

    hydra_directory: Path | None = None
    lock_directory: Path | None = None


@contextmanager
def nested_in(parent: str, sequence: int | None = None) -> Iterator[None]:
    """Nest the executions that are created in this block in a parent, as part of their creation.

    Args:
        parent: RID of an execution.
        sequence: Position among its children; None when they run in parallel.
    """
    token = _parent.set((parent, sequence))
    try:
        yield
    finally:
        _parent.reset(token)


def create(
    session: WorkspaceSession, configuration: ExecutionConfiguration, options: CreateOptions | None = None
) -> ExecutionRow:
    """Create an execution with its workflow, inputs and metadata files; inputs are not fetched.

    Writes the registry (intents, row, inputs, staged metadata), the workspace (metadata files) and the catalog
    (workflow if new, execution, nesting within ``nested_in``, input edges, metadata assets).

    Args:
        session: The workspace and its catalog.
        configuration: Inputs, workflow, description; datasets without a version are pinned to their current one.
        options: Optional facts.

    Raises:
        UsageError: The workflow is missing, or an input is of the wrong kind.
        NotFoundError: An input or a term does not exist.
        ConflictError: The code has uncommitted changes, or the catalog does not support nesting.
    """
    options = options or CreateOptions()
    parent = _parent.get()
    if parent is not None:
        from dml.nesting.tree import require_nesting

        require_nesting(session.catalog)
    if configuration.workflow is None:
        raise UsageError(
            "An execution needs a workflow", hint="Give --workflow-name and --workflow-type, or workflow=."
        )
    require_fits("The description", configuration.description)
    require_fits("The description of the workflow", configuration.workflow.description)
    configuration, records = resolve_configuration(session.catalog, configuration)
    known_types = required_terms.all_names(session.catalog, required_terms.ASSET_TYPE)
    assert configuration.workflow is not None  # noqa: S101 - checked above
    workflow_rid, workflow, is_dirty = resolve_workflow(session, configuration.workflow)
    configuration = replace(configuration, workflow=workflow, argv=configuration.argv or list(sys.argv))
    files = metadata_files(
        configuration.to_json(workflow_rid, indent=2),
        at=session.registry.clock(),
        git_root=workflow.git_root or options.lock_directory,
        hydra_directory=options.hydra_directory,
    )
    intent = intents.declare(session.registry, sync.CREATION, str(uuid.uuid4()))
    rid = lease_rids(session.catalog, [intent.token])[intent.token]
    with session.registry.transaction():
        intents.record_leases(session.registry, {intent.token: rid})
        intents.assign_execution(session.registry, intent.token, rid)
        executions.insert_execution(
            session.registry,
            rid,
            config_json=configuration.to_json(workflow_rid),
            workflow_rid=workflow_rid,
            description=configuration.description,
            sync_pending=True,
            dirty=is_dirty,
            extra={
                CREATED_HERE: True,
                "workflow_name": workflow.name,
                "asset_types": known_types,
                **({} if parent is None else {NESTED_IN: parent[0], NESTED_AT: parent[1]}),
            },
        )
        inputs.declare_inputs(session.registry, rid, records)
        stage_metadata(session, rid, files, known_types)
        journal.append(session.registry, "note", "created", execution_rid=rid, data={"workflow": workflow_rid})
    return ensure_created(session, rid)
