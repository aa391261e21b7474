"""Creating an execution so that nothing is orphaned, and finishing a creation that was interrupted.

Everything is checked first. Then, in this order: the workflow is registered; the intent is recorded and its RID leased;
the registry row, the inputs, the metadata files and the parent are recorded; the catalog's row is inserted, nested in
its parent and given its input edges; the metadata files are stored; the intent is done. From the registry row on, any
later command on the execution finishes it.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dml.catalog import required_terms
from dml.catalog.indexed_text import require_fits
from dml.catalog.rows import insert, lease_rids, select
from dml.catalog.schema import EXECUTION
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.execution import sync
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.metadata import metadata_files, stage_metadata
from dml.execution.resolve_inputs import ResolvedInputs, check_workflow_types, pinned, resolve_inputs
from dml.execution.status import ExecutionStatus
from dml.upload.asset_rows import INPUT, link_assets
from dml.workspace import executions, inputs, intents, journal
from dml.workspace.execution_lock import execution_lock
from dml.workspace.inputs import InputRecord
from dml.workspace.intents import Intent
from dml.workspace.status_change import set_sync_pending

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

DATASET_EXECUTION = "deriva-ml:Dataset_Execution"
_registered: WeakKeyDictionary[Catalog, dict[tuple[str, str], str]] = WeakKeyDictionary()
"""Workflows that this process has registered or found: URL and checksum → RID. A workflow that
is deleted meanwhile is refused by the execution's foreign key, and forgotten here then."""

CREATED_HERE = "created_here"
"""Key in ``extra``: the registry knows every input of this execution, because it was created here."""

NESTED_IN = "nested_in"
"""Key in ``extra``: RID of the parent in which this execution was created; kept before the catalog is told."""

NESTED_AT = "nested_at"
"""Key in ``extra``: its place among the parent's children; None when it has none."""

_parent: ContextVar[tuple[str, int | None] | None] = ContextVar("_parent", default=None)


@dataclass(frozen=True)
class CreateOptions:
    """What else is known about a new execution.

    Attributes:
        hydra_directory: Hydra's output directory, whose configuration is kept.
        lock_directory: Where the project's lock file lies, when the workflow's repository does not say.
    """

    hydra_directory: Path | None = None
    lock_directory: Path | None = None


@contextmanager
def nested_in(parent: str, sequence: int | None = None) -> Iterator[None]:
    """Have executions that are created in this block nested in a parent, as a part of their creation.

    Args:
        parent: RID of an execution.
        sequence: Place among its children; None when they run in parallel.
    """
    before = _parent.set((parent, sequence))
    try:
        yield
    finally:
        _parent.reset(before)


def create(
    session: WorkspaceSession, configuration: ExecutionConfiguration, options: CreateOptions | None = None
) -> ExecutionRow:
    """Create an execution with its workflow, inputs and metadata files.

    Writes the registry (intents, row, inputs, staged metadata), the workspace (metadata files) and the catalog
    (workflow if new, execution, nesting within ``nested_in``, input edges, metadata assets). Inputs are not fetched.

    Args:
        session: Where.
        configuration: Inputs, workflow, description; datasets without a version are pinned to their current one.
        options: What else is known.

    Raises:
        UsageError: There is no workflow, or an input is of the wrong kind.
        NotFoundError: An input or a term does not exist.
        ConflictError: The code has uncommitted changes, or the execution is to be nested in a catalog that cannot.
    """
    chosen = options or CreateOptions()
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
    configuration = check_workflow_types(session.catalog, configuration)
    resolved = resolve_inputs(session.catalog, configuration)
    configuration = _with_command_line(pinned(configuration, resolved))
    known_types = required_terms.all_names(session.catalog, required_terms.ASSET_TYPE)
    workflow_rid, configuration, is_dirty = _workflow(session, configuration)
    assert configuration.workflow is not None  # noqa: S101 - checked above
    now = session.registry.clock()
    files = metadata_files(
        configuration.to_json(workflow_rid, indent=2),
        at=now,
        git_root=configuration.workflow.git_root or chosen.lock_directory,
        hydra_directory=chosen.hydra_directory,
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
                "workflow_name": configuration.workflow.name,
                "asset_types": known_types,
                **({} if parent is None else {NESTED_IN: parent[0], NESTED_AT: parent[1]}),
            },
        )
        inputs.declare_inputs(session.registry, rid, input_records(configuration, resolved))
        stage_metadata(session, rid, files, known_types)
        journal.append(session.registry, "note", "created", execution_rid=rid, data={"workflow": workflow_rid})
    return ensure_created(session, rid)


def ensure_created(session: WorkspaceSession, rid: str) -> ExecutionRow:
    """Finish the creation of an execution, if it was interrupted; else do nothing. Safe to repeat.

    Raises:
        NotFoundError: The workspace knows no such execution.
        ConflictError: The leased RID is another row's.
    """
    row = executions.get_execution(session.registry, rid)
    begun = intents.find_intents(session.registry, kind=sync.CREATION, execution_rid=rid, unfinished=True)
    if not begun or row.status == ExecutionStatus.ABORTED:
        return row
    with execution_lock(session.registry, rid):
        _insert_row(session, row)
        finish_nesting(session, row)
        _link_inputs(session, rid)
        _store_metadata(session, row)
        _finish(session, row, begun)
    return executions.get_execution(session.registry, rid)


def _workflow(
    session: WorkspaceSession, configuration: ExecutionConfiguration
) -> tuple[str, ExecutionConfiguration, bool | None]:
    """The workflow's RID, the configuration with what was found out about its source, and whether the code was
    dirty."""
    from dataclasses import replace

    workflow = configuration.workflow
    assert workflow is not None  # noqa: S101 - the caller checked
    if workflow.workflow_rid is not None:
        found = select(session.catalog, "deriva-ml:Workflow", where={"RID": workflow.workflow_rid}, columns=["RID"])
        if not found:
            raise NotFoundError(f"There is no workflow {workflow.workflow_rid} in {session.target}")
        return workflow.workflow_rid, configuration, None
    source = workflow.locate()
    known = _registered.setdefault(session.catalog, {})
    rid = known.get((source.url, source.checksum))
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
        known[source.url, source.checksum] = rid
    return rid, replace(configuration, workflow=workflow.located(source)), source.is_dirty


def _with_command_line(configuration: ExecutionConfiguration) -> ExecutionConfiguration:
    from dataclasses import replace

    return configuration if configuration.argv else replace(configuration, argv=list(sys.argv))


def input_records(configuration: ExecutionConfiguration, resolved: ResolvedInputs) -> list[InputRecord]:
    """The inputs of a configuration as the registry keeps them, in their order."""
    records = [
        InputRecord(
            "dataset",
            one.rid,
            version=one.row.text,
            version_rid=one.row.rid,
            options={"materialize": one.spec.materialize},
        )
        for one in resolved.datasets
    ]
    records += [
        InputRecord(
            "asset", one.rid, options={"cache": one.spec.cache, "table": one.table.qualified_name, "row": one.row}
        )
        for one in resolved.assets
    ]
    records += [InputRecord("file", str(Path(one.path).absolute())) for one in configuration.local_files]
    return records


def _insert_row(session: WorkspaceSession, row: ExecutionRow) -> None:
    """Insert the catalog's row under the leased RID; one that is there by an earlier try is the same."""
    able = session.catalog.schema().capabilities
    values: dict[str, Any] = {
        "RID": row.rid,
        "Workflow": row.workflow_rid,
        "Description": row.description,
        "Status": ExecutionStatus.CREATED,
    }
    if able.status_detail:
        values["Status_Detail"] = None
    try:
        stored = insert(session.catalog, EXECUTION, [values], on_conflict="skip", keep_rids=True)
    except ConflictError:
        _registered.pop(session.catalog, None)
        raise
    if not stored and not select(session.catalog, EXECUTION, where={"RID": row.rid}, columns=["RID"]):
        raise ConflictError(f"The RID {row.rid} that was reserved for this execution belongs to another row")


def finish_nesting(session: WorkspaceSession, row: ExecutionRow) -> None:
    """Nest an execution, whose row the catalog has, in the parent it was created in; nothing without one. Safe to
    repeat."""
    parent = row.extra.get(NESTED_IN)
    if parent is not None:
        from dml.nesting.edit import add_nested_execution

        add_nested_execution(session.catalog, str(parent), row.rid, sequence=row.extra.get(NESTED_AT))


def _link_inputs(session: WorkspaceSession, rid: str) -> None:
    declared = [one for one in inputs.list_inputs(session.registry, rid) if one.state == "declared"]
    datasets = [one for one in declared if one.kind == "dataset"]
    if datasets:
        link_datasets(session, rid, datasets)
    for table in sorted({str(one.options["table"]) for one in declared if one.kind == "asset"}):
        members = [one for one in declared if one.kind == "asset" and one.options["table"] == table]
        link_assets(
            session.catalog, session.catalog.schema().table(table), rid, INPUT, {one.rid: () for one in members}
        )
        inputs.mark_inputs(session.registry, rid, [(one.kind, one.rid) for one in members], "linked")
    files = [one for one in declared if one.kind == "file"]
    if files:
        from dml.execution.local_file_inputs import link_local_files

        link_local_files(session, rid, files)


def link_datasets(session: WorkspaceSession, rid: str, datasets: Sequence[InputRecord]) -> None:
    """Record datasets as inputs in the catalog, with the RID of their version where the catalog has a place for it."""
    rows: list[dict[str, Any]] = [{"Dataset": one.rid, "Execution": rid} for one in datasets]
    if session.catalog.schema().capabilities.dataset_execution_version:
        for values, one in zip(rows, datasets, strict=True):
            values["Dataset_Version"] = one.version_rid
    insert(session.catalog, DATASET_EXECUTION, rows, on_conflict="skip")
    inputs.mark_inputs(session.registry, rid, [(one.kind, one.rid) for one in datasets], "linked")


def _store_metadata(session: WorkspaceSession, row: ExecutionRow) -> None:
    from dml.execution.commit import CommitOptions, bring_files
    from dml.execution.metadata import EXECUTION_METADATA
    from dml.upload.batch import collect
    from dml.upload.observer import UploadObserver
    from dml.workspace import assets

    keys = [
        asset.key
        for asset in assets.list_assets(session.registry, row.rid)
        if asset.asset_table == EXECUTION_METADATA and asset.status != "uploaded" and asset.method == "written"
    ]
    if keys:
        bring_files(session, row.rid, collect(session, row.rid, keys=keys), CommitOptions(), UploadObserver())


def _finish(session: WorkspaceSession, row: ExecutionRow, begun: Sequence[Intent]) -> None:
    """The catalog has everything: its row's status is Created, which the registry's may have left already."""
    with session.registry.transaction():
        intents.finish(session.registry, [intent.token for intent in begun])
        executions.update_execution(
            session.registry, row.rid, extra={sync.CATALOG_STATUS: str(ExecutionStatus.CREATED)}
        )
        set_sync_pending(session.registry, row.rid, False, if_status=ExecutionStatus.CREATED)
        journal.append(session.registry, "request", "the catalog has the execution", execution_rid=row.rid)
