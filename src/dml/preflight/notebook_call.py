"""What a notebook asks of ``run_notebook()``, read from its cells without running them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dml.experiment.notebook_run import DEFAULT_WORKFLOW_TYPE

__all__ = ["notebook_named", "workflow_types_of"]

_FUNCTION: Final = "run_notebook"
_POSITION: Final = 3
"""Where ``workflow_type`` stands among the arguments."""


def notebook_named(root: Path, name: str) -> Path | None:
    """The notebook of a project whose configuration has this name: below ``notebooks``, or beside it."""
    candidates = [*sorted((root / "notebooks").glob(f"**/{name}.ipynb")), root / f"{name}.ipynb"]
    return next((path for path in candidates if path.is_file()), None)


def workflow_types_of(notebook: Path) -> tuple[str, ...] | None:
    """The types that a notebook gives its workflow, the default when it gives none.

    None when that cannot be read: the file is no notebook, calls ``run_notebook`` nowhere, or computes the types.
    """
    for cell in _cells(notebook):
        for node in ast.walk(cell):
            if isinstance(node, ast.Call) and _name(node.func) == _FUNCTION:
                return _types(node)
    return None


def _cells(notebook: Path) -> Iterator[ast.Module]:
    """The code cells that are plain Python; lines of IPython's own are left out."""
    try:
        document = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [cell["source"] for cell in document["cells"] if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for source in cells:
        text = source if isinstance(source, str) else "".join(map(str, source))
        lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines()]
        try:
            yield ast.parse("\n".join(lines))
        except (SyntaxError, ValueError):
            continue


def _name(function: ast.expr) -> str:
    return str(getattr(function, "id", None) or getattr(function, "attr", ""))


def _types(call: ast.Call) -> tuple[str, ...] | None:
    if any(one.arg is None for one in call.keywords) or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    given = next((one.value for one in call.keywords if one.arg == "workflow_type"), None)
    if given is None and len(call.args) > _POSITION:
        given = call.args[_POSITION]
    if given is None:
        return (DEFAULT_WORKFLOW_TYPE,)
    try:
        value: Any = ast.literal_eval(given)
    except ValueError:
        return None
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else None
