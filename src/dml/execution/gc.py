"""Finding the executions whose local files are no longer needed, and removing those files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.errors import ConflictError
from dml.execution.cleanup import directory_size, refuse_unrecorded, remove_local_files
from dml.execution.local_list import list_local
from dml.execution.status import ExecutionStatus, effective_status
from dml.execution.unrecorded import find_unrecorded
from dml.workspace import journal
from dml.workspace.execution_lock import execution_lock
from dml.workspace.files import check_inside, disk_errors

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus


@dataclass(frozen=True)
class Candidate:
    """An execution whose local files can be removed.

    Attributes:
        rid: The execution.
        status: Its status.
        bytes: How many bytes the removal frees; links are not counted.
        discards: Outputs and other files that were never uploaded and would be lost.
        unrecorded: Those of them that no record knows, as paths below the execution's directory.
    """

    rid: str
    status: str
    bytes: int
    discards: int
    unrecorded: tuple[str, ...] = ()


def find_candidates(session: WorkspaceSession, rids: Sequence[str] | None = None) -> list[Candidate]:
    """The executions that have ended and have local files: uploaded ones without pending work, and aborted ones.

    Args:
        session: The workspace.
        rids: Only these executions. When None, those with files that were never uploaded are in the list as well, so
            that they can be named; they must not be removed.

    Raises:
        ConflictError: A named execution has not ended.
    """
    candidates: list[Candidate] = []
    for execution in list_local(session):
        if rids is not None and execution.rid not in rids:
            continue
        pending = execution.pending.files + execution.pending.features
        status = effective_status(execution.status)
        has_ended = status is S.ABORTED or (status is S.UPLOADED and not pending)
        if not has_ended and rids is not None:
            message = f"{execution.rid} is {execution.status}: its files are needed"
            raise ConflictError(message, hint=execution.next_command)
        directory = session.workspace.execution_directory(execution.rid)
        if has_ended and directory.is_dir():
            unrecorded = tuple(str(path) for path in find_unrecorded(session, execution.rid))
            discards = pending + len(unrecorded)
            candidates.append(
                Candidate(execution.rid, execution.status, directory_size(directory), discards, unrecorded)
            )
    return candidates


def collect(session: WorkspaceSession, candidate: Candidate) -> int:
    """Remove the local files of an execution and return the number of bytes freed.

    Raises:
        IntegrityError: The catalog lacks something that was uploaded; nothing is removed.
        ConflictError: Files have appeared that the candidate does not name; nothing is removed.
    """
    if effective_status(candidate.status) is S.UPLOADED:
        return remove_local_files(session, candidate.rid, discard=candidate.unrecorded)
    with execution_lock(session.registry, candidate.rid):
        refuse_unrecorded(session, candidate.rid, candidate.unrecorded)
        directory = check_inside(session.workspace.root, session.workspace.execution_directory(candidate.rid))
        with disk_errors(directory):
            shutil.rmtree(directory)
        message = f"local files removed, {candidate.bytes} bytes, {candidate.discards} outputs discarded"
        journal.append(session.registry, "note", message, execution_rid=candidate.rid)
    return candidate.bytes
