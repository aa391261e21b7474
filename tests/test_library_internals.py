"""Private names of another library are used in one module, which says on what versions it was tried."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
SOURCE = TOP / "src" / "dml"
GATHERED = {
    "cli/app/typer_internals.py": "typer",
    "catalog/bindings.py": "deriva",
    "tui/textual_internals.py": "textual",
    "experiment/hydra_internals.py": "hydra-core",
}
"""The modules that may use private names, and the library that each is for."""

PRIVATE = {
    "deriva": {"_get_new_session", "_close_session"},
    "requests": {"_content_consumed", "_content"},
    "hydra": {"_return_value"},
    "textual": {"_handle_exception", "_dispatch_message"},
    "typer": {"_protected_args"},
}
"""Private attributes and methods that dml uses or has used."""


def modules() -> list[str]:
    return sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))


def private_imports(text: str) -> set[str]:
    """The packages other than dml of which a private module or name is imported."""
    packages = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        packages |= {
            name.partition(".")[0]
            for name in names
            if any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
        }
    return packages - {"dml", "_typeshed"}  # types of the standard library, which type checkers alone read


def private_attributes(text: str) -> set[str]:
    """The libraries whose private attributes of ``PRIVATE`` are used or overridden."""
    used = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    used |= {
        node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return {library for library, names in PRIVATE.items() if names & used}


@pytest.mark.parametrize("module", modules())
def test_private_names_are_used_in_the_module_of_their_library(module: str) -> None:
    text = (SOURCE / module).read_text(encoding="utf-8")
    allowed = {GATHERED[module].removesuffix("-core")} if module in GATHERED else set()
    assert private_imports(text) | private_attributes(text) <= allowed


@pytest.mark.parametrize(("module", "library"), GATHERED.items())
def test_each_says_on_what_it_was_tried_and_is_bounded(module: str, library: str) -> None:
    docstring = ast.get_docstring(ast.parse((SOURCE / module).read_text(encoding="utf-8"))) or ""
    assert "make test-versions" in " ".join(docstring.split())
    requirements = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (requirement,) = [line for line in requirements if line.startswith(library)]
    assert re.search(r">=([\d.]+),<([\d.]+)$", requirement)
    record = (TOP / "docs" / "adr" / "0008-internals-of-libraries.md").read_text(encoding="utf-8")
    assert f"`{module}`" in record
    assert f"`{requirement.lstrip('abcdefghijklmnopqrstuvwxyz-')}`" in record
    for version in re.findall(r"\d+\.\d+\.\d+", docstring):
        assert version in record, f"{module} says {version}, the record does not"


def test_a_private_import_is_found() -> None:
    assert private_imports("from textual._context import x\nimport hydra._internal.utils") == {"textual", "hydra"}
    assert private_imports("from dml._version import __version__\nfrom __future__ import annotations") == set()
    assert private_attributes("def f(r):\n    return r._content_consumed") == {"requests"}
