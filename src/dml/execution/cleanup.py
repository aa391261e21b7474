"""Removing the local files of an uploaded execution, after the catalog has confirmed every one of them."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.objects import stat
from dml.catalog.rows import select
from dml.errors import ConflictError, IntegrityError
from dml.safe_text import safe
from dml.workspace import assets, journal
from dml.workspace.execution_lock import execution_lock
from dml.workspace.files import check_inside, disk_errors
from dml.workspace.pending import pending_work

if TYPE_CHECKING:
    from pathlib import Path

    from dml.workspace.assets import AssetRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["directory_size", "remove_local_files"]


def remove_local_files(session: WorkspaceSession, rid: str) -> int:
    """Remove the execution's directory; its rows in the registry stay. Return the number of bytes freed.

    Raises:
        ConflictError: Something staged is not uploaded; nothing is removed.
        IntegrityError: The catalog lacks a row or its bytes; nothing is removed.
    """
    with execution_lock(session.registry, rid):
        if pending_work(session.registry, [rid]):
            raise ConflictError(
                f"{rid} has outputs that are not uploaded; nothing was removed", hint=f"dml exec commit {rid}"
            )
        _confirm(session, assets.list_assets(session.registry, rid, statuses=["uploaded"]))
        directory = check_inside(session.workspace.root, session.workspace.execution_directory(rid))
        freed = directory_size(directory)
        if directory.is_dir():
            with disk_errors(directory):
                shutil.rmtree(directory)
        journal.append(session.registry, "note", f"local files removed, {freed} bytes", execution_rid=rid)
        return freed


def directory_size(directory: Path) -> int:
    """Size in bytes of the regular files below a directory; links are not counted."""
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def _confirm(session: WorkspaceSession, rows: list[AssetRow]) -> None:
    """Check that the catalog has the row and the bytes of every file."""
    for table in sorted({f"{row.schema}:{row.asset_table}" for row in rows}):
        local = [row for row in rows if f"{row.schema}:{row.asset_table}" == table]
        stored = select(
            session.catalog, table, where={"RID": [row.rid for row in local]}, columns=["RID", "URL", "MD5"]
        )
        by_rid = {str(row["RID"]): row for row in stored}
        for row in local:
            catalog_row = by_rid.get(str(row.rid))
            if catalog_row is None or (row.md5 is not None and catalog_row["MD5"] != row.md5):
                raise IntegrityError(f"The catalog does not have {safe(row.key)} ({row.rid}); nothing was removed")
        gather([partial(_confirm_bytes, session, row, str(by_rid[str(row.rid)]["URL"])) for row in local])


def _confirm_bytes(session: WorkspaceSession, row: AssetRow, url: str) -> None:
    info = stat(session.catalog, url)
    if info is None or (row.md5 is not None and info.md5_hex and info.md5_hex != row.md5):
        raise IntegrityError(f"The store does not have the bytes of {safe(row.key)}; nothing was removed")
