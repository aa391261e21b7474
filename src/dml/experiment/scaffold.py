"""``dml init``: a small project that works, to begin from."""

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

__all__ = ["Started", "start_project"]

_PLACES: Final = {"configs": "src/configs", "models": "src/models", "tests": "tests", "": "."}
_SUFFIX: Final = ".txt"


@dataclass(frozen=True)
class Started:
    """A new project.

    Attributes:
        root: Its directory.
        files: What was written, relative to it.
        target: The catalog that it runs on.
        made_catalog: Whether the catalog was made for it.
    """

    root: Path
    files: tuple[str, ...]
    target: Target
    made_catalog: bool


def start_project(root: Path, target: Target | None) -> Started:
    """Write a small working project. Writes the directory, and an embedded catalog when none is given.

    Args:
        root: The project's directory; made when it is not there. No file in it is replaced.
        target: The catalog; a new embedded one when None.

    Raises:
        ConflictError: A file of the project is there already; nothing was written.
        UsageError: The directory's name cannot be a project's.
        DmlError: The directory cannot be written.
    """
    name = re.sub(r"[^a-z0-9]+", "-", root.absolute().name.lower()).strip("-")
    if not name:
        raise UsageError(f"{safe(root)} cannot be a project's name", hint="Name a directory with letters.")
    texts = _texts()
    there = [path for path in texts if (root / path).exists()]
    if there:
        raise ConflictError(f"{safe(root / there[0])} is there already", hint="Name a directory without a project.")
    made = target is None
    chosen = target or _new_catalog(name)
    for path, text in texts.items():
        _write(root / path, text.replace("{name}", name).replace("{catalog}", str(chosen)))
    return Started(root.absolute(), tuple(sorted(texts)), chosen, made)


def _texts() -> dict[str, str]:
    """The files of the starter, by their place in the project."""
    top = resources.files("dml.experiment") / "starter"
    found: dict[str, str] = {}
    for folder, place in _PLACES.items():
        directory: Traversable = top / folder if folder else top
        for one in directory.iterdir():
            if one.is_file() and one.name.endswith(_SUFFIX):
                name = one.name.removesuffix(_SUFFIX)
                name = ".gitignore" if name == "gitignore" else name
                found[(Path(place) / name).as_posix()] = one.read_text(encoding="utf-8")
    return found


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
        raise DmlError(f"{safe(path)} cannot be written: {error.strerror}") from error
