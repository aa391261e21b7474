"""The pending files and feature rows of an execution, all checked before anything is uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.asset.staged_files import ensure_placed
from dml.asset.tables import check_metadata
from dml.catalog import required_terms
from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workspace import assets, features
from dml.workspace.assets import AssetRow
from dml.workspace.features import FeatureRow
from dml.workspace.file_identity import FileIdentity
from dml.workspace.hashing import file_identity

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.session import WorkspaceSession

_UPLOADABLE = ("pending", "failed")
"""Statuses of staged files and feature rows that a commit uploads."""

_KEYS_IN_MESSAGE = 5


@dataclass(frozen=True)
class PendingFile:
    """A staged file that a commit uploads.

    Attributes:
        row: Its record in the registry.
        table: Its asset table.
        path: Its staged path.
        identity: Size, time of modification and inode when it was checked.
        types: Its asset types, spelled as in the vocabulary.
    """

    row: AssetRow
    table: Table
    path: Path
    identity: FileIdentity
    types: tuple[str, ...]

    @property
    def key(self) -> str:
        """``Table/filename``."""
        return self.row.key


@dataclass(frozen=True)
class Batch:
    """Everything that one commit uploads.

    Attributes:
        files: Files, ordered by key.
        features: Feature rows, in the order of staging.
    """

    files: tuple[PendingFile, ...]
    features: tuple[FeatureRow, ...]

    def __bool__(self) -> bool:
        return bool(self.files or self.features)


def collect_batch(session: WorkspaceSession, rid: str, *, keys: Iterable[str] | None = None) -> Batch:
    """Check and return the pending files and feature rows of an execution.

    Args:
        session: The workspace.
        rid: The execution.
        keys: Only these files, without feature rows; everything when None.

    Raises:
        NotFoundError: Staged files are missing (the message names them), or a table or type is not in the catalog.
        UsageError: A file lacks the value of a required column.
    """
    only = None if keys is None else set(keys)
    rows = [
        row
        for row in assets.list_assets(session.registry, rid, statuses=_UPLOADABLE)
        if only is None or row.key in only
    ]
    feature_rows = features.list_features(session.registry, rid, statuses=_UPLOADABLE) if only is None else []
    staged = _find_on_disk(session, rid, rows)
    type_names = {name for row in rows for name in row.asset_types}
    if type_names:  # one request for all files
        required_terms.require(session.catalog, required_terms.ASSET_TYPE, sorted(type_names))
    kinds: dict[tuple[str, str, tuple[str, ...]], _Kind] = {}
    files = []
    for row, (path, identity) in zip(rows, staged, strict=True):
        key = (row.schema, row.asset_table, row.asset_types)
        if key not in kinds:
            kinds[key] = _kind(session, row)
        _check_columns(row, kinds[key])
        files.append(PendingFile(row, kinds[key].table, path, identity, kinds[key].types))
    return Batch(tuple(files), tuple(feature_rows))


def group_by_table(files: Sequence[PendingFile]) -> list[tuple[Table, list[PendingFile]]]:
    """The files of each table, tables ordered by name."""
    tables = {file.table.qualified_name: file.table for file in files}
    return [(tables[name], [file for file in files if file.table.qualified_name == name]) for name in sorted(tables)]


def summarize_keys(keys: Sequence[str]) -> str:
    """The first few keys for a message, with the number of the others."""
    shown = ", ".join(safe(key) for key in keys[:_KEYS_IN_MESSAGE])
    return shown if len(keys) <= _KEYS_IN_MESSAGE else f"{shown} and {len(keys) - _KEYS_IN_MESSAGE} more"


def _find_on_disk(session: WorkspaceSession, rid: str, rows: Sequence[AssetRow]) -> list[tuple[Path, FileIdentity]]:
    """Path and identity of each staged file.

    Raises:
        NotFoundError: Files are missing; the message counts all of them, not only the first.
    """
    staged: list[tuple[Path, FileIdentity]] = []
    missing: list[NotFoundError] = []
    for row in rows:
        try:
            path = ensure_placed(session, row)
            staged.append((path, file_identity(session.workspace.root, path)))
        except NotFoundError as error:
            missing.append(error)
    if missing:
        more = "" if len(missing) == 1 else f", and {len(missing) - 1} more"
        raise NotFoundError(
            f"{missing[0]}{more}; nothing was sent",
            hint=f"Restore the file, or unstage it with `dml exec unstage {rid} TABLE/NAME`, then commit again.",
        )
    return staged


@dataclass(frozen=True)
class _Kind:
    """What all files of one table with the same types share."""

    table: Table
    required_columns: tuple[str, ...]
    types: tuple[str, ...]


def _kind(session: WorkspaceSession, row: AssetRow) -> _Kind:
    table = session.catalog.schema().table(f"{row.schema}:{row.asset_table}")
    required = tuple(column.name for column in table.metadata_columns if not column.nullok and column.default is None)
    types = (
        required_terms.require(session.catalog, required_terms.ASSET_TYPE, row.asset_types) if row.asset_types else []
    )
    return _Kind(table, required, tuple(types))


def _check_columns(row: AssetRow, kind: _Kind) -> None:
    if row.metadata:
        check_metadata(kind.table, row.metadata)
    missing = [name for name in kind.required_columns if row.metadata.get(name) is None]
    if missing:
        raise UsageError(
            f"{safe(row.key)} needs a value for {', '.join(missing)}",
            hint=f"Stage it again with --meta {missing[0]}=VALUE.",
        )
