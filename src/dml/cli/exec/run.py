"""``dml exec run``: run any program as an execution, from creation to upload."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

from typer import Argument, Exit, Option

from dml.cli.app.framework import command, current
from dml.cli.exec._common import app, open_for_writing, warn_unsynced
from dml.cli.exec._options import (
    AllowDirty,
    Assets,
    Datasets,
    Description,
    Script,
    WorkflowChecksum,
    WorkflowName,
    WorkflowRid,
    WorkflowTypes,
    WorkflowUrl,
)
from dml.cli.exec.lifecycle import configuration_from, named_workflow


@command(
    app,
    "run",
    examples=[
        (
            "dml exec run --workflow-name Train --workflow-type Training --script train.py -- python train.py",
            "Run a program with its inputs, keep its output as a log and upload what it writes to $DML_OUTPUTS/TABLE/.",
        )
    ],
)
def run(
    program: Annotated[list[str], Argument(metavar="-- COMMAND [ARG]...", help="The program and its arguments.")],
    script: Script = None,
    workflow_name: WorkflowName = None,
    workflow_type: WorkflowTypes = None,
    workflow: WorkflowRid = None,
    workflow_url: WorkflowUrl = None,
    workflow_checksum: WorkflowChecksum = None,
    description: Description = "",
    dataset: Datasets = None,
    asset: Assets = None,
    allow_dirty: AllowDirty = False,
    no_commit: Annotated[
        bool, Option("--no-commit", help="Leave the outputs staged instead of committing them.")
    ] = False,
) -> None:
    """Run a program as an execution: download its inputs, log its output and upload the files that it writes."""
    from dataclasses import replace

    from dml.cli.app.progress import showing
    from dml.execution.commit import CommitOptions, commit
    from dml.execution.creation import create
    from dml.execution.lifecycle import begin, report_progress
    from dml.execution.run_program import run_command
    from dml.workspace.executions import get_execution

    invocation = current()
    settings, console = invocation.settings, invocation.console
    named = named_workflow(
        script=script,
        name=workflow_name,
        types=workflow_type,
        rid=workflow,
        url=workflow_url,
        checksum=workflow_checksum,
        allow_dirty=allow_dirty,
    )
    configuration = replace(configuration_from(None, named, description, dataset, asset), argv=list(program))
    report, problem = None, None
    with open_for_writing() as session:
        rid = create(session, configuration).rid
        console.say(f"{rid} Created")
        with showing(settings.get("progress"), console) as progress:
            begin(session, rid, progress=progress, jobs=settings.get("jobs"))
        child_exit = run_command(session, rid, program, _echo(json=invocation.json))
        if not no_commit:
            from dml.errors import DmlError

            options = CommitOptions(settings.get("jobs"), settings.get("chunk_size"))
            try:
                with showing(settings.get("progress"), console) as progress:
                    report = commit(session, rid, options, progress=progress)
            except DmlError as error:
                problem = error
            else:
                if child_exit != 0:
                    # The status Uploaded only covers the files, so the failure of the program is recorded as well.
                    report_progress(session, rid, f"the command exited with code {child_exit}")
        status = get_execution(session.registry, rid).status
    payload = {
        "rid": rid,
        "status": status,
        "exit_code": child_exit,
        "commit": report.to_mapping() if report is not None else None,
        "error": problem.message if problem is not None else None,
    }
    text = f"{rid} {status}: the command exited with code {child_exit}"
    console.emit("exec.run", payload, lambda: console.print(text))
    if problem is not None:
        console.warn(problem.message, hint=problem.hint or f"dml exec commit {rid}")
    unsynced = warn_unsynced(report) if report is not None else 0
    if child_exit != 0 or problem is not None or unsynced:
        raise Exit(1)


def _echo(*, json: bool) -> Callable[[bytes], None]:
    """A function that shows the program's output, on standard error when standard output holds JSON."""
    stream = sys.stderr if json else sys.stdout

    def write(block: bytes) -> None:
        stream.write(block.decode(errors="replace"))
        stream.flush()

    return write
