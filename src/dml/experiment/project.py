"""Find a user's project: its root, its configuration package, and the interpreter with its dependencies.

Nothing is imported, run or written.
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
_ROOT_FILES = ("pyproject.toml", ".git", "setup.py")


@dataclass(frozen=True)
class Project:
    """A project with a Hydra configuration.

    Attributes:
        root: Top directory of the project.
        config_directory: Directory of the package of configuration modules.
        interpreter: The Python interpreter that runs the project.
        uses_venv: Whether that interpreter belongs to the project's ``.venv``.
    """

    root: Path
    config_directory: Path
    interpreter: Path
    uses_venv: bool

    def relative(self, path: Path | str) -> str:
        """A path relative to the project's root; unchanged when it is outside."""
        try:
            return str(Path(path).resolve().relative_to(self.root.resolve()))
        except ValueError:
            return str(path)


def has_project(directory: Path | None = None) -> bool:
    """Whether a directory, or one above it, has a configuration package; the working directory when None."""
    return _find_root(directory or Path.cwd()) is not None


def find_project(
    config_directory: Path | None = None, *, interpreter: Path | None = None, directory: Path | None = None
) -> Project:
    """Find the project of a directory.

    Args:
        config_directory: The configuration package; ``src/configs`` in ``directory`` or above it when None.
        interpreter: The Python to use; that of the project's ``.venv``, or else the ``python`` of the PATH, when None.
        directory: Where the search starts; the working directory when None.

    Raises:
        NotFoundError: The package or the interpreter does not exist.
        UsageError: The name of the package is not a Python identifier.
    """
    start = (directory or Path.cwd()).absolute()
    if config_directory is not None:
        package = (start / config_directory).absolute()
        if not package.is_dir():
            raise NotFoundError(f"no directory {safe(config_directory)}", hint="Check the option --config-dir.")
        root = _root_of(package)
    else:
        above = _find_root(start)
        if above is None:
            raise NotFoundError(
                f"no {CONFIG_DIRECTORY} in {safe(start)} or above it",
                hint="Give the configuration package with --config-dir, or create a project with `dml init`.",
            )
        root, package = above, above / CONFIG_DIRECTORY
    if not package.name.isidentifier():
        raise UsageError(f"{safe(package.name)} is not a valid name of a Python package", hint="Rename the directory.")
    if interpreter is not None:
        path = (start / interpreter.expanduser()).absolute()
        if not os.access(path, os.X_OK):
            raise NotFoundError(f"no interpreter {safe(interpreter)}", hint="Check the option --python.")
        return Project(root, package, path, False)
    venv = project_interpreter(root)
    return Project(root, package, venv or _default_interpreter(), venv is not None)


def project_interpreter(root: Path) -> Path | None:
    """The interpreter of the project's ``.venv``; None when there is none."""
    for name in ("bin/python", "Scripts/python.exe"):
        path = root / ".venv" / name
        if os.access(path, os.X_OK):
            return path
    return None


def _default_interpreter() -> Path:
    return Path(shutil.which("python") or shutil.which("python3") or sys.executable)


def _find_root(start: Path) -> Path | None:
    return next((folder for folder in (start, *start.parents) if (folder / CONFIG_DIRECTORY).is_dir()), None)


def _root_of(package: Path) -> Path:
    roots = (folder for folder in package.parents if any((folder / name).exists() for name in _ROOT_FILES))
    return next(roots, package.parent)
