"""``Execution``: one run as a Python object and context manager.

The object holds no state: the registry and the catalog do, so two objects of one execution, or an object and a
command, never disagree.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from dml.api import execution_inputs, execution_nesting, execution_outputs, execution_record
from dml.api.execution_record import ExecutionRecord
from dml.errors import DmlError, UsageError
from dml.execution import inputs, lifecycle
from dml.execution.asset_path import AssetFilePath
from dml.execution.configuration import DatasetSpec, ExecutionConfiguration, configuration_of
from dml.execution.lifecycle import Transition
from dml.execution.status import ExecutionStatus, effective_status
from dml.workspace import executions
from dml.workspace.liveness import Heartbeat

if TYPE_CHECKING:
    from dml.api.downloaded_datasets import DownloadedDatasets
    from dml.workspace.session import WorkspaceSession

__all__ = ["Execution"]

_log = logging.getLogger("dml")


class Execution:
    """One execution of the workspace; returned by ``DerivaML.create_execution`` and ``resume_execution``.

    As a context manager it downloads the inputs and sets the status: Running on entry, Stopped on a clean exit, Failed
    with the exception's text otherwise (the exception propagates). Nothing is uploaded on exit; that is
    ``commit_output_assets``. In between, a heartbeat tells other processes that this one is alive.

    Attributes:
        execution_rid: RID of the execution.
        session: The workspace, with its registry and catalog, that the execution belongs to.
        clean_execution_dir: Whether a commit removes local files that the catalog has confirmed; the default of
            ``commit_output_assets``.
    """

    def __init__(
        self, session: WorkspaceSession, execution_rid: str, *, clean_execution_dir: bool = False, owner: Any = None
    ) -> None:
        self.session = session
        self.execution_rid = execution_rid
        self.clean_execution_dir = clean_execution_dir
        self._owner = owner
        self._heartbeat: Heartbeat | None = None

    def __repr__(self) -> str:
        return f"Execution({self.execution_rid!r}, {self.status!r})"

    # Status and attributes ---------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """The status in the registry; assigning calls ``update_status``."""
        return self._row().status

    @status.setter
    def status(self, target: str) -> None:
        self.update_status(target)

    @property
    def error(self) -> str | None:
        """Why it failed, or why its last upload was interrupted; None when neither happened."""
        return self._row().error

    @property
    def workflow_rid(self) -> str | None:
        """RID of the workflow; None when it has none."""
        return self._row().workflow_rid

    @property
    def start_time(self) -> datetime | None:
        """When it started running, UTC; None before that. Known to this workspace only."""
        return self._row().start_time

    @property
    def stop_time(self) -> datetime | None:
        """When it stopped running, UTC; None before that. Known to this workspace only."""
        return self._row().stop_time

    @property
    def sync_pending(self) -> bool:
        """Whether the status has not been synced to the catalog yet."""
        return self._row().sync_pending

    @property
    def working_dir(self) -> Path:
        """Its directory in the workspace; register outputs with ``asset_file_path`` instead of writing here."""
        return self.session.workspace.execution_directory(self.execution_rid)

    @property
    def configuration(self) -> ExecutionConfiguration:
        """The configuration it was created with, every dataset pinned to its version."""
        return configuration_of(self._row())

    @property
    def execution_record(self) -> ExecutionRecord:
        """Its row in the catalog, read when the property is used."""
        return execution_record.lookup_execution(self.session.catalog, self.execution_rid)

    @property
    def catalog(self) -> Any:
        """The ``DerivaML`` that created it, for lookups; the connection when there is none."""
        return self._owner if self._owner is not None else self.session.catalog

    @property
    def dry_run(self) -> bool:
        """Whether it is a dry run, which writes nothing to the catalog."""
        return False

    def _require_catalog_writes(self, action: str) -> None:
        """Do nothing; a dry run refuses the action."""

    # Lifecycle -----------------------------------------------------------------------------------------------------

    def execute(self) -> Execution:
        """The execution itself, for ``with execution.execute() as e:``."""
        return self

    def __enter__(self) -> Execution:
        self.execution_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        try:
            if effective_status(self.status) is ExecutionStatus.RUNNING:
                if error is None:
                    self._warn_if_unsynced(lifecycle.stop(self.session, self.execution_rid))
                else:
                    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                    self._warn_if_unsynced(lifecycle.fail(self.session, self.execution_rid, message))
        except DmlError as problem:
            if error is None:
                raise
            error.add_note(f"dml could not record that {self.execution_rid} failed: {problem}")
        finally:
            self._stop_heartbeat()
        return False

    def execution_start(self) -> None:
        """Finish an interrupted creation, download the inputs, and change the status from Created to Running.

        Nothing is downloaded when the start is refused. Writes the workspace, the registry and the catalog.

        Raises:
            IllegalTransitionError: The status is not Created.
            LockedError: Another process is starting or running it.
        """
        self._warn_if_unsynced(lifecycle.begin(self.session, self.execution_rid))
        self._heartbeat = Heartbeat(self.session.registry, self.execution_rid).start()

    def execution_stop(self) -> None:
        """Change the status from Running to Stopped and record the duration. Writes the registry and the catalog.

        Raises:
            IllegalTransitionError: The status is neither Running nor Stopped.
        """
        self._warn_if_unsynced(lifecycle.stop(self.session, self.execution_rid))
        self._stop_heartbeat()

    def update_status(self, target: str, message: str = "", *, error: str | None = None) -> None:
        """Change the status, or only the progress message when the status is the current one.

        Writes the registry and the catalog.

        Args:
            target: The new status, an ``ExecutionStatus`` or its name.
            message: Progress message, recorded as ``Status_Detail``.
            error: The reason, for Failed and Aborted; ``message`` when None.

        Raises:
            IllegalTransitionError: The status may not change that way.
            UsageError: ``target`` is not the name of a status, or is Created.
        """
        if target not in set(ExecutionStatus):
            raise UsageError(f"unknown execution status {target!r}", hint=f"Statuses: {', '.join(ExecutionStatus)}.")
        new = ExecutionStatus(target)
        if effective_status(self.status) is new:
            self._warn_if_unsynced(lifecycle.report_progress(self.session, self.execution_rid, message))
        elif new is ExecutionStatus.RUNNING:
            self.execution_start()
            if message:
                self._warn_if_unsynced(lifecycle.report_progress(self.session, self.execution_rid, message))
        else:
            self._warn_if_unsynced(self._change_status(new, message, error))
            self._stop_heartbeat()

    def abort(self, reason: str = "") -> None:
        """Abort the execution; staged files stay until ``dml exec gc``. Writes the registry and the catalog.

        Raises:
            IllegalTransitionError: It is uploaded, or its upload is in progress.
        """
        self._warn_if_unsynced(lifecycle.abort(self.session, self.execution_rid, reason))
        self._stop_heartbeat()

    # Outputs -------------------------------------------------------------------------------------------------------

    asset_file_path = execution_outputs.asset_file_path
    metrics_file = execution_outputs.metrics_file
    add_features = execution_outputs.add_features
    add_files = execution_outputs.add_files
    create_dataset = execution_outputs.create_dataset
    upload_assets = execution_outputs.upload_assets
    commit_output_assets = execution_outputs.commit_output_assets
    upload_execution_outputs = execution_outputs.upload_execution_outputs
    pending_summary = execution_outputs.pending_summary
    table_path = execution_outputs.table_path

    @property
    def uploaded_assets(self) -> dict[str, list[AssetFilePath]]:
        """The outputs that are in the catalog, by asset table; each path knows its RID."""
        return execution_outputs.uploaded_assets(self)

    # Inputs --------------------------------------------------------------------------------------------------------

    @property
    def datasets(self) -> list[DatasetSpec]:
        """The input datasets, each pinned to its version."""
        return self.configuration.datasets

    @property
    def dataset_rids(self) -> list[str]:
        """The RIDs of the input datasets."""
        return [dataset.rid for dataset in self.datasets]

    @property
    def asset_paths(self) -> dict[str, list[AssetFilePath]]:
        """The downloaded input assets, by asset table."""
        return inputs.asset_paths(self.session, self.execution_rid)

    @property
    def database_catalog(self) -> DownloadedDatasets | None:
        """The downloaded input datasets, read like a catalog; None when none is on disk."""
        return execution_inputs.database_catalog(self)

    download_asset = execution_inputs.download_asset
    download_dataset_bag = execution_inputs.download_dataset_bag
    add_input_dataset = execution_inputs.add_input_dataset
    list_input_datasets = execution_inputs.list_input_datasets
    list_assets = execution_inputs.list_assets

    # Nesting ---------------------------------------------------------------------------------------------------

    add_nested_execution = execution_nesting.add_nested_execution
    list_execution_children = execution_nesting.list_execution_children
    list_execution_parents = execution_nesting.list_execution_parents
    list_nested_executions = execution_nesting.list_nested_executions
    list_parent_executions = execution_nesting.list_parent_executions
    is_nested = execution_nesting.is_nested
    is_parent = execution_nesting.is_parent

    # ---------------------------------------------------------------------------------------------------------

    def _row(self) -> executions.ExecutionRow:
        return executions.get_execution(self.session.registry, self.execution_rid)

    def _change_status(self, new: ExecutionStatus, message: str, error: str | None) -> Transition:
        text = error or message
        if new is ExecutionStatus.STOPPED:
            return lifecycle.stop(self.session, self.execution_rid)
        if new is ExecutionStatus.FAILED:
            return lifecycle.fail(self.session, self.execution_rid, text or "failed")
        if new is ExecutionStatus.ABORTED:
            return lifecycle.abort(self.session, self.execution_rid, text)
        if new is ExecutionStatus.CREATED:
            raise UsageError("an execution cannot become Created again", hint="Create a new execution.")
        fields = {"status_detail": message} if message else {}
        return lifecycle.change(self.session, self._row(), new, **fields)

    def _warn_if_unsynced(self, transition: Transition) -> None:
        if transition.sync_error is not None:
            _log.warning(
                "%s is %s, but the status is not synced to the catalog (%s); "
                "the next command that writes to the catalog, or `dml exec sync`, will sync it",
                self.execution_rid,
                transition.row.status,
                transition.sync_error,
            )

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
