"""Dry runs: executions that are checked and given their inputs, and of which no catalog ever hears.

A dry run lives in a workspace of its own, a directory below the real one with a registry whose one execution is
``offline``: it starts, stages and stops like any other, and ends with the process. Only the cache is the real one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from dml.api.execution import Execution
from dml.api.execution_record import ExecutionRecord, InputDataset
from dml.errors import ConflictError
from dml.execution import lifecycle
from dml.execution.commit import CommitOptions
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.creation import input_records
from dml.execution.resolve_inputs import check_workflow_types, pinned, resolve_inputs
from dml.execution.status import ExecutionStatus, effective_status
from dml.upload.batch import collect
from dml.upload.observer import ProgressCallback
from dml.upload.report import UploadReport
from dml.workspace import executions, inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.scratch import Scratch, scratch_below
from dml.workspace.session import WorkspaceSession

if TYPE_CHECKING:
    from dml.asset.execution_edges import AssetEdge

__all__ = ["DRY_RUN_RID", "DryRun", "begin_dry_run"]

DRY_RUN_RID: Final = "0000"
"""The RID that deriva-ml gives dry runs as well."""


def begin_dry_run(session: WorkspaceSession, configuration: ExecutionConfiguration, *, owner: Any = None) -> DryRun:
    """Check a configuration as ``create_execution`` does and give it an execution that writes nothing.

    Reads the catalog; inputs are fetched when it starts.

    Raises:
        UsageError: An input is of the wrong kind.
        NotFoundError: An input, a version or a term does not exist.
    """
    configuration = check_workflow_types(session.catalog, configuration)
    resolved = resolve_inputs(session.catalog, configuration)
    return DryRun(session, pinned(configuration, resolved), input_records(configuration, resolved), owner)


class DryRun(Execution):
    """An execution that is not: inputs are real, outputs are staged in a directory that is thrown away."""

    def __init__(
        self,
        real: WorkspaceSession,
        configuration: ExecutionConfiguration,
        records: list[inputs.InputRecord],
        owner: Any,
    ) -> None:
        self._kept = Scratch(scratch_below(real.workspace.root), "dry-run")
        workspace = Workspace(self._kept.path.resolve(), real.target)
        registry = Registry.writing(workspace)
        session = WorkspaceSession(workspace, registry, catalog=real.catalog, cache=real.cache)
        with registry.transaction():
            executions.insert_execution(
                registry,
                DRY_RUN_RID,
                config_json=replace(configuration).to_json(DRY_RUN_RID),
                workflow_rid=DRY_RUN_RID,
                description=configuration.description,
                mode="offline",
            )
            inputs.declare_inputs(registry, DRY_RUN_RID, [one for one in records if one.kind != "file"])
        super().__init__(session, DRY_RUN_RID, owner=owner)

    @property
    def dry_run(self) -> bool:
        """True."""
        return True

    @property
    def execution_record(self) -> ExecutionRecord:
        """There is none.

        Raises:
            ConflictError: Always.
        """
        raise ConflictError("A dry run has no row in the catalog", hint="Ask execution.dry_run first.")

    def refuse_writing(self, what: str) -> None:
        """Refuse what would write the catalog."""
        raise ConflictError(f"A dry run writes nothing, so it cannot {what}", hint="Ask execution.dry_run first.")

    def commit_output_assets(
        self,
        clean_folder: bool | None = None,  # noqa: ARG002 - the signature of an execution's
        progress_callback: ProgressCallback | None = None,  # noqa: ARG002
        *,
        options: CommitOptions | None = None,  # noqa: ARG002
    ) -> UploadReport:
        """Check what would be brought, as a commit does first, and bring nothing; the report is empty."""
        collect(self.session, DRY_RUN_RID)
        if effective_status(self.status) is ExecutionStatus.RUNNING:
            self.execution_stop()
        for status in (ExecutionStatus.PENDING_UPLOAD, ExecutionStatus.UPLOADED):
            if effective_status(self.status) is not ExecutionStatus.UPLOADED:
                lifecycle.change(self.session, DRY_RUN_RID, status)
        return UploadReport(execution_rids=[DRY_RUN_RID])

    def add_nested_execution(self, nested_execution: Any, sequence: int | None = None) -> None:
        """Nothing: a dry run is no part of anything and has none."""

    def list_execution_children(self, recurse: bool = False) -> list[ExecutionRecord]:  # noqa: ARG002
        """None."""
        return []

    def list_execution_parents(self, recurse: bool = False) -> list[ExecutionRecord]:  # noqa: ARG002
        """None."""
        return []

    def is_nested(self) -> bool:
        """False."""
        return False

    def is_parent(self) -> bool:
        """False."""
        return False

    def list_input_datasets(self) -> list[InputDataset]:
        """Its input datasets, each as the catalog has it."""
        from dml.dataset.lookup import find_datasets

        declared = [one for one in inputs.list_inputs(self.session.registry, DRY_RUN_RID) if one.kind == "dataset"]
        found = find_datasets(self.session.catalog, [one.rid for one in declared])
        return [
            InputDataset(one.rid, one.version, found[one.rid].description, found[one.rid].types) for one in declared
        ]

    def list_assets(self, asset_role: str | None = None) -> list[AssetEdge]:  # noqa: ARG002
        """None: the catalog knows of none."""
        return []
