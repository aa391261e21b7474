"""What the commands of ``dml exec`` share: the group, the RID arguments, opening the workspace, reporting results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from dml.cli.app.framework import current, group
from dml.cli.app.shell_complete import complete_execution

if TYPE_CHECKING:
    from dml.execution.lifecycle import Transition
    from dml.upload.report import UploadReport
    from dml.workspace.session import WorkspaceSession

__all__ = ["Rid", "Rids", "announce", "app", "open_for_reading", "open_for_writing"]

app = group("exec", "Executions: create, start, stage, commit, show, list.")

Rid = Annotated[str, Argument(metavar="RID", help="The execution.", autocompletion=complete_execution)]
Rids = Annotated[
    list[str] | None, Argument(metavar="[RID]...", help="The executions.", autocompletion=complete_execution)
]


@contextmanager
def open_for_reading() -> Iterator[WorkspaceSession]:
    """Open the workspace read-only: nothing is created or changed."""
    from dml.workspace.session import WorkspaceSession

    invocation = current()
    with WorkspaceSession.reading(invocation.target, invocation.workspace) as session:
        yield session


@contextmanager
def open_for_writing(*, push: bool = True, exclude: str = "") -> Iterator[WorkspaceSession]:
    """Open the workspace and its catalog for writing; statuses left over from earlier commands are pushed at the end.

    Args:
        push: Push the statuses that earlier commands could not push.
        exclude: An execution whose status the command itself pushes.
    """
    from dml.workspace.session import WorkspaceSession

    invocation = current()
    settings = invocation.settings
    with WorkspaceSession.writing(
        invocation.target, invocation.workspace, on_wait=invocation.console.say, cache=settings.get("cache_dir")
    ) as session:
        yield session
        if push:
            push_others(session, exclude)


def push_others(session: WorkspaceSession, *exclude: str) -> None:
    """Push pending statuses and warn about those that cannot be pushed; the command does not fail for it.

    Args:
        session: An open workspace.
        exclude: Executions whose status the command itself pushed.
    """
    from dml.execution.sync import push_all

    for rid, problem in push_all(session, exclude=exclude):
        current().console.warn(f"{rid}: status not synced to the catalog: {problem.message}", hint="dml exec sync")


def warn_unsynced(report: UploadReport) -> int:
    """Warn about executions that are uploaded but whose status could not be synced to the catalog.

    Running the command again, or ``dml exec sync``, completes them.

    Returns:
        The exit code: that of the first error, 0 when there is none.
    """
    for rid, problem in report.unsynced.items():
        current().console.warn(
            f"{rid}: outputs uploaded, but status not synced to the catalog: {problem.message}",
            hint="dml exec sync",
        )
    return next((problem.exit_code for problem in report.unsynced.values()), 0)


def announce(command: str, result: Transition, text: str, **more: object) -> None:
    """Print the result of a status change, and warn when it could not be synced to the catalog."""
    console = current().console
    row = result.row
    payload = {
        "rid": row.rid,
        "status": row.status,
        "changed": result.changed,
        "sync_pending": row.sync_pending,
        "duration": row.duration,
        **more,
    }
    if result.sync_error is not None:
        console.warn(
            f"status not synced to the catalog: {result.sync_error.message}",
            hint="The next command that writes to it will sync it; or run `dml exec sync`.",
        )
    console.emit(f"exec.{command}", payload, lambda: console.print(text if result.changed else f"{text} nothing to do"))
