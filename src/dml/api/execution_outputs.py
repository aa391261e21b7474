"""The methods of ``Execution`` about its outputs; each takes the execution first."""

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
from dml.deprecation import superseded
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
    """Register an output file and return the path of its staged place.

    A file that exists is linked there (copied with ``copy_file``); for one that does not exist, write to the
    returned path. Writes the registry and the workspace, in constant time.

    Args:
        asset_name: Asset table, ``Table`` or ``schema:Table``.
        file_name: The file, or the name of a file to be written.
        asset_types: Terms of Asset_Type; the table's name when None.
        copy_file: Take the bytes as they are now.
        rename_file: Name in the catalog, for a file that exists.
        metadata: Values of the table's own columns, a mapping or a record; more may be given by keyword.
        description: Markdown.
        **kwargs: As in ``metadata``; ``Asset_Type`` counts as ``asset_types``.

    Raises:
        ConflictError: Another file is staged under this name already.
        NotFoundError: There is no such table or type; the nearest are named.
        UnsafePathError: The name cannot be a file name.
    """
    legacy = kwargs.pop("Asset_Type", None)
    return register_output(
        self.session,
        self.execution_rid,
        str(asset_name),
        file_name,
        types=asset_types if asset_types is not None else legacy,
        copy=copy_file,
        rename=rename_file,
        metadata={**metadata_of(metadata), **kwargs},
        description=description,
    )


def metrics_file(self: Execution, filename: str = "metrics.jsonl") -> AssetFilePath:
    """The path of a metrics file, registered as Execution_Metadata of type Metrics_File; write or append to it."""
    return register_metrics(self.session, self.execution_rid, filename)


def add_features(self: Execution, features: Iterable[Any]) -> int:
    """Stage feature values of one feature; see ``dml.feature.staging.add_features``. Returns how many."""
    return feature_staging.add_features(self.session, self.execution_rid, features)


def add_files(
    self: Execution,
    files: Iterable[FileSpec],
    dataset_types: str | Sequence[str] | None = None,
    description: str = "",
) -> DatasetHandle:
    """Make files known by reference, with datasets nested like their directories. Writes the catalog at once.

    Args:
        files: The files; ``FileSpec.create_filespecs`` makes them of a directory.
        dataset_types: Terms of Dataset_Type that the datasets get besides ``File`` and ``Directory``.
        description: Of the datasets.

    Returns:
        The dataset of the directory that holds all others.
    """
    from dml.api.dataset_handle import DatasetHandle
    from dml.execution.add_files import add_files as add

    self.refuse_writing("make files known")
    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    rid = self.execution_rid
    made = add(self.session.catalog, rid, files, dataset_types=types, description=description)
    return DatasetHandle(self.session.catalog, made.rid, self, rid)


def create_dataset(
    self: Execution,
    dataset_types: str | Sequence[str] | None = None,
    version: DatasetVersion | str | None = None,
    description: str = "",
) -> DatasetHandle:
    """Make a dataset whose producer is this execution. Writes the registry (the intent) and the catalog, at once.

    Called again with the same arguments after it was interrupted, it finishes the dataset it began.

    Args:
        dataset_types: Terms of Dataset_Type.
        version: Its first version; ``0.1.0`` when None.
        description: Markdown.
    """
    from dml.api.dataset_handle import DatasetHandle
    from dml.dataset.curation import create_dataset as create
    from dml.dataset.curation import new_token

    self.refuse_writing("create a dataset")
    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    rid, registry, catalog = self.execution_rid, self.session.registry, self.session.catalog
    wanted = json.dumps([types, str(version or ""), description])
    begun = intents.find_intents(registry, kind=_DATASET_INTENT, execution_rid=rid, unfinished=True)
    token = next((one.token for one in begun if one.payload.get("wanted") == wanted), None) or new_token()
    intents.declare(registry, _DATASET_INTENT, token, execution_rid=rid, payload={"wanted": wanted}, token=token)
    made = create(catalog, description=description, types=types, execution=rid, version=version, token=token)
    intents.finish(registry, [token])
    return DatasetHandle(catalog, made.rid, self, rid)


def upload_assets(self: Execution, assets_dir: str | Path) -> dict[Path, FileUploadState] | None:
    """Bring the files of a directory to the catalog at once, as outputs; the status does not change.

    Args:
        assets_dir: Holds a directory for each asset table; ``Table/sub/file`` becomes ``sub__file`` of the table.

    Returns:
        What became of each file; None when there are none.

    Raises:
        NotFoundError: A directory's name is no asset table.
        UsageError: A file lies directly in the directory.
        PartialError: Some files could not be brought.
    """
    from dml.execution.upload_directory import upload_directory

    self.refuse_writing("upload assets")
    return upload_directory(self.session, self.execution_rid, Path(assets_dir))


def commit_output_assets(
    self: Execution,
    clean_folder: bool | None = None,
    progress_callback: ProgressCallback | None = None,
    *,
    options: CommitOptions | None = None,
) -> UploadReport:
    """Bring everything staged to the catalog; see ``dml.execution.commit.commit``.

    Args:
        clean_folder: Remove the local files afterwards, once the catalog has confirmed every one of them; as the
            ``DerivaML`` was told when None.
        progress_callback: Called with an ``UploadProgress`` for each event.
        options: How many files at a time, in chunks of which size.

    Returns:
        What this call brought.
    """
    report = commit(self.session, self.execution_rid, options, callback=progress_callback)
    self.end_heartbeat()
    if self.clean_execution_dir if clean_folder is None else clean_folder:
        from dml.execution.cleanup import clean

        clean(self.session, self.execution_rid)
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
    """Older name of ``commit_output_assets``; returns ``uploaded_assets``.

    Args:
        clean_folder: As for ``commit_output_assets``.
        progress_callback: As for ``commit_output_assets``.
        max_retries: How often a request is repeated.
        retry_delay: Seconds before the first repeat, at most; doubles.
        timeout: Seconds to connect and to wait for an answer; 600 when None.
        chunk_size: Bytes.
    """
    superseded("upload_execution_outputs", "commit_output_assets")
    options = CommitOptions() if chunk_size is None else CommitOptions(chunk_size=chunk_size)
    with patience(self.session.catalog, max_retries, retry_delay, timeout):
        self.commit_output_assets(clean_folder, progress_callback, options=options)
    return self.uploaded_assets


def uploaded_assets(self: Execution) -> dict[str, list[AssetFilePath]]:
    """The outputs that the catalog has, by table; each knows its RID."""
    place, found = self.session, dict[str, list[AssetFilePath]]()
    for row in assets.list_assets(place.registry, self.execution_rid, statuses=["uploaded"]):
        path = place.workspace.staged_path(self.execution_rid, row.asset_table, row.filename)
        found.setdefault(row.asset_table, []).append(AssetFilePath.of_output(place, path, row))
    return found


def pending_summary(self: Execution) -> PendingSummary:
    """What it has brought to the catalog and has still to bring, by table; asks no catalog."""
    return count_pending(self.session, self.execution_rid)


def table_path(self: Execution, table: str) -> Path:
    """A CSV file in the workspace for a table of one's own; nothing uploads it. Its directory is made."""
    place = self.session
    found = place.catalog.schema().table(table)
    path = place.workspace.table_path(found.schema, found.name)
    with disk_errors(path.parent):
        make_directory(place.workspace.root, path.parent)
    return path
