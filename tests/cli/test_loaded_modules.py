"""Which heavy modules each command loads: start-up is held by this, not by clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dml.cli.app.reference import all_commands

HEAVY = (
    "pandas",
    "sqlalchemy",
    "hydra",
    "textual",
    "git",
    "deriva",
    "pydantic",
    "requests",
    "bdbag",
    "werkzeug",
    "lark",
)
ALSO = ("rich", "sqlite3", "json", "dml.settings", "dml.workspace", "dml.catalog", "dml.embedded")

PROGRAM = """
import json, os, sys
from dml.cli.__main__ import main
sys.stdout = open(os.devnull, "w")
sys.stderr = open(os.devnull, "w")
main(sys.argv[1:])
sys.__stdout__.write(json.dumps(sorted(sys.modules)))
"""


def loaded(*words: str, **environment: str) -> set[str]:
    """The modules that are loaded when ``dml WORDS`` is over, those of the list above."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {name for name in json.loads(done.stdout) if name in (*HEAVY, *ALSO)}


LOCAL = {"DML_HOST": "local", "DML_CATALOG": "1"}


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"], ["xyzy"]], ids=" ".join)
def test_help_and_version_load_nothing(words: list[str]) -> None:
    light = {"dml.settings"} if words == ["xyzy"] else set()  # all groups are loaded to find a suggestion
    assert not loaded(*words) & ({*HEAVY, "rich", "sqlite3", "dml.settings"} - light)


@pytest.mark.parametrize("words", [path.split()[1:] for path, _, _ in all_commands()], ids=" ".join)
def test_no_command_loads_what_another_needs(words: list[str]) -> None:
    assert not loaded(*words, "--help") & {*HEAVY, "rich", "dml.embedded"}


@pytest.mark.parametrize(
    "line", ["dml ca", "dml config ", "dml config get ", "dml version --", "dml --progress "], ids=str
)
def test_completion_loads_nothing_heavy(line: str) -> None:
    words = line.split(" ")
    found = loaded(_DML_COMPLETE="bash", _DML_WORDS="\n".join(words), _DML_WORD=str(len(words) - 1))
    assert not found & {*HEAVY, "rich", "sqlite3"}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--json"],
        ["config", "show"],
        ["config", "get", "jobs"],
        ["config", "path"],
        ["config", "set", "jobs", "8"],
        ["config", "unset", "jobs"],
        ["version"],
        ["completion", "bash"],
        ["doctor", "--offline"],
        ["exec", "list"],
        ["exec", "list", "--pending", "--json"],
        ["exec", "list", "--limit", "5", "--host=local", "-v"],
        ["completion", "zsh", "--progress", "none"],
        ["exec", "--help"],
        ["demo", "--help"],
        ["catalog", "--help"],
        ["vocab", "list", "--help"],
    ],
    ids=" ".join,
)
def test_commands_on_local_state_load_nothing_heavy(words: list[str]) -> None:
    assert not loaded(*words, **LOCAL) & {*HEAVY, "rich", "dml.embedded"}


def test_a_catalog_command_loads_deriva_and_none_of_the_others() -> None:
    found = loaded("vocab", "list", DML_HOST="localhost:9", DML_CATALOG="1")
    assert {"deriva", "requests"} <= found
    assert not found & {"pandas", "sqlalchemy", "hydra", "textual", "git", "pydantic", "werkzeug", "lark", "rich"}


def test_a_command_on_an_embedded_catalog_does_not_load_deriva() -> None:
    assert loaded("catalog", "create") & {"deriva", "requests", "lark"} == {"requests", "lark"}


def test_importing_the_package_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import dml; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert not any(name in done.stdout for name in (*HEAVY, "typer", "rich", "sqlite3"))
