"""The page for users of deriva-ml: every name of deriva-ml is in its tables, exists in dml, and is used by a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import dml
from dml.cli.app.reference import all_commands
from dml.mcp.tools import READING, WRITING

TOP = Path(__file__).parents[1]
PAGE = (TOP / "docs" / "coming-from-deriva-ml.md").read_text(encoding="utf-8")

NAMED = (TOP / "tests" / "data" / "deriva-ml-names.txt").read_text(encoding="utf-8").split()
"""The classes, functions and members in the guides and the reference of deriva-ml."""


class Row(NamedTuple):
    """A row of the tables of names."""

    deriva_ml: str
    dml: str
    command: str
    test: str


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def cells(text: str, columns: int) -> Iterator[list[str]]:
    """The cells of each row of a section's tables."""
    for line in text.splitlines():
        if line.startswith("| `"):
            row = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            assert len(row) == columns, line
            yield row


ROWS = [Row(*row) for row in cells(section("Names"), 4)]


@cache
def functions(name: str) -> dict[str, str]:
    """The source of the functions of a test module, by name."""
    text = (TOP / "tests" / name).read_text(encoding="utf-8")
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: str(ast.get_source_segment(text, node)) for node in nodes}


def resolve(name: str) -> Any:
    """The object with a name: one of ``dml``, or one in a module of it."""
    parts = name.split(".")
    value: Any = dml
    if parts[0] == "dml":
        depth = next(n for n in range(len(parts), 0, -1) if _is_module(".".join(parts[:n])))
        value, parts = import_module(".".join(parts[:depth])), parts[depth:]
    for number, part in enumerate(parts):
        if isinstance(value, type) and number == len(parts) - 1 and not hasattr(value, part):
            assert part in _attributes(value), f"{name} does not exist"
            return value
        value = getattr(value, part)
    return value


def _is_module(name: str) -> bool:
    try:
        import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def _attributes(kind: type) -> set[str]:
    """The attributes that instances get when they are created."""
    initialisers = [vars(base)["__init__"] for base in kind.__mro__[:-1] if "__init__" in vars(base)]
    names = {name for initialiser in initialisers for name in initialiser.__code__.co_names}
    return names | set(getattr(kind, "__dataclass_fields__", ()))


def test_every_name_of_deriva_ml_has_a_row() -> None:
    assert sorted(row.deriva_ml for row in ROWS) == sorted(NAMED)


@pytest.mark.filterwarnings("ignore:Status is deprecated:DeprecationWarning")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.deriva_ml)
def test_name_exists_and_a_test_uses_it(row: Row) -> None:
    assert resolve(row.dml) is not None
    module, _, name = row.test.partition("::")
    used = functions(module)[name]
    word = row.dml.rpartition(".")[2]
    assert re.search(rf"\b{re.escape(word)}\b", used), f"{row.test} does not use {word}"


def test_commands_exist() -> None:
    commands = {name for name, *_ in all_commands()}
    named = {row.command for row in ROWS if row.command} | {command for _, command, _ in cells(section("Commands"), 3)}
    assert named <= commands
    assert len(named) > 30


def test_tools_exist() -> None:
    named = {tool for _, tool in cells(section("MCP"), 2)}
    assert named <= {*READING, *WRITING}


def test_missing_name_is_detected() -> None:
    with pytest.raises(AttributeError):
        resolve("DerivaML.unheard_of.deeper")
    with pytest.raises(AssertionError, match="does not exist"):
        resolve("Execution.unheard_of")
    with pytest.raises(AttributeError):
        resolve("Unheard_Of")
