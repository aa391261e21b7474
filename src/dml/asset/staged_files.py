"""Where a staged file lies in the workspace, and bringing it there when that was interrupted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dml.asset.placement import Method, place
from dml.workspace.files import disk_errors, make_directory
from dml.workspace.layout import split_asset_key

if TYPE_CHECKING:
    from dml.workspace.assets import AssetRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["ensure_placed", "staged_path"]

_METHODS = {method.value: method for method in Method}


def staged_path(session: WorkspaceSession, row: AssetRow) -> Path:
    """Where a staged file lies.

    Raises:
        UnsafePathError: The registry holds a name that cannot be a path.
    """
    table, filename = split_asset_key(row.key)
    return session.workspace.staged_path(row.execution_rid, table, filename)


def ensure_placed(session: WorkspaceSession, row: AssetRow) -> Path:
    """The staged place of a registered file, its file brought there if that was interrupted; a file still to be
    written is fine."""
    path = staged_path(session, row)
    method = _METHODS.get(row.method or "", Method.WRITTEN)
    if method is Method.WRITTEN or row.source is None:
        _make_parent(session, path)
    elif not os.path.lexists(path) and (row.status == "pending" or row.status == "failed"):
        place(session.workspace.root, path, Path(row.source), method)
    return path


def _make_parent(session: WorkspaceSession, path: Path) -> None:
    with disk_errors(path.parent):
        make_directory(session.workspace.root, path.parent)
