"""The file of a module, found without importing user code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe


def module_file(name: str, search: Sequence[str] | None = None) -> Path:
    """The file that ``python -m NAME`` would run: the module, or a package's ``__main__`` (else its ``__init__``).

    Args:
        name: Dotted name.
        search: Directories to look in; the working directory, its ``src`` and ``sys.path`` when None.

    Raises:
        UsageError: ``name`` is not a dotted name.
        NotFoundError: There is no such module, or it has no source file.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        raise UsageError(f"'{safe(name)}' is not a module name", hint="Write it as in `package.module`.")
    path: Sequence[str] | None = search if search is not None else [str(Path.cwd()), str(Path.cwd() / "src"), *sys.path]
    spec: ModuleSpec | None = None
    for position in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: position + 1]), path) if path is not None else None
        if spec is None:
            raise NotFoundError(
                f"no module named '{safe(name)}'", hint="Run from the project's directory, or give the file's path."
            )
        path = spec.submodule_search_locations
    if spec is not None and path is not None:
        spec = PathFinder.find_spec(f"{name}.__main__", path) or spec
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    if origin is None or not origin.is_file():
        raise NotFoundError(f"the module '{safe(name)}' has no source file", hint="Give the path of a file.")
    return origin
