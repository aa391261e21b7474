"""Docstrings describe parameters that exist, in sections that tools can read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "dml"
SECTIONS = "Args|Attributes|Returns|Raises|Yields"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef | ast.Module


def documented(path: Path) -> Iterator[tuple[Documented, str]]:
    """Everything in a module that has a docstring, with the docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Documented):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node, docstring


def described_parameters(docstring: str) -> list[str]:
    """The names below ``Args:``, without asterisks."""
    body = re.search(r"^Args:\n((?:(?: {4}.*)?\n)*)", f"{docstring}\n", re.MULTILINE)
    entries = re.findall(r"^ {4}([^\s:][^:]*):", body[1], re.MULTILINE) if body else []
    return [name.lstrip("*") for entry in entries for name in entry.split(", ")]


def parameters(function: Function) -> set[str]:
    arguments = function.args
    ordinary = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {argument.arg for argument in [*ordinary, arguments.vararg, arguments.kwarg] if argument is not None}


MODULES = sorted(SOURCE.rglob("*.py"))


def test_hundreds_of_functions_describe_their_parameters() -> None:
    described = [
        node
        for path in MODULES
        for node, docstring in documented(path)
        if isinstance(node, Function) and described_parameters(docstring)
    ]
    assert len(described) > 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_docstrings_describe_parameters_that_exist_in_sections_at_their_margin(path: Path) -> None:
    for node, docstring in documented(path):
        name = getattr(node, "name", path.stem)
        assert re.findall(rf"^ +(?:{SECTIONS}):$", docstring, re.MULTILINE) == [], name
        if isinstance(node, Function):
            assert set(described_parameters(docstring)) <= parameters(node), name
