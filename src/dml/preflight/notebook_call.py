"""The arguments with which a notebook calls ``run_notebook()``, read from its cells without running them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dml.experiment.notebook_run import DEFAULT_WORKFLOW_TYPE

__all__ = ["find_notebook", "workflow_types_of"]

_FUNCTION: Final = "run_notebook"
_POSITION: Final = 3
"""Index of ``workflow_type`` among the positional arguments."""


def find_notebook(root: Path, name: str) -> Path | None:
    """The notebook with this name, in ``notebooks`` at any depth or in the root; None when there is none."""
    candidates = [*sorted((root / "notebooks").glob(f"**/{name}.ipynb")), root / f"{name}.ipynb"]
    return next((path for path in candidates if path.is_file()), None)


def workflow_types_of(notebook: Path) -> tuple[str, ...] | None:
    """The workflow types in a notebook's call of ``run_notebook``; the default when it gives none.

    None when they cannot be read: the file is not a notebook, does not call ``run_notebook``, or computes the types.
    """
    for cell in _cells(notebook):
        for node in ast.walk(cell):
            if isinstance(node, ast.Call) and _function_name(node.func) == _FUNCTION:
                return _types(node)
    return None


def _cells(notebook: Path) -> Iterator[ast.Module]:
    """The code cells that are plain Python, without the lines that are IPython commands."""
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


def _function_name(function: ast.expr) -> str:
    return str(getattr(function, "id", None) or getattr(function, "attr", ""))


def _types(call: ast.Call) -> tuple[str, ...] | None:
    if any(keyword.arg is None for keyword in call.keywords) or any(isinstance(arg, ast.Starred) for arg in call.args):
        return None  # ``*args`` or ``**kwargs`` may contain the types
    argument = next((keyword.value for keyword in call.keywords if keyword.arg == "workflow_type"), None)
    if argument is None and len(call.args) > _POSITION:
        argument = call.args[_POSITION]
    if argument is None:
        return (DEFAULT_WORKFLOW_TYPE,)
    try:
        value: Any = ast.literal_eval(argument)
    except ValueError:
        return None
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else None
