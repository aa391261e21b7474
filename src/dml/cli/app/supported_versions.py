"""The versions of Typer that dml works with, and what is said about any other.

``typer_internals`` overrides methods of Typer, which another minor version may call differently or not at all. A
command that misread its options could do harm, so it does not start.
"""

from __future__ import annotations

import shlex
import sys
from typing import Final

from dml.errors import DmlError

__all__ = ["TYPER", "refuse_unsupported_typer"]

TYPER: Final = ("0.28", "0.30")
"""The first version supported, and the first one above it that is not; the same range as in ``pyproject.toml``."""


def refuse_unsupported_typer() -> None:
    """Check the installed Typer.

    Raises:
        DmlError: It is missing or outside the range; the hint is the command that installs another.
    """
    try:
        from typer import __version__ as installed
    except ImportError:
        installed = ""
    low, high = TYPER
    if not (_minor(low) <= _minor(installed) < _minor(high)):
        fault = f"Typer {installed} is installed, and dml does not work with it" if installed else "Typer is missing"
        command = f"{shlex.quote(sys.executable)} -m pip install 'typer>={low},<{high}'"
        raise DmlError(fault, hint=f"Install another one: {command}")


def _minor(version: str) -> tuple[int, ...]:
    """``(0, 29)`` for ``0.29.2``; empty, which is below any other, for what is not a version."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
