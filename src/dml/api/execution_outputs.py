"""The methods of ``Execution`` about its outputs, bound in its class body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.api.execution_snapshot import PendingSummary
from dml.api.execution_snapshot import pending_summary as count_pending
from dml.asset.file_spec import FileSpec
from dml.asset.record_class import AssetRecord, metadata_of
from dml.catalog.retry_override import patience
from dml.deprecation import warn_deprecated
from dml.execution.asset_path import AssetFilePath
from dml.execution.commit import CommitOptions, commit
from dml.execution.outputs import register_metrics, register_output
from dml.execution.upload_directory import FileUploadState
from dml.feature import staging as feature_staging
from dml.upload.observer import ProgressCallback
from dml.upload.report import UploadReport
from dml.workspace import assets, intents
from dml.workspace.files import disk_errors, make_directory

if TYPE_CHECKING:
    from dml.api.dataset_handle import DatasetHandle
    from dml.api.execution import Execution
    from dml.dataset.version import DatasetVersion

_DATASET_INTENT = "dataset"


def asset_file_path(
    self: Execution,
    asset_name: str,
    file_name: str | Path,
    asset_types: str | Sequence[str] | None = None,
    copy_file: bool = False,
    rename_file: str | None = None,
    metadata: Mapping[str, Any] | AssetRecord | None = None,
    description: str | None = None,
    **kwargs: Any,
) -> AssetFilePath:
    """Register an output file and return the path where it is staged.

    A file that exists is linked to that path (copied with ``copy_file``); otherwise write to the returned path. Writes
    the registry and the workspace; a link costs the same for a file of any size.

    Args:
        asset_name: The asset table, ``Table`` or ``schema:Table``.
        file_name: Path of an existing file, or the name of a file to be written.
        asset_types: Terms of Asset_Type; the table's name when None.
        copy_file: Copy the file, so that later changes to it do not matter.
        rename_file: File name in the catalog, for an existing file; its own name when None.
        metadata: Values of the table's additional columns, a mapping or a record of ``asset_record_class``.
        description: Description of the dataset, Markdown.
        **kwargs: More values of ``metadata``, by keyword; ``Asset_Type`` is the older name of ``asset_types``.

    Raises:
        ConflictError: A different file is already staged under this name.
        NotFoundError: The table or a type does not exist; the message suggests the nearest names.
        UnsafePathError: The name is not usable as a file name.
    """
    older_types = kwargs.pop("Asset_Type", None)
    return register_output(
        self.session,
        self.execution_rid,
        str(asset_name),
        file_name,
        types=asset_types if asset_types is not None else older_types,
        copy=copy_file,
        rename=rename_file,
        metadata={**metadata_of(metadata), **kwargs},
        description=description,
    )


def metrics_file(self: Execution, filename: str = "metrics.jsonl") -> AssetFilePath:
    """Register a metrics file and return its path, to write or append JSON Lines to.

    It is staged in Execution_Metadata with the type Metrics_File. Writes the registry and the workspace.

    Args:
        filename: File name in the catalog.
    """
    return register_metrics(self.session, self.execution_rid, filename)


def add_features(self: Execution, features: Iterable[Any]) -> int:
    """Stage values of one feature; the next commit uploads them. Writes the registry.

    Args:
        features: Instances of ``feature_record_class``.

    Returns:
        The number of values.
    """
    return feature_staging.add_features(self.session, self.execution_rid, features)


def add_files(
    self: Execution,
    files: Iterable[FileSpec],
    dataset_types: str | Sequence[str] | None = None,
    description: str = "",
) -> DatasetHandle:
    """Register files by reference, with datasets nested like their directories. Writes the catalog immediately.

    Args:
        files: The files; ``FileSpec.create_filespecs`` describes those of a directory.
        dataset_types: Terms of Dataset_Type for the datasets, besides ``File`` and ``Directory``.
        description: Description of the datasets, Markdown.

    Returns:
        The dataset of the topmost directory.
    """
    from dml.api.dataset_handle import DatasetHandle
    from dml.execution.add_files import add_files as add

    self._require_catalog_writes("register files")
    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    rid = self.execution_rid
    dataset = add(self.session.catalog, rid, files, dataset_types=types, description=description)
    return DatasetHandle(self.session.catalog, dataset.rid, self, rid)


def create_dataset(
    self: Execution,
    dataset_types: str | Sequence[str] | None = None,
    version: DatasetVersion | str | None = None,
    description: str = "",
) -> DatasetHandle:
    """Create a dataset whose producer is this execution. Writes the registry and the catalog immediately.

    A call that was interrupted can be repeated with the same arguments: it completes the dataset that it began.

    Args:
        dataset_types: Terms of Dataset_Type.
        version: First version; ``0.1.0`` when None.
        description: Description of the dataset, Markdown.
    """
    from dml.api.dataset_handle import DatasetHandle
    from dml.dataset.curation import create_dataset as create
    from dml.dataset.curation import new_token

    self._require_catalog_writes("create a dataset")
    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    rid, registry, catalog = self.execution_rid, self.session.registry, self.session.catalog
    arguments = json.dumps([types, str(version or ""), description])
    unfinished = intents.find_intents(registry, kind=_DATASET_INTENT, execution_rid=rid, unfinished=True)
    matching = (intent.token for intent in unfinished if intent.payload.get("wanted") == arguments)
    token = next(matching, None) or new_token()
    intents.declare(registry, _DATASET_INTENT, token, execution_rid=rid, payload={"wanted": arguments}, token=token)
    dataset = create(catalog, description=description, types=types, execution=rid, version=version, token=token)
    intents.finish(registry, [token])
    return DatasetHandle(catalog, dataset.rid, self, rid)


def upload_assets(self: Execution, assets_dir: str | Path) -> dict[Path, FileUploadState] | None:
    """Upload the files of a directory as outputs immediately; the status does not change.

    Writes the workspace, the registry and the catalog.

    Args:
        assets_dir: Contains one directory per asset table; ``Table/sub/file`` is named ``sub__file`` in the table.

    Returns:
        The state of each file; None when there are no files.

    Raises:
        NotFoundError: The name of a directory is not that of an asset table.
        UsageError: A file is directly in ``assets_dir``.
        PartialError: The upload of some files failed.
    """
    from dml.execution.upload_directory import upload_directory

    self._require_catalog_writes("upload assets")
    return upload_directory(self.session, self.execution_rid, Path(assets_dir))


def commit_output_assets(
    self: Execution,
    clean_folder: bool | None = None,
    progress_callback: ProgressCallback | None = None,
    *,
    options: CommitOptions | None = None,
) -> UploadReport:
    """Upload everything that is staged and end as Uploaded. Writes the registry and the catalog.

    An interrupted commit can be repeated: it continues where it stopped.

    Args:
        clean_folder: Remove local files once the catalog has confirmed every one of them; the execution's
            ``clean_execution_dir`` when None.
        progress_callback: Called with an ``UploadProgress`` for each event of the upload.
        options: Number of parallel transfers, chunk size and the like.

    Returns:
        What this call uploaded.

    Raises:
        IllegalTransitionError: The execution may not be uploaded in its status.
        LockedError: Another process is working on it.
        PartialError: The upload of some files failed; the others are in the catalog.
    """
    report = commit(self.session, self.execution_rid, options, callback=progress_callback)
    self._stop_heartbeat()
    if self.clean_execution_dir if clean_folder is None else clean_folder:
        from dml.execution.cleanup import remove_local_files

        remove_local_files(self.session, self.execution_rid)
    return report


def upload_execution_outputs(
    self: Execution,
    clean_folder: bool | None = None,
    progress_callback: ProgressCallback | None = None,
    max_retries: int = 3,
    retry_delay: float = 5.0,
    timeout: tuple[float, float] | float | None = None,
    chunk_size: int | None = None,
) -> dict[str, list[AssetFilePath]]:
    """Deprecated name of ``commit_output_assets``; returns ``uploaded_assets``.

    Args:
        clean_folder: The same as in ``commit_output_assets``.
        progress_callback: The same as in ``commit_output_assets``.
        max_retries: How many times a failed request is repeated.
        retry_delay: Longest wait before the first repeat, in seconds; it doubles with each repeat.
        timeout: Seconds to wait for a connection and for a response; 600 when None.
        chunk_size: Size of the pieces of a large upload, in bytes; the default of ``CommitOptions`` when None.
    """
    warn_deprecated("upload_execution_outputs", "commit_output_assets")
    options = CommitOptions() if chunk_size is None else CommitOptions(chunk_size=chunk_size)
    with patience(self.session.catalog, max_retries, retry_delay, timeout):
        self.commit_output_assets(clean_folder, progress_callback, options=options)
    return self.uploaded_assets


def uploaded_assets(self: Execution) -> dict[str, list[AssetFilePath]]:
    """The outputs that are in the catalog, by asset table; each path knows its RID."""
    session, paths = self.session, dict[str, list[AssetFilePath]]()
    for row in assets.list_assets(session.registry, self.execution_rid, statuses=["uploaded"]):
        path = session.workspace.staged_path(self.execution_rid, row.asset_table, row.filename)
        paths.setdefault(row.asset_table, []).append(AssetFilePath.of_output(session, path, row))
    return paths


def pending_summary(self: Execution) -> PendingSummary:
    """What it has uploaded and still has to upload, by table; sends no request."""
    return count_pending(self.session, self.execution_rid)


def table_path(self: Execution, table: str) -> Path:
    """The path of a CSV file in the workspace for notes about a table; nothing uploads it. Creates its directory.

    Args:
        table: ``Table`` or ``schema:Table``.
    """
    session = self.session
    definition = session.catalog.schema().table(table)
    path = session.workspace.table_path(definition.schema, definition.name)
    with disk_errors(path.parent):
        make_directory(session.workspace.root, path.parent)
    return path
