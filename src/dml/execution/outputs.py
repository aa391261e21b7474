"""``asset_file_path`` and ``metrics_file``: how a running program registers its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.asset.placement import Method
from dml.asset.staged_files import ensure_placed
from dml.asset.tables import asset_table
from dml.catalog import required_terms
from dml.errors import NotFoundError
from dml.execution.asset_path import AssetFilePath
from dml.execution.metadata import EXECUTION_METADATA
from dml.execution.staging import StagingRequest, stage

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.session import WorkspaceSession

METRICS_TYPE = "Metrics_File"


def register_output(
    session: WorkspaceSession,
    rid: str,
    table_name: str,
    file_name: str | Path,
    *,
    types: str | Sequence[str] | None = None,
    copy: bool = False,
    rename: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> AssetFilePath:
    """Register a file as output and return its staged path.

    An existing file (a relative name is looked for in the working directory) is linked, or copied with ``copy``; for
    one that does not exist the path to write to is returned. Writes registry and workspace.

    Args:
        session: Where.
        rid: The execution.
        table_name: Asset table, ``Table`` or ``schema:Table``.
        file_name: The file, or the name of a file to be written.
        types: Asset types; the table's name when None, none at all when empty.
        copy: Copy the bytes now, instead of linking to a file that may change until the commit.
        rename: Name in the catalog, for a file that exists.
        metadata: Values of the table's own columns.
        description: Markdown.

    Raises:
        ConflictError: Another file is staged under this name.
        NotFoundError: No such asset table or type; the nearest are named.
        UnsafePathError: The name cannot be a file name.
    """
    table = find_table(session, table_name)
    wanted = [table.name] if types is None else [types] if isinstance(types, str) else list(types)
    names = required_terms.require(session.catalog, required_terms.ASSET_TYPE, wanted) if wanted else []
    source = Path(file_name).absolute()
    staged = session.workspace.assets_directory(rid)
    exists = source.exists() and not source.is_relative_to(staged)
    staging = StagingRequest(
        source=source if exists else None,
        name=(rename if exists and rename else None) or source.name,
        types=names,
        metadata=dict(metadata or {}),
        description=description,
        method=Method.COPY if copy else Method.SYMLINK,
    )
    return _staged(session, rid, table_name, staging)


def find_table(session: WorkspaceSession, name: str) -> Table:
    """An asset table by name; the schema is read anew before one is said to be missing.

    Raises:
        NotFoundError: There is no such asset table; the nearest are named.
    """
    try:
        return asset_table(session.catalog.schema(), name)
    except NotFoundError:
        return asset_table(session.catalog.refresh_schema(), name)


def register_metrics(session: WorkspaceSession, rid: str, filename: str = "metrics.jsonl") -> AssetFilePath:
    """The path of a metrics file, registered on first use; a file of that name elsewhere is never touched."""
    types = required_terms.available(session.catalog, required_terms.ASSET_TYPE, [METRICS_TYPE])
    return _staged(session, rid, EXECUTION_METADATA, StagingRequest(source=None, name=filename, types=types))


def _staged(session: WorkspaceSession, rid: str, table_name: str, staging: StagingRequest) -> AssetFilePath:
    table = find_table(session, table_name)
    row = stage(session, rid, table, [staging])[0]
    return AssetFilePath.of_output(session, ensure_placed(session, row), row)
