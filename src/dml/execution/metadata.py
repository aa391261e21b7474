"""The metadata files kept with each execution: configuration, lock file, Hydra configuration, run-time environment.

They are staged into ``Execution_Metadata`` under the names and types that deriva-ml uses, written in place from their
content: nothing of the user's directory is linked or written to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import UsageError
from dml.execution.environment import environment_snapshot
from dml.safe_text import safe
from dml.workspace import assets
from dml.workspace.files import disk_errors, write_atomically
from dml.workspace.layout import safe_file_name
from dml.workspace.redaction import redact
from dml.workspace.staging import StagedAsset, stage_assets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dml.workspace.session import WorkspaceSession

EXECUTION_METADATA = "Execution_Metadata"
ML_SCHEMA = "deriva-ml"

_LARGEST = 32 << 20
_LOCK_FILES = ("uv.lock", "pixi.lock", "poetry.lock", "conda-lock.yml", "requirements.lock")
_DESCRIPTIONS = {
    "Deriva_Config": "Configuration of the execution: datasets, assets, workflow and choices of configuration groups",
    "Execution_Config": "Lock file of the project: the exact packages it asks for",
    "Hydra_Config": "Hydra configuration of the run",
    "Runtime_Env": "Run-time environment: packages, platform, GPUs and recorded variables",
}


@dataclass(frozen=True)
class MetadataFile:
    """One metadata file, by content.

    Attributes:
        name: Its name in the catalog.
        type: Its Asset_Type.
        content: Its bytes.
    """

    name: str
    type: str
    content: bytes


def metadata_files(
    configuration_json: str,
    *,
    at: datetime,
    git_root: Path | None = None,
    hydra_directory: Path | None = None,
) -> list[MetadataFile]:
    """The files of one execution; secrets in the Hydra configuration are hidden.

    Args:
        configuration_json: The configuration in deriva-ml's form.
        at: The time that becomes part of some names.
        git_root: Where the project's lock file lies, if anywhere.
        hydra_directory: Hydra's output directory, whose ``hydra-config`` is kept.

    Raises:
        UsageError: A file cannot be read, or is larger than 32 MiB.
    """
    stamp = at.strftime("%Y%m%d_%H%M%S")
    files = [MetadataFile("configuration.json", "Deriva_Config", configuration_json.encode())]
    lock = next((git_root / name for name in _LOCK_FILES if (git_root / name).is_file()), None) if git_root else None
    if lock is not None:
        files.append(MetadataFile(lock.name, "Execution_Config", _read(lock)))
    for path in _hydra_files(hydra_directory):
        files.append(
            MetadataFile(
                f"hydra-{stamp}-{path.name}", "Hydra_Config", redact(_read(path).decode(errors="replace")).encode()
            )
        )
    snapshot = environment_snapshot()
    files.append(
        MetadataFile(f"environment_snapshot_{stamp}_{at.microsecond:06d}.txt", "Runtime_Env", snapshot.encode())
    )
    return files


def stage_metadata(
    session: WorkspaceSession, rid: str, files: Sequence[MetadataFile], known_types: Sequence[str]
) -> None:
    """Write metadata files into the workspace and register them as outputs.

    Args:
        session: Where.
        rid: The execution, which is in the registry.
        files: The files.
        known_types: Asset types that the catalog has; older ones lack some.

    Raises:
        RetryableError: The disk is full.
        DmlError: The workspace cannot be written.
    """
    for file in files:
        path = session.workspace.staged_path(rid, EXECUTION_METADATA, file.name)
        with disk_errors(path):
            write_atomically(session.workspace.root, path, file.content)
    stage_assets(
        session.registry,
        rid,
        [
            StagedAsset(
                schema=ML_SCHEMA,
                table=EXECUTION_METADATA,
                filename=file.name,
                asset_types=[file.type] if file.type in known_types else [],
                description=_DESCRIPTIONS[file.type],
                method="written",
            )
            for file in files
        ],
    )
    from dml.execution.staging import write_types

    for row in assets.list_assets(session.registry, rid):
        write_types(session, row)


def _hydra_files(directory: Path | None) -> Iterator[Path]:
    folder = directory / "hydra-config" if directory is not None else None
    if folder is not None and folder.is_dir():
        for path in sorted(folder.glob("*.yaml")):
            safe_file_name(path.name)
            yield path


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise UsageError(f"{safe(path)} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise UsageError(f"{safe(path)} has {size} bytes; metadata files have at most {_LARGEST >> 20} MiB")
    return content
