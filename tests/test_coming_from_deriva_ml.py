"""The page for users of deriva-ml: every name they know is in its tables, exists as they say, and a test uses it."""

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
"""What deriva-ml's guides and reference name: its classes and functions, and the members that users call."""


class Line(NamedTuple):
    """A line of the tables of names."""

    theirs: str
    ours: str
    command: str
    test: str


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def cells(text: str, columns: int) -> Iterator[list[str]]:
    """The lines of a section's tables that begin with a name."""
    for line in text.splitlines():
        if line.startswith("| `"):
            found = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            assert len(found) == columns, line
            yield found


LINES = [Line(*found) for found in cells(section("Names"), 4)]


@cache
def functions(name: str) -> dict[str, str]:
    """The source of the functions of a test module, by name."""
    text = (TOP / "tests" / name).read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: str(ast.get_source_segment(text, node)) for node in found}


def found(name: str) -> Any:
    """What a name stands for: one of ``dml``, or below a module of it."""
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
    """What instances are given when they are made."""
    initialisers = [vars(one)["__init__"] for one in kind.__mro__[:-1] if "__init__" in vars(one)]
    given = {name for one in initialisers for name in one.__code__.co_names}
    return given | set(getattr(kind, "__dataclass_fields__", ()))


def test_every_name_of_derivaml_has_a_line() -> None:
    assert sorted(line.theirs for line in LINES) == sorted(NAMED)


@pytest.mark.filterwarnings("ignore:Status is deprecated:DeprecationWarning")
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.theirs)
def test_a_name_is_what_the_page_says_and_a_test_uses_it(line: Line) -> None:
    assert found(line.ours) is not None
    module, _, name = line.test.partition("::")
    used = functions(module)[name]
    word = line.ours.rpartition(".")[2]
    assert re.search(rf"\b{re.escape(word)}\b", used), f"{line.test} does not use {word}"


def test_the_commands_exist() -> None:
    there = {name for name, *_ in all_commands()}
    named = {line.command for line in LINES if line.command} | {ours for _, ours, _ in cells(section("Commands"), 3)}
    assert named <= there
    assert len(named) > 30


def test_the_tools_exist() -> None:
    named = {ours for _, ours in cells(section("MCP"), 2)}
    assert named <= {*READING, *WRITING}


def test_a_name_that_is_missing_is_noticed() -> None:
    with pytest.raises(AttributeError):
        found("DerivaML.unheard_of.deeper")
    with pytest.raises(AssertionError, match="does not exist"):
        found("Execution.unheard_of")
    with pytest.raises(AttributeError):
        found("Unheard_Of")
