"""The staged paths of files, and finishing an interrupted staging."""

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
    """The staged path of a file.

    Raises:
        UnsafePathError: The registry holds a name that is not safe as a path.
    """
    table, filename = split_asset_key(row.key)
    return session.workspace.staged_path(row.execution_rid, table, filename)


def ensure_placed(session: WorkspaceSession, row: AssetRow) -> Path:
    """Place a file at its staged path, unless that was done or the program writes it there; return the path."""
    path = staged_path(session, row)
    method = _METHODS.get(row.method or "", Method.WRITTEN)
    if method is Method.WRITTEN or row.source is None:
        with disk_errors(path.parent):
            make_directory(session.workspace.root, path.parent)
    elif not os.path.lexists(path) and row.status in ("pending", "failed"):
        place(session.workspace.root, path, Path(row.source), method)
    return path
