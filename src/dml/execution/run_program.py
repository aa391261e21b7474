"""Running any program as an execution: its output is kept as a log, its files are staged, its exit code is recorded.

The program finds its inputs below ``DML_INPUTS`` (``Table/RID/filename``). What it leaves below ``DML_OUTPUTS`` as
``Table/path`` becomes an output of that table; the path is turned into one file name as by ``staging.walk_tree``. A
file directly in ``DML_OUTPUTS`` goes to ``Execution_Asset``, a metrics file to ``Execution_Metadata``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import DmlError, NotFoundError, UsageError
from dml.execution import lifecycle
from dml.execution.environment import redact_arguments
from dml.execution.program_output import ProgramOutput
from dml.execution.recover_outputs import Recovery, describe_left, stage_unrecorded
from dml.execution.status import ExecutionStatus, effective_status
from dml.execution.unrecorded import LOG_NAME, OUTPUTS
from dml.safe_text import safe
from dml.workspace import executions, journal
from dml.workspace.files import make_directory
from dml.workspace.liveness import Heartbeat

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

_GRACE = 30.0
"""Seconds that a program gets to end after a signal was forwarded to it."""


def run_command(session: WorkspaceSession, rid: str, command: Sequence[str], echo: Callable[[bytes], object]) -> int:
    """Run a program as a Running execution and stage its outputs; the execution ends Stopped or Failed.

    A signal that ends this process is forwarded to the program; the execution is then Failed, with everything staged
    that the program had written. Writes workspace, registry and catalog.

    Args:
        session: The workspace and its catalog.
        rid: The execution, started by ``lifecycle.begin``.
        command: The program and its arguments.
        echo: Receives the program's output as it is written.

    Returns:
        The program's exit code; 128 + N when signal N ended it.

    Raises:
        NotFoundError: There is no such program; the execution is Failed.
        DmlError: What it wrote cannot be staged at all; the execution is Failed, and the files stay where they are. A
            single file that cannot be staged keeps no other from it.
    """
    directory = session.workspace.execution_directory(rid)
    outputs, log = directory / OUTPUTS, directory / LOG_NAME
    shown = shlex.join(redact_arguments(command))
    with Heartbeat(session.registry, rid, command=shown):
        try:
            journal.append(session.registry, "note", f"running {shown}", execution_rid=rid)
            make_directory(session.workspace.root, outputs)
            code = _run(session, rid, command, outputs, log, echo)
            left = _stage_outputs(session, rid).left
        except BaseException as error:
            _fail(session, rid, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
            with contextlib.suppress(DmlError):
                _stage_outputs(session, rid)
            raise
        if code != 0:
            lifecycle.fail(session, rid, f"the command ended with exit code {code}")
        elif left:
            lifecycle.fail(session, rid, describe_left(left))
        else:
            lifecycle.stop(session, rid)
    return code


def _run(
    session: WorkspaceSession,
    rid: str,
    command: Sequence[str],
    outputs: Path,
    log: Path,
    echo: Callable[[bytes], object],
) -> int:
    environment = {
        **os.environ,
        "DML_EXECUTION_RID": rid,
        "DML_INPUTS": str(session.workspace.execution_directory(rid) / "downloaded-assets"),
        "DML_OUTPUTS": str(outputs),
        "DML_HOST": session.target.host,
        "DML_CATALOG": session.target.catalog_id,
        "DML_WORKSPACE": str(session.workspace.root),
    }
    try:
        child = subprocess.Popen(
            list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no program {safe(command[0])}") from error
    except OSError as error:
        raise UsageError(f"{safe(command[0])} cannot be run: {error.strerror}") from error
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    output = ProgramOutput(child.stdout, log, echo)
    try:
        code = child.wait()
    except BaseException as error:
        _end_program(child, error)
        raise
    finally:
        output.finish()
        _record_incomplete_output(session, rid, output)
    return code if code >= 0 else 128 - code


def _record_incomplete_output(session: WorkspaceSession, rid: str, output: ProgramOutput) -> None:
    """Record in the journal why the log is incomplete, if it is."""
    notes = []
    if output.left_open:
        notes.append("the command left processes behind; what they printed after it ended is not in the log")
    if output.failure is not None:
        notes.append(f"{LOG_NAME} is incomplete: {output.failure.strerror or output.failure}")
    with contextlib.suppress(DmlError):
        for note in notes:
            journal.append(session.registry, "note", note, execution_rid=rid)


def _end_program(child: subprocess.Popen[bytes], error: BaseException) -> None:
    """Forward the signal that ends this process to the program, and kill the program after ``_GRACE`` seconds."""
    number = getattr(error, "number", signal.SIGINT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
    try:
        child.wait(_GRACE)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _stage_outputs(session: WorkspaceSession, rid: str) -> Recovery:
    """Stage what the program wrote and printed; what cannot be staged is recorded in the journal."""
    recovery = stage_unrecorded(session, rid)
    for path, reason in recovery.left.items():
        journal.append(session.registry, "error", f"{path} cannot be staged: {reason}", execution_rid=rid)
    return recovery


def _fail(session: WorkspaceSession, rid: str, message: str) -> None:
    """Mark the execution Failed, if it is still Running.

    When even that cannot be written, the error that led here is the one that the user needs.
    """
    with contextlib.suppress(DmlError):
        row = executions.get_execution(session.registry, rid)
        if effective_status(row.status) is ExecutionStatus.RUNNING:
            lifecycle.fail(session, rid, message)
