"""What happens when a part of the dashboard fails: it is recorded and said, and the rest goes on.

A defect in a part must not end a screen that someone leaves open all day. The traceback goes to ``crashes/`` in the
state directory, secrets taken out, never with local variables.
"""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from dml import directories
from dml._version import __version__
from dml.safe_text import safe
from dml.workspace.redaction import redact


def record_crash(error: BaseException, part: str) -> Path | None:
    """Write the traceback of a defect to a separate file; None when even that is impossible."""
    now = datetime.now(UTC)
    path = directories.state_directory() / "crashes" / f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}-tui.txt"
    text = f"dml {__version__}, dashboard, {part}\n\n{''.join(traceback.format_exception(error))}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(redact(text))
    except OSError:
        return None
    return path


def crash_message(error: BaseException, part: str, log: Path | None) -> str:
    """What is said of it."""
    what = f"{type(error).__name__}: {safe(error, limit=120)}" if str(error) else type(error).__name__
    place = f" The details are in {log}." if log is not None else ""
    return f"A defect of dml in {part}: {what}.{place} The rest goes on."
