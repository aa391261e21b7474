"""``dml init``: write a small working project to start from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dml.errors import ConflictError, DmlError, UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from dml.target import Target

__all__ = ["NewProject", "create_project"]

_DIRECTORIES: Final = {"configs": "src/configs", "models": "src/models", "tests": "tests", "": "."}
_SUFFIX: Final = ".txt"


@dataclass(frozen=True)
class NewProject:
    """A new project.

    Attributes:
        root: Directory of the project.
        files: The files that were written, relative to the root.
        target: The catalog of the project.
        made_catalog: Whether the catalog was created for the project.
    """

    root: Path
    files: tuple[str, ...]
    target: Target
    made_catalog: bool


def create_project(root: Path, target: Target | None) -> NewProject:
    """Create a small working project. Writes the directory and, when no target is given, an embedded catalog.

    Args:
        root: Directory of the project, created if it does not exist. No file in it is replaced.
        target: The catalog; a new embedded one when None.

    Raises:
        ConflictError: A file of the project exists already; nothing was written.
        UsageError: The name of the directory is not usable as a project name.
        DmlError: The directory cannot be written.
    """
    name = re.sub(r"[^a-z0-9]+", "-", root.absolute().name.lower()).strip("-")
    if not name:
        raise UsageError(
            f"{safe(root)} is not usable as a project name", hint="Use a directory name with letters or digits."
        )
    texts = _starter_files()
    existing = [path for path in texts if (root / path).exists()]
    if existing:
        raise ConflictError(f"{safe(root / existing[0])} already exists", hint="Choose a directory without a project.")
    made_catalog = target is None
    target = target or _new_catalog(name)
    for path, text in texts.items():
        _write(root / path, text.replace("{name}", name).replace("{catalog}", str(target)))
    return NewProject(root.absolute(), tuple(sorted(texts)), target, made_catalog)


def _starter_files() -> dict[str, str]:
    """The texts of the starter project, by path in the new project."""
    starter = resources.files("dml.experiment") / "starter"
    texts: dict[str, str] = {}
    for folder, destination in _DIRECTORIES.items():
        directory: Traversable = starter / folder if folder else starter
        for file in directory.iterdir():
            if file.is_file() and file.name.endswith(_SUFFIX):
                name = file.name.removesuffix(_SUFFIX)
                name = ".gitignore" if name == "gitignore" else name
                texts[(Path(destination) / name).as_posix()] = file.read_text(encoding="utf-8")
    return texts


def _new_catalog(name: str) -> Target:
    from dml.catalog.administration import create_catalog
    from dml.catalog.connection import connect
    from dml.catalog.ml_schema import initialise
    from dml.target import EMBEDDED_HOST

    target = create_catalog(EMBEDDED_HOST)
    catalog = connect(target)
    initialise(catalog, project_name=name)
    catalog.close()
    return target


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DmlError(f"cannot write {safe(path)}: {error.strerror}") from error
