"""What the commands of ``dml exec`` share: the group, the argument RID, opening the workspace, saying what happened."""

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
    """The workspace for reading only: nothing is created or changed."""
    from dml.workspace.session import WorkspaceSession

    invocation = current()
    with WorkspaceSession.reading(invocation.target, invocation.workspace) as session:
        yield session


@contextmanager
def open_for_writing(*, push: bool = True, but: str = "") -> Iterator[WorkspaceSession]:
    """The workspace for working in it and with its catalog, on which earlier statuses are pushed at the end.

    Args:
        push: Tell the catalog the statuses that earlier commands could not tell it.
        but: An execution that the command itself takes care of.
    """
    from dml.workspace.session import WorkspaceSession

    invocation = current()
    settings = invocation.settings
    with WorkspaceSession.writing(
        invocation.target, invocation.workspace, on_wait=invocation.console.say, cache=settings.get("cache_dir")
    ) as session:
        yield session
        if push:
            push_others(session, but)


def push_others(session: WorkspaceSession, *but: str) -> None:
    """Push what waits; say what could not be pushed. A command that worked does not fail for it.

    Args:
        session: Where.
        but: Executions that the command itself took care of.
    """
    from dml.execution.sync import push_all

    for rid, problem in push_all(session, but=but):
        current().console.warn(f"{rid}: the catalog was not told its status: {problem.message}", hint="dml exec sync")


def warn_untold(report: UploadReport) -> int:
    """Say which executions are uploaded without the catalog having been told so; the exit code for it, 0 for none.

    The command did all but that, and running it again, or ``dml exec sync``, does it: worth trying again.
    """
    for rid, problem in report.untold.items():
        current().console.warn(
            f"{rid}: its outputs are in the catalog, which was not told that it is Uploaded: {problem.message}",
            hint="dml exec sync",
        )
    return next((problem.exit_code for problem in report.untold.values()), 0)


def announce(command: str, result: Transition, text: str, **more: object) -> None:
    """Print what a change of status came to, and warn when the catalog was not told."""
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
    if result.problem is not None:
        console.warn(
            f"the catalog was not told: {result.problem.message}",
            hint="It is told by the next command that writes there, or by `dml exec sync`.",
        )
    console.emit(f"exec.{command}", payload, lambda: console.print(text if result.changed else f"{text} nothing to do"))
