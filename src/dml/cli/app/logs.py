"""Logging of the library to a file in the state directory, or to the terminal with ``--debug``.

The file (``dml.log``) is created by the first warning, rotated at about a megabyte with one older file, and holds no
secrets. Errors in writing it are ignored: the log must never make a command fail.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from dml import directories

__all__ = ["configure", "log_path"]

LIMIT: Final = 1_000_000
FORMAT: Final = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def log_path() -> Path:
    """The log file, which exists after the first warning."""
    return directories.state_directory() / "dml.log"


def configure(*, debug: bool) -> None:
    """Configure logging of warnings (all records with ``--debug``); replaces an earlier configuration."""
    root = logging.getLogger()
    for handler in [existing for existing in root.handlers if isinstance(existing, (_File, _Screen))]:
        root.removeHandler(handler)
    chosen: logging.Handler = _Screen() if debug else _File(logging.WARNING)
    chosen.setFormatter(_Redacting(FORMAT))
    root.addHandler(chosen)
    logging.getLogger("dml").setLevel(logging.DEBUG if debug else logging.NOTSET)


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        from dml.workspace.redaction import redact  # compiles many expressions, which most commands never need

        return redact(super().format(record))


class _Screen(logging.Handler):
    """Write each record to the current standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(self.format(record) + "\n")


class _File(logging.Handler):
    """Appends each record with one write, so that several processes may share the file."""

    def emit(self, record: logging.LogRecord) -> None:
        path = log_path()
        with suppress(OSError, ValueError):
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.exists() and path.stat().st_size > LIMIT:
                path.replace(path.with_suffix(".log.1"))
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
