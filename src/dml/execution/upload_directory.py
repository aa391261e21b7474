"""Bringing a directory of files to the catalog at once, without a change of status (``Execution.upload_assets``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dml.catalog import required_terms
from dml.errors import NotFoundError, UsageError
from dml.execution.outputs import find_table
from dml.execution.staging import StagingRequest, stage, walk_tree
from dml.safe_text import safe
from dml.upload.batch import collect_batch
from dml.upload.files import upload_files
from dml.workspace.execution_lock import execution_lock

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = ["FileUploadState", "UploadState", "upload_directory"]


class UploadState(StrEnum):
    """What became of a file."""

    success = "success"
    shared = "shared"
    """The catalog had the same content already, under the row that is named."""


@dataclass(frozen=True)
class FileUploadState:
    """One file that ``upload_assets`` brought to the catalog.

    Attributes:
        state: What became of it.
        status: The same for people.
        result: RID of its row.
    """

    state: UploadState
    status: str
    result: str


def upload_directory(session: WorkspaceSession, rid: str, directory: Path) -> dict[Path, FileUploadState] | None:
    """Stage the files of a directory, by table, and bring them to the catalog; see ``Execution.upload_assets``."""
    if not directory.is_dir():
        raise NotFoundError(f"There is no directory {safe(directory)}")
    stray = sorted(path.name for path in directory.iterdir() if path.is_file())
    if stray:
        raise UsageError(
            f"{safe(stray[0])} lies directly in {safe(directory)}, so its table is not known",
            hint=f"Put it at TABLE/{safe(stray[0])}.",
        )
    planned = []
    for folder in sorted(path for path in directory.iterdir() if path.is_dir()):
        table = find_table(session, folder.name)
        types = required_terms.available(session.catalog, required_terms.ASSET_TYPE, [table.name])
        planned.append((table, [StagingRequest(path, name, types) for path, name in walk_tree(folder)]))
    sources: dict[str, Path] = {}
    for table, files in planned:
        rows = stage(session, rid, table, files) if files else []
        sources |= {row.key: file.source for row, file in zip(rows, files, strict=True) if file.source is not None}
    if not sources:
        return None
    with execution_lock(session.registry, rid):
        batch = collect_batch(session, rid, keys=list(sources))
        report = upload_files(session, rid, batch.files, look_up_first=False)
    return {
        sources[asset.key]: FileUploadState(
            UploadState.shared if asset.shared else UploadState.success,
            f"{asset.key} is row {asset.rid}" + (", which was there before" if asset.shared else ""),
            asset.rid,
        )
        for asset in report.assets
    }
