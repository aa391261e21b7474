"""``Execution``: one run as a Python object, used as a context manager around the work.

The object holds no state of its own: registry and catalog do, so that two objects of one execution, or an object and
a command, never disagree.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from dml.api import execution_inputs, execution_nesting, execution_outputs, execution_record
from dml.api.execution_record import ExecutionRecord
from dml.errors import UsageError
from dml.execution import inputs, lifecycle
from dml.execution.asset_path import AssetFilePath
from dml.execution.configuration import DatasetSpec, ExecutionConfiguration
from dml.execution.creation import ensure_created
from dml.execution.fetch_inputs import fetch_inputs
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
    """One execution of the workspace; made by ``DerivaML.create_execution`` and ``resume_execution``.

    As a context manager it fetches the inputs and runs from entry to exit: Running on entry, Stopped on a clean exit,
    Failed with the exception's text otherwise (the exception goes on). Nothing is uploaded on exit; that is
    ``commit_output_assets``. A heartbeat tells other processes meanwhile that it lives.

    Attributes:
        execution_rid: RID.
        place: The workspace, registry and catalog it lives in.
        clean_execution_dir: Whether a commit removes local files once the catalog has confirmed them, unless told.
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

    # What it is ------------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """Its status, as the registry has it now; assigning is ``update_status``."""
        return self._row().status

    @status.setter
    def status(self, target: str) -> None:
        self.update_status(target)

    @property
    def error(self) -> str | None:
        """Why it failed, or why its last upload was interrupted; None when all is well."""
        return self._row().error

    @property
    def workflow_rid(self) -> str | None:
        """RID of its workflow."""
        return self._row().workflow_rid

    @property
    def start_time(self) -> datetime | None:
        """When it began to run, UTC; known to this workspace only."""
        return self._row().start_time

    @property
    def stop_time(self) -> datetime | None:
        """When it ended, UTC; known to this workspace only."""
        return self._row().stop_time

    @property
    def sync_pending(self) -> bool:
        """Whether the catalog has still to be told the status."""
        return self._row().sync_pending

    @property
    def working_dir(self) -> Path:
        """Its directory in the workspace; outputs are registered with ``asset_file_path``, not written here."""
        return self.session.workspace.execution_directory(self.execution_rid)

    @property
    def configuration(self) -> ExecutionConfiguration:
        """What it was created with, every dataset pinned to its version."""
        return inputs.configuration_of(self._row())

    @property
    def execution_record(self) -> ExecutionRecord:
        """Its row in the catalog, read now."""
        return execution_record.lookup_execution(self.session.catalog, self.execution_rid)

    @property
    def catalog(self) -> Any:
        """The ``DerivaML`` that made it, for looking things up; the connection itself where none did."""
        return self._owner if self._owner is not None else self.session.catalog

    @property
    def dry_run(self) -> bool:
        """Whether it is one that writes nothing to the catalog."""
        return False

    def refuse_writing(self, what: str) -> None:
        """Nothing; a dry run refuses here what would write the catalog."""

    # Its life --------------------------------------------------------------------------------------------------

    def execute(self) -> Execution:
        """Itself, for ``with execution.execute() as e:``."""
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
                    self._told(lifecycle.stop(self.session, self.execution_rid))
                else:
                    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                    self._told(lifecycle.fail(self.session, self.execution_rid, message))
        finally:
            self.end_heartbeat()
        return False

    def execution_start(self) -> None:
        """Finish its creation if need be, fetch the inputs, and go from Created to Running. Writes registry and
        catalog.

        Raises:
            IllegalTransitionError: It is not Created.
            ConflictError: Somebody else started it at the same moment.
        """
        ensure_created(self.session, self.execution_rid)
        fetch_inputs(self.session, self.execution_rid)
        self._told(lifecycle.start(self.session, self.execution_rid))
        self._heartbeat = Heartbeat(self.session.registry, self.execution_rid).start()

    def execution_stop(self) -> None:
        """From Running to Stopped, with the duration. Writes registry and catalog.

        Raises:
            IllegalTransitionError: It is neither Running nor Stopped.
        """
        self._told(lifecycle.stop(self.session, self.execution_rid))
        self.end_heartbeat()

    def update_status(self, target: str, message: str = "", *, error: str | None = None) -> None:
        """Change the status, or, with the present status, only the progress message.

        Args:
            target: An ``ExecutionStatus``.
            message: Shown as ``Status_Detail``.
            error: Why, for Failed and Aborted.

        Raises:
            IllegalTransitionError: The change is not allowed.
            UsageError: There is no such status.
        """
        if target not in set(ExecutionStatus):
            raise UsageError(f"{target!r} is no status", hint=f"Statuses are {', '.join(ExecutionStatus)}.")
        new = ExecutionStatus(target)
        if effective_status(self.status) is new:
            self._told(lifecycle.report_progress(self.session, self.execution_rid, message))
        elif new is ExecutionStatus.RUNNING:
            self.execution_start()
            if message:
                self._told(lifecycle.report_progress(self.session, self.execution_rid, message))
        else:
            self._told(self._changed(new, message, error))
            self.end_heartbeat()

    def abort(self, reason: str = "") -> None:
        """Give it up; staged files stay until ``dml exec gc``. Writes registry and catalog.

        Raises:
            IllegalTransitionError: It is uploaded, or being uploaded.
        """
        self._told(lifecycle.abort(self.session, self.execution_rid, reason))
        self.end_heartbeat()

    # Its outputs -----------------------------------------------------------------------------------------------

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
        """The outputs that the catalog has, by table; each knows its RID."""
        return execution_outputs.uploaded_assets(self)

    # Its inputs ------------------------------------------------------------------------------------------------

    @property
    def datasets(self) -> list[DatasetSpec]:
        """Its input datasets, each pinned to its version."""
        return self.configuration.datasets

    @property
    def dataset_rids(self) -> list[str]:
        """The RIDs of its input datasets."""
        return [one.rid for one in self.datasets]

    @property
    def asset_paths(self) -> dict[str, list[AssetFilePath]]:
        """The fetched input assets by table."""
        return inputs.asset_paths(self.session, self.execution_rid)

    @property
    def database_catalog(self) -> DownloadedDatasets | None:
        """Its downloaded datasets, asked as one would ask the catalog; None when none is on disk."""
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

    def _changed(self, new: ExecutionStatus, message: str, error: str | None) -> Transition:
        text = error or message
        if new is ExecutionStatus.STOPPED:
            return lifecycle.stop(self.session, self.execution_rid)
        if new is ExecutionStatus.FAILED:
            return lifecycle.fail(self.session, self.execution_rid, text or "failed")
        if new is ExecutionStatus.ABORTED:
            return lifecycle.abort(self.session, self.execution_rid, text)
        if new is ExecutionStatus.CREATED:
            raise UsageError("An execution is Created once only", hint="Create a new one.")
        fields = {"status_detail": message} if message else {}
        return lifecycle.change(self.session, self.execution_rid, new, **fields)

    def _told(self, result: Transition) -> None:
        if result.problem is not None:
            _log.warning(
                "%s is %s, but the catalog was not told (%s); the next command that writes, or `dml exec sync`, will",
                self.execution_rid,
                result.row.status,
                result.problem,
            )

    def end_heartbeat(self) -> None:
        """Stop telling other processes that this one runs it; nothing when it does not."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
