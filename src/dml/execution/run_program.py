"""Running any program as an execution: inputs given, output kept as a log, what it wrote staged, its exit code
recorded.

The program finds its inputs under ``DML_INPUTS`` (``Table/RID/filename``), and whatever it leaves under
``DML_OUTPUTS`` as ``Table/path`` becomes an output of that table, ``path`` turned into one name as ``staging.tree``
says.
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

from dml.asset.placement import Method
from dml.asset.tables import asset_table
from dml.catalog import required_terms
from dml.errors import DmlError, NotFoundError, UsageError
from dml.execution import lifecycle
from dml.execution.environment import redact_arguments
from dml.execution.metadata import EXECUTION_METADATA, ML_SCHEMA
from dml.execution.program_output import ProgramOutput
from dml.execution.staging import Staging, stage, tree
from dml.execution.status import ExecutionStatus, effective_status
from dml.safe_text import safe
from dml.workspace import executions, journal
from dml.workspace.files import make_directory
from dml.workspace.liveness import Heartbeat

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

LOG_NAME = "run.log"
"""Name of the asset that keeps what the program printed."""

_GRACE = 30.0
"""Seconds that a program gets to end after a signal was passed on to it."""


def run_command(session: WorkspaceSession, rid: str, command: Sequence[str], echo: Callable[[bytes], object]) -> int:
    """Run a program as a Created execution and stage what it leaves behind; the execution ends Stopped or Failed.

    Inputs have been fetched. A signal that ends this process is passed on to the program, and the execution is Failed
    with everything staged that the program had written.

    Args:
        session: Where.
        rid: The execution.
        command: The program and its arguments.
        echo: Given the program's output as it comes.

    Returns:
        The program's exit code; 128 + N when signal N ended it.

    Raises:
        NotFoundError: There is no such program; the execution is Failed.
        DmlError: What it wrote cannot be staged; the execution is Failed, the files stay where they are.
    """
    outputs = session.workspace.execution_directory(rid) / "outputs"
    make_directory(session.workspace.root, outputs)
    log = session.workspace.execution_directory(rid) / LOG_NAME
    lifecycle.start(session, rid)
    shown = shlex.join(redact_arguments(command))
    journal.append(session.registry, "note", f"running {shown}", execution_rid=rid)
    with Heartbeat(session.registry, rid, command=shown):
        try:
            code = _run(session, rid, command, outputs, log, echo)
            _stage_outputs(session, rid, outputs, log)
        except BaseException as error:
            _fail(session, rid, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
            with contextlib.suppress(DmlError):
                _stage_outputs(session, rid, outputs, log)
            raise
        if code == 0:
            lifecycle.stop(session, rid)
        else:
            lifecycle.fail(session, rid, f"the command ended with exit code {code}")
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
        _pass_on(child, error)
        raise
    finally:
        output.finish()
        _tell_of(session, rid, output)
    return code if code >= 0 else 128 - code


def _tell_of(session: WorkspaceSession, rid: str, output: ProgramOutput) -> None:
    """Keep in the journal what is not as one expects."""
    said = []
    if output.left_open:
        said.append("the command left processes behind; what they printed after its end is not in the log")
    if output.failure is not None:
        said.append(f"{LOG_NAME} is not whole: {output.failure.strerror or output.failure}")
    with contextlib.suppress(DmlError):
        for text in said:
            journal.append(session.registry, "note", text, execution_rid=rid)


def _pass_on(child: subprocess.Popen[bytes], error: BaseException) -> None:
    """Give the program the signal that ended us, and after a while no choice."""
    number = getattr(error, "number", signal.SIGINT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
    try:
        child.wait(_GRACE)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _stage_outputs(session: WorkspaceSession, rid: str, outputs: Path, log: Path) -> None:
    tables = session.catalog.schema().tables.values()
    for folder in sorted(path for path in outputs.iterdir() if path.is_dir()):
        table = asset_table(tables, folder.name)
        types = required_terms.available(session.catalog, required_terms.ASSET_TYPE, [table.name])
        files = [Staging(path, name, types, method=Method.MOVE) for path, name in tree(folder)]
        if files:
            stage(session, rid, table, files)
    stray = sorted(path.name for path in outputs.iterdir() if path.is_file())
    if stray:
        raise UsageError(
            f"{safe(stray[0])} lies directly in the outputs directory, so its table is not known",
            hint=f"Write it as TABLE/{safe(stray[0])}; stage it by hand with `dml exec stage {rid}`.",
        )
    if log.is_file() and log.stat().st_size:
        table = session.catalog.schema().table(f"{ML_SCHEMA}:{EXECUTION_METADATA}")
        stage(
            session,
            rid,
            table,
            [Staging(log, LOG_NAME, (), description="What the command printed", method=Method.MOVE)],
        )


def _fail(session: WorkspaceSession, rid: str, message: str) -> None:
    """Mark it Failed, if it still runs; when that cannot be written either, the error that led here is the one to
    tell."""
    with contextlib.suppress(DmlError):
        row = executions.get_execution(session.registry, rid)
        if effective_status(row.status) is ExecutionStatus.RUNNING:
            lifecycle.fail(session, rid, message)
