"""Error messages of failed commands, and the crash log of an unexpected exception.

A ``DmlError`` is shown as ``error:`` and ``hint:`` on standard error, or as one ``dml.error/1`` document on standard
output with ``--json``. Any other exception is a defect of dml: its traceback (without local variables, secrets
redacted) is written to ``crashes/`` in the state directory and its path shown.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dml import directories
from dml._version import __version__
from dml.cli.app.output import Console, document, write_line
from dml.errors import DmlError, RetryableError
from dml.formatting import abbreviate_home

if TYPE_CHECKING:
    from dml.cli.app.supported_versions import Mismatch

__all__ = ["report"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


def report(error: Exception, *, json: bool, debug: bool) -> int:
    """Show ``error`` to the user.

    Returns:
        The exit code.
    """
    ours, crash_log = _ours(error)
    if json:
        details = {
            "type": type(ours if crash_log is None else error).__name__,
            "message": ours.message,
            "hint": ours.hint,
            "exit": ours.exit_code,
            **_context(ours),
            **({"log": crash_log} if crash_log else {}),
        }
        write_line(document("error", {"record": "error", "error": details}))
        with suppress(BrokenPipeError):
            sys.stdout.flush()
    else:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            Console().fail(ours.message, hint=ours.hint)
    if debug:
        sys.stderr.write(_traceback(error))
    return ours.exit_code


def _context(error: DmlError) -> dict[str, object]:
    """The further attributes of an error (RIDs, reports) that can be written as JSON."""
    kept = {name: value for name, value in vars(error).items() if name not in ("message", "hint") and name[:1] != "_"}
    return {name: value for name, value in kept.items() if isinstance(value, (str, int, float, bool, list, dict))}


def _ours(error: Exception) -> tuple[DmlError, str | None]:
    """The error as a ``DmlError``, and the path of the crash log when it was unexpected."""
    if isinstance(error, DmlError):
        return error, None
    from typer import Abort, TyperException

    if isinstance(error, TyperException):
        from dml.cli.app.usage_errors import translate

        return translate(error), None
    if isinstance(error, Abort):
        return DmlError("given up; nothing was done"), None
    if isinstance(error, RecursionError | MemoryError):
        return DmlError(f"out of memory or nested too deeply: {type(error).__name__}"), _crash_log(error)
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f" at {error.filename}" if error.filename else ""
        return RetryableError(f"no space left{where}", hint="Free some space, then run the same command again."), None
    if isinstance(error, PermissionError) and error.filename is not None:
        return DmlError(f"not permitted: {error.filename}", hint="Check who owns it; see `dml doctor`."), None
    path = _crash_log(error)
    summary = " ".join(str(error).split())[:200]
    cause = f"{type(error).__name__}{': ' + summary if summary else ''}"
    details = f"The details are in {abbreviate_home(Path(path))}." if path else "The details could not be kept."
    if mismatch := _mismatch():
        message = f"{mismatch.library} is installed, and dml has not been tried with it: {cause}"
        return DmlError(_redact(message), hint=f"{mismatch.hint}\n{details}"), path
    message = f"a defect of dml: {cause}"
    return DmlError(_redact(message), hint=f"{details} `--debug` shows them here; please report it."), path


def _mismatch() -> Mismatch | None:
    from dml.cli.app.supported_versions import find_mismatch

    with suppress(Exception):  # the installed packages may be what is broken
        return find_mismatch()
    return None


def _crash_log(error: Exception) -> str | None:
    """Write the traceback to a new file and return its path, or None when that fails."""
    now = datetime.now(UTC)
    path = directories.state_directory() / "crashes" / f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}.txt"
    text = f"dml {__version__}, Python {platform.python_version()}, {platform.platform()}, {now:%Y-%m-%dT%H:%M:%SZ}\n"
    text += _redact(" ".join(["dml", *sys.argv[1:]])) + "\n\n" + _traceback(error)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return None
    return str(path)


def _traceback(error: Exception) -> str:
    return _redact("".join(traceback.format_exception(error)))


def _redact(text: str) -> str:
    from dml.workspace.redaction import redact

    return redact(text)
