"""Removing the local files of an uploaded execution, after the catalog has confirmed every one of them."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from dml.asset.staged_files import staged_path
from dml.catalog.concurrency import gather
from dml.catalog.object_info import object_md5
from dml.catalog.objects import stat
from dml.catalog.rows import select
from dml.errors import ConflictError, IntegrityError
from dml.execution.unrecorded import find_unrecorded
from dml.safe_text import safe
from dml.workspace import assets, journal
from dml.workspace.execution_lock import execution_lock
from dml.workspace.files import check_inside, disk_errors
from dml.workspace.hashing import digest
from dml.workspace.pending import pending_work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dml.workspace.assets import AssetRow
    from dml.workspace.session import WorkspaceSession

__all__ = ["directory_size", "refuse_unrecorded", "remove_local_files"]


def remove_local_files(session: WorkspaceSession, rid: str, *, discard: Sequence[str] = ()) -> int:
    """Remove the execution's directory; its rows in the registry stay. Return the number of bytes freed.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        discard: Files that no record knows and that the user gave up, as paths below the execution's directory.

    Raises:
        ConflictError: Something staged is not uploaded, or the directory has other files that no record knows; nothing
            is removed.
        IntegrityError: The catalog lacks a row or its bytes, or a staged file is not the one that was uploaded; nothing
            is removed.
    """
    with execution_lock(session.registry, rid):
        if pending_work(session.registry, [rid]):
            raise ConflictError(
                f"{rid} has outputs that are not uploaded; nothing was removed", hint=f"dml exec commit {rid}"
            )
        refuse_unrecorded(session, rid, discard)
        _confirm(session, assets.list_assets(session.registry, rid, statuses=["uploaded"]))
        directory = check_inside(session.workspace.root, session.workspace.execution_directory(rid))
        freed = directory_size(directory)
        if directory.is_dir():
            with disk_errors(directory):
                shutil.rmtree(directory)
        journal.append(session.registry, "note", f"local files removed, {freed} bytes", execution_rid=rid)
        return freed


def refuse_unrecorded(session: WorkspaceSession, rid: str, discard: Sequence[str]) -> None:
    """Refuse to remove files that no record knows, but for those that the user gave up.

    Raises:
        ConflictError: Names the first.
    """
    unknown = [path for path in map(str, find_unrecorded(session, rid)) if path not in set(discard)]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise ConflictError(
            f"{rid} has files that were never uploaded: {safe(unknown[0])}{more}; nothing was removed",
            hint=f"Stage them, move them away, or discard them with `dml exec gc {rid} --confirm {rid}`.",
        )


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
            _confirm_local_copy(session, row)
            catalog_row = by_rid.get(str(row.rid))
            if catalog_row is None or (row.md5 is not None and catalog_row["MD5"] != row.md5):
                raise IntegrityError(f"The catalog does not have {safe(row.key)} ({row.rid}); nothing was removed")
        gather([partial(_confirm_bytes, session, row, str(by_rid[str(row.rid)]["URL"])) for row in local])


def _confirm_local_copy(session: WorkspaceSession, row: AssetRow) -> None:
    """Check that the local file is the one that was uploaded, and not one written in its place since."""
    path = staged_path(session, row)
    if path.is_symlink() or not path.exists() or row.md5 is None:
        return
    if digest(session.workspace.root, path).md5_hex != row.md5:
        raise IntegrityError(
            f"{safe(row.key)} has changed since it was uploaded as {row.rid}; nothing was removed",
            hint=f"Stage it again under another name, or move it away, then repeat `dml exec gc {row.execution_rid}`.",
        )


def _confirm_bytes(session: WorkspaceSession, row: AssetRow, url: str) -> None:
    """Check the bytes in the object store: by what a server says of them, on this machine by reading them."""
    info = stat(session.catalog, url)
    stored = info.md5_hex if info is not None else None
    if info is not None and session.target.is_embedded:
        stored = object_md5(session.catalog, url)
    if info is None or (row.md5 is not None and stored and stored != row.md5):
        raise IntegrityError(
            f"The store does not have the bytes of {safe(row.key)}; nothing was removed",
            hint="The local copy is the only one: stage it again and commit it.",
        )
