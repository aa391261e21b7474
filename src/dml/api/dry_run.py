"""Dry runs: executions whose configuration is checked and whose inputs are downloaded, but that write no catalog.

A dry run has its own workspace, a temporary directory inside the real one, with a registry whose only execution is
``offline``: it starts, stages and stops like any other, and is removed with the process. Only the cache is shared.
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
from dml.execution.resolve_inputs import resolve_configuration
from dml.execution.status import ExecutionStatus, effective_status
from dml.upload.batch import collect_batch
from dml.upload.observer import ProgressCallback
from dml.upload.report import UploadReport
from dml.workspace import executions, inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.scratch import ScratchDirectory, scratch_root
from dml.workspace.session import WorkspaceSession

if TYPE_CHECKING:
    from dml.asset.execution_edges import AssetEdge

__all__ = ["DRY_RUN_RID", "DryRun", "begin_dry_run"]

DRY_RUN_RID: Final = "0000"
"""The RID of every dry run, the same as in deriva-ml."""


def begin_dry_run(session: WorkspaceSession, configuration: ExecutionConfiguration, *, owner: Any = None) -> DryRun:
    """Check a configuration like ``create_execution`` and return an execution that writes no catalog.

    Reads the catalog and writes a temporary directory in the workspace; inputs are downloaded when it starts.

    Raises:
        UsageError: An input is not of the kind it is used as.
        NotFoundError: An input, a version or a term does not exist.
    """
    return DryRun(session, *resolve_configuration(session.catalog, configuration), owner)


class DryRun(Execution):
    """An execution that exists only in this process: its inputs are real, its outputs are staged and discarded."""

    def __init__(
        self,
        session: WorkspaceSession,
        configuration: ExecutionConfiguration,
        records: list[inputs.InputRecord],
        owner: Any,
    ) -> None:
        self._scratch = ScratchDirectory(scratch_root(session.workspace.root), "dry-run")
        workspace = Workspace(self._scratch.path.resolve(), session.target)
        registry = Registry.writing(workspace)
        scratch_session = WorkspaceSession(workspace, registry, catalog=session.catalog, cache=session.cache)
        with registry.transaction():
            executions.insert_execution(
                registry,
                DRY_RUN_RID,
                config_json=replace(configuration).to_json(DRY_RUN_RID),
                workflow_rid=DRY_RUN_RID,
                description=configuration.description,
                mode="offline",
            )
            inputs.declare_inputs(registry, DRY_RUN_RID, [record for record in records if record.kind != "file"])
        super().__init__(scratch_session, DRY_RUN_RID, owner=owner)

    @property
    def dry_run(self) -> bool:
        """Always True."""
        return True

    @property
    def execution_record(self) -> ExecutionRecord:
        """Refuse: a dry run has no row in the catalog.

        Raises:
            ConflictError: Always.
        """
        raise ConflictError("a dry run has no row in the catalog", hint="Check execution.dry_run first.")

    def _require_catalog_writes(self, action: str) -> None:
        """Refuse the action.

        Raises:
            ConflictError: Always.
        """
        raise ConflictError(f"a dry run cannot {action}: it writes no catalog", hint="Check execution.dry_run first.")

    def commit_output_assets(
        self,
        clean_folder: bool | None = None,  # noqa: ARG002 - the signature of the base class
        progress_callback: ProgressCallback | None = None,  # noqa: ARG002
        *,
        options: CommitOptions | None = None,  # noqa: ARG002
    ) -> UploadReport:
        """Check what would be uploaded, as a commit does first, and upload nothing; the report is empty."""
        collect_batch(self.session, DRY_RUN_RID)
        if effective_status(self.status) is ExecutionStatus.RUNNING:
            self.execution_stop()
        for status in (ExecutionStatus.PENDING_UPLOAD, ExecutionStatus.UPLOADED):
            if effective_status(self.status) is not ExecutionStatus.UPLOADED:
                lifecycle.change(self.session, self._row(), status)
        return UploadReport(execution_rids=[DRY_RUN_RID])

    def add_nested_execution(self, nested_execution: Any, sequence: int | None = None) -> None:
        """Do nothing: a dry run is not nested."""

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
        """The input datasets, each with its description and types in the catalog."""
        from dml.dataset.lookup import find_datasets

        records = inputs.list_inputs(self.session.registry, DRY_RUN_RID)
        versions = {record.rid: record.version for record in records if record.kind == "dataset"}
        datasets = find_datasets(self.session.catalog, list(versions))
        return [
            InputDataset(rid, version, datasets[rid].description, datasets[rid].types)
            for rid, version in versions.items()
        ]

    def list_assets(self, asset_role: str | None = None) -> list[AssetEdge]:  # noqa: ARG002
        """An empty list: the catalog has no row of a dry run."""
        return []
