"""The architecture page and the code agree: rooms, their order, the modules of commands, and the names of files."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from dml.cli.app.commands import COMMANDS

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "dml"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

RETIRED = frozenset(
    [
        "its_outputs",
        "its_inputs",
        "its_parts",
        "workplace",
        "parallel",
        "placing",
        "wrapping",
        "collecting",
        "cleaning",
        "patience",
        "finding",
        "listing",
        "briefs",
        "look",
        "card",
        "once",
        "subject",
        "joining",
        "stored",
        "source_file",
        "reading",
        "writing",
        "other_bags",
        "reach",
        "wide_rows",
        "labels",
        "live",
        "survey",
        "information",
        "measuring",
        "naming",
        "cache_look",
        "cache_fetch",
        "cache_keep",
        "cache_frame",
        "execution_life",
        "execution_frame",
        "execution_outputs_view",
        "dataset_parts",
        "dataset_wide",
        "dataset_look",
        "dataset_frame",
        "completing",
        "moments",
        "opening",
        "starting",
        "launch_theirs",
        "described",
        "running",
        "following",
        "loading",
        "words",
        "modes",
        "own_actions",
        "performing",
        "guard",
        "subjects",
        "people",
        "facts",
        "telling",
        "watching",
        "facade",
        "older_names",
        "fetching",
        "linking",
        "repairing",
        "verifying",
        "clearing",
        "resolving",
        "uploading",
    ]
)
"""Names of modules that no reader could guess the contents of; they are not to come back."""


def rooms_of_the_page() -> list[str]:
    """The first column of the table of rooms."""
    table = PAGE.split("| room |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def contract_layers() -> list[list[str]]:
    """The layers of the import contract, top first, each with the rooms that share it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(entry for entry in settings["contracts"] if entry["type"] == "layers")
    assert contract["exhaustive"] is True
    assert "ignore_imports" not in contract
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(SOURCE.rglob("*.py"))


def test_the_page_lists_every_room_once() -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" and path.stem != "__init__"}
    rooms |= {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    listed = rooms_of_the_page()
    assert sorted(listed) == sorted(rooms)


def test_the_page_lists_the_rooms_in_the_order_of_the_contract() -> None:
    level = {room: number for number, layer in enumerate(contract_layers()) for room in layer}
    numbers = [level[room] for room in rooms_of_the_page()]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_the_module_of_its_name(name: str) -> None:
    module = COMMANDS[name].module
    expected = {"run-notebook": "notebook"}.get(name, name)
    assert module == f"dml.cli.{expected}"
    assert (SOURCE / "cli" / f"{expected}.py").exists() or (SOURCE / "cli" / expected / "__init__.py").exists()


@pytest.mark.parametrize("group", ["exec", "cache", "dataset"])
def test_the_page_names_the_modules_of_each_folder(group: str) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `cli/{group}/`"))
    named = set(re.findall(r"`(\w+)`", line))
    there = {path.stem for path in (SOURCE / "cli" / group).glob("[a-z]*.py")}
    assert named == there


def test_no_module_has_a_retired_name() -> None:
    assert [str(path) for path in modules() if path.stem in RETIRED] == []


def test_no_command_builds_a_path_of_ermrest() -> None:
    """Neither by the functions that quote names nor by writing one."""
    resource = re.compile(r"/?(entity|attribute|attributegroup|aggregate)/")
    found = []
    for path in (SOURCE / "cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "dml.catalog.url":
                found.append(f"{path.name}:{node.lineno} imports {node.module}")
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and resource.match(node.value):
                found.append(f"{path.name}:{node.lineno} {node.value!r}")
    assert found == []


@pytest.mark.parametrize("path", re.findall(r"`((?:cli|embedded|tests|docs)/[\w/.]+)`", PAGE))
def test_every_path_on_the_page_exists(path: str) -> None:
    assert (SOURCE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize("path", re.findall(r"^\| [\w ]+ \| `([\w.]+)` \|", PAGE, re.MULTILINE))
def test_every_type_in_the_tables_of_words_exists(path: str) -> None:
    module, _, name = path.rpartition(".")
    tree = ast.parse((SOURCE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
