"""Find where the function that a configuration calls is defined, without running anything.

``compose_worker`` loads this file by its path in the project's interpreter, Python 3.10 or newer, so it imports nothing
of dml.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["describe_function"]


def describe_function(config: dict[str, Any]) -> dict[str, Any] | None:
    """The function that a configuration calls, with its file, line and parameters; None when it names none."""
    for key in ("script_config", "model_config"):
        node = config.get(key)
        if isinstance(node, dict):
            target = node.get("_zen_target") or node.get("_target_")
            if isinstance(target, str):
                return {"key": key, "target": target, **_locate(target)}
    return None


def _locate(target: str) -> dict[str, Any]:
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name, rest = ".".join(parts[:length]), parts[length:]
        module = sys.modules.get(name)
        if module is not None:
            return _locate_in_module(module, rest)
        try:
            spec = importlib.util.find_spec(name)
        except BaseException:
            spec = None
        if spec is not None and spec.origin and spec.has_location:
            definition = _definition(spec.origin, rest)
            return {"file": os.path.realpath(spec.origin), **definition} if definition["line"] else {"file": None}
    return {"file": None}


def _locate_in_module(module: Any, names: list[str]) -> dict[str, Any]:
    """The definition of an object of an imported module, which may be in another module."""
    value = module
    for name in names:
        value = getattr(value, name, None)
    if value is None:
        return {"file": None}
    # Look inside partials and decorators.
    while not hasattr(value, "__code__") and (hasattr(value, "func") or hasattr(value, "__wrapped__")):
        value = getattr(value, "func", None) or value.__wrapped__
    defining_module = sys.modules.get(getattr(value, "__module__", "") or "", module)
    file = getattr(getattr(value, "__code__", None), "co_filename", None) or getattr(defining_module, "__file__", None)
    if not file:
        return {"file": None}
    return {"file": os.path.realpath(file), **_definition(file, getattr(value, "__qualname__", names[-1]).split("."))}


def _definition(file: str, names: list[str]) -> dict[str, Any]:
    """The line and the parameters of a function or class in a file, read from the syntax tree."""
    try:
        body: Any = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return {"line": None, "parameters": None}
    node: Any = None
    for name in names:
        node = next((statement for statement in body if getattr(statement, "name", None) == name), None)
        if node is None:
            return {"line": None, "parameters": None}
        body = getattr(node, "body", [])
    if isinstance(node, ast.ClassDef):
        methods = ("__call__", "__init__")
        node = next((statement for statement in node.body if getattr(statement, "name", None) in methods), node)
    arguments = getattr(node, "args", None)
    if arguments is None:
        return {"line": getattr(node, "lineno", None), "parameters": None}
    parameters = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return {"line": node.lineno, "parameters": parameters, "any_keyword": arguments.kwarg is not None}
