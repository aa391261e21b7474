"""Removing the local files of an execution, once the catalog has been asked for every one of them and has it."""

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
    from dml.workspace.assets import AssetRow
    from dml.workspace.session import WorkspaceSession


def clean(session: WorkspaceSession, rid: str) -> int:
    """Remove the execution's directory; its rows in the registry stay. Returns the bytes that were freed.

    Raises:
        ConflictError: Something staged is not uploaded; nothing is removed.
        IntegrityError: The catalog lacks a row or its bytes; nothing is removed.
    """
    with execution_lock(session.registry, rid):
        if pending_work(session.registry, [rid]):
            raise ConflictError(
                f"{rid} has outputs that are not uploaded; nothing was removed", hint=f"dml exec commit {rid}"
            )
        rows = assets.list_assets(session.registry, rid, statuses=["uploaded"])
        _confirm(session, rows)
        directory = check_inside(session.workspace.root, session.workspace.execution_directory(rid))
        freed = sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
        if directory.is_dir():
            with disk_errors(directory):
                shutil.rmtree(directory)
        journal.append(session.registry, "note", f"local files removed, {freed} bytes", execution_rid=rid)
        return freed


def _confirm(session: WorkspaceSession, rows: list[AssetRow]) -> None:
    for table in sorted({f"{row.schema}:{row.asset_table}" for row in rows}):
        here = [row for row in rows if f"{row.schema}:{row.asset_table}" == table]
        there = {
            str(one["RID"]): one
            for one in select(
                session.catalog, table, where={"RID": [row.rid for row in here]}, columns=["RID", "URL", "MD5"]
            )
        }
        for row in here:
            found = there.get(str(row.rid))
            if found is None or (row.md5 is not None and found["MD5"] != row.md5):
                raise IntegrityError(f"The catalog does not have {safe(row.key)} ({row.rid}); nothing was removed")
        gather([partial(_confirm_bytes, session, row, str(there[str(row.rid)]["URL"])) for row in here])


def _confirm_bytes(session: WorkspaceSession, row: AssetRow, url: str) -> None:
    info = stat(session.catalog, url)
    if info is None or (row.md5 is not None and info.md5_hex and info.md5_hex != row.md5):
        raise IntegrityError(f"The store does not have the bytes of {safe(row.key)}; nothing was removed")
