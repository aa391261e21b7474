"""Which local files of executions are needed no more, and removing them without losing unsent work."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import ConflictError
from dml.execution.local_list import list_local
from dml.execution.status import ExecutionStatus, effective_status
from dml.workspace import journal
from dml.workspace.execution_lock import execution_lock
from dml.workspace.files import check_inside, disk_errors

if TYPE_CHECKING:
    from dml.execution.local_list import LocalExecution
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class Candidate:
    """An execution whose local files can go.

    Attributes:
        rid: The execution.
        status: Its status.
        bytes: What removing them frees, links not counted.
        discards: Outputs that were never uploaded and would be lost; 0 unless it was aborted.
    """

    rid: str
    status: str
    bytes: int
    discards: int


def candidates(session: WorkspaceSession, rids: Sequence[str] | None = None) -> list[Candidate]:
    """The executions that are over and have files here: uploaded ones without pending work, and aborted ones.

    Args:
        session: Where.
        rids: Only these; then one that is not over is an error. Aborted ones that would lose outputs are listed only
            here.

    Raises:
        ConflictError: A named execution is not over.
    """
    found: list[Candidate] = []
    for one in list_local(session):
        if rids is not None and one.rid not in rids:
            continue
        waiting = one.pending.files + one.pending.features
        status = effective_status(one.status)
        over = status is S.ABORTED or (status is S.UPLOADED and not waiting)
        if not over and rids is not None:
            raise ConflictError(f"{one.rid} is {one.status}: its files are needed", hint=one.next_command)
        if not over or (rids is None and waiting) or not _directory(session, one).is_dir():
            continue
        found.append(Candidate(one.rid, one.status, _size(session, one), waiting))
    return found


def collect(session: WorkspaceSession, candidate: Candidate) -> int:
    """Remove the files of one execution; the catalog is asked for every uploaded one first. Returns the bytes freed.

    Raises:
        IntegrityError: The catalog does not have something that was uploaded; nothing is removed.
    """
    if effective_status(candidate.status) is S.UPLOADED:
        from dml.execution.cleanup import clean

        return clean(session, candidate.rid)
    with execution_lock(session.registry, candidate.rid):
        directory = check_inside(session.workspace.root, session.workspace.execution_directory(candidate.rid))
        with disk_errors(directory):
            shutil.rmtree(directory)
        text = f"local files removed, {candidate.bytes} bytes, {candidate.discards} outputs discarded"
        journal.append(session.registry, "note", text, execution_rid=candidate.rid)
    return candidate.bytes


def _directory(session: WorkspaceSession, one: LocalExecution) -> Path:
    return session.workspace.execution_directory(one.rid)


def _size(session: WorkspaceSession, one: LocalExecution) -> int:
    files = _directory(session, one).rglob("*")
    return sum(path.lstat().st_size for path in files if path.is_file() and not path.is_symlink())
