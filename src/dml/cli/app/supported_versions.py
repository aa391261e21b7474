"""The versions of libraries that dml works with, and what is said about any other.

``typer_internals`` overrides methods of Typer, which another minor version may call differently or not at all. A
command that misread its options could do harm, so it does not start.
"""

from __future__ import annotations

import shlex
import sys
from typing import Final, NamedTuple

from dml.errors import DmlError

__all__ = ["DISTRIBUTION", "TYPER", "Mismatch", "find_mismatch", "refuse_unsupported_typer"]

DISTRIBUTION: Final = "deriva-dml"
"""The name under which dml is installed."""

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
        raise DmlError(fault, hint=_install(f"typer>={low},<{high}"))


class Mismatch(NamedTuple):
    """An installed library of another version than dml requires.

    Attributes:
        library: Name and version, as in ``textual 9.0.0``.
        hint: The command that installs another version.
    """

    library: str
    hint: str


def find_mismatch() -> Mismatch | None:
    """The first of dml's requirements that the installed libraries do not meet; None when they meet all."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        return None  # run from its source, without being installed
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            specifier = ",".join(sorted(map(str, requirement.specifier), reverse=True))
            return Mismatch(f"{requirement.name} {installed}", _install(f"{requirement.name}{specifier}"))
    return None


def _install(requirement: str) -> str:
    return f"Install another one: {shlex.quote(sys.executable)} -m pip install '{requirement}'"


def _minor(version: str) -> tuple[int, ...]:
    """``(0, 29)`` for ``0.29.2``; empty, which is below any other, for what is not a version."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
