"""Where a user's project is: its root, its configuration package, and the interpreter that has its dependencies.

Only looks; nothing is imported, run or written.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe

__all__ = ["Project", "find_project", "has_project"]

CONFIG_DIRECTORY = Path("src/configs")
_MARKS = ("pyproject.toml", ".git", "setup.py")


@dataclass(frozen=True)
class Project:
    """A project with Hydra configurations.

    Attributes:
        root: Its top directory.
        config_directory: The package of its configuration modules.
        interpreter: The Python that runs it.
        is_own: Whether the interpreter is of the project's own ``.venv``.
    """

    root: Path
    config_directory: Path
    interpreter: Path
    is_own: bool

    def shown(self, path: Path | str) -> str:
        """A path as people of the project write it: relative to its root."""
        try:
            return str(Path(path).resolve().relative_to(self.root.resolve()))
        except ValueError:
            return str(path)


def has_project(directory: Path | None = None) -> bool:
    """Whether there is a configuration package here or above."""
    return _above(directory or Path.cwd()) is not None


def find_project(
    config_directory: Path | None = None, *, interpreter: Path | None = None, directory: Path | None = None
) -> Project:
    """Find the project of a directory.

    Args:
        config_directory: The configuration package; ``src/configs`` here or in a directory above when None.
        interpreter: The Python to use; the project's ``.venv``, else ``python`` of the PATH, when None.
        directory: Where to begin; the working directory when None.

    Raises:
        NotFoundError: There is no such package or interpreter.
        UsageError: The package's name is no Python identifier.
    """
    start = (directory or Path.cwd()).absolute()
    if config_directory is not None:
        package = (start / config_directory).absolute()
        if not package.is_dir():
            raise NotFoundError(f"There is no directory {safe(config_directory)}", hint="Name it with --config-dir.")
        root = _root_above(package)
    else:
        found = _above(start)
        if found is None:
            raise NotFoundError(
                f"No {CONFIG_DIRECTORY} in {safe(start)} or above",
                hint="Name the configurations with --config-dir, or make a project with `dml init`.",
            )
        root, package = found, found / CONFIG_DIRECTORY
    if not package.name.isidentifier():
        raise UsageError(f"{safe(package.name)} cannot be the name of a Python package", hint="Rename the directory.")
    if interpreter is not None:
        chosen = (start / interpreter.expanduser()).absolute()
        if not os.access(chosen, os.X_OK):
            raise NotFoundError(f"There is no interpreter {safe(interpreter)}", hint="Name a Python with --python.")
        return Project(root, package, chosen, False)
    own = own_interpreter(root)
    return Project(root, package, own or _usual_interpreter(), own is not None)


def own_interpreter(root: Path) -> Path | None:
    """The Python of the project's ``.venv``; None when there is none."""
    for name in ("bin/python", "Scripts/python.exe"):
        path = root / ".venv" / name
        if os.access(path, os.X_OK):
            return path
    return None


def _usual_interpreter() -> Path:
    return Path(shutil.which("python") or shutil.which("python3") or sys.executable)


def _above(start: Path) -> Path | None:
    return next((folder for folder in (start, *start.parents) if (folder / CONFIG_DIRECTORY).is_dir()), None)


def _root_above(package: Path) -> Path:
    marked = (folder for folder in package.parents if any((folder / mark).exists() for mark in _MARKS))
    return next(marked, package.parent)
