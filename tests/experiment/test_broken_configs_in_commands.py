"""Each command on configuration modules that print, raise, loop or exit: a report with file and line, and no hang."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.runner import Result, run
from dml.workspace.layout import find_workspace
from experiments import RetinaProject
from targets import Place

COMMANDS = {
    "preflight": ["preflight", "--only", "configuration"],
    "run": ["run", "--yes"],
    "run without checks": ["run", "--yes", "--no-preflight"],
    "a sweep": ["run", "+multirun=lr_sweep", "--yes"],
    "resuming": ["run", "--resume", "1-SWEP"],
    "the list": ["run", "--list-configs"],
    "the configuration": ["run", "--cfg"],
    "what Hydra knows": ["run", "--info"],
    "a notebook": ["run-notebook", "notebooks/roc.ipynb", "--yes"],
    "the notebook's list": ["run-notebook", "notebooks/roc.ipynb", "--list-configs"],
    "the notebook's configuration": ["run-notebook", "notebooks/roc.ipynb", "--cfg"],
    "the notebook's parameters": ["run-notebook", "notebooks/roc.ipynb", "--inspect"],
}
CHECKING_COMMANDS = ("preflight", "run", "a sweep", "a notebook")
"""The commands that print the report of the checks."""

BROKEN_MODULES = {
    "raises": ("x = 1\nraise ValueError('no good')\n", "ValueError: no good", 2),
    "exits": ("import sys\nsys.exit(3)\n", "called sys.exit(3)", 2),
    "loops": ("x = 1\nwhile True:\n    pass\n", "the configuration modules did not finish within 3 s", 2),
}


@pytest.fixture
def retina(make_project: Callable[..., RetinaProject], monkeypatch: pytest.MonkeyPatch) -> RetinaProject:
    """A project with a notebook as the working directory; nothing in it can be run."""
    project = make_project("dml")
    project.write("notebooks/roc.ipynb", "{}")
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("COLUMNS", "200")
    return project


def run_command(command: str) -> Result:
    """Run a command with a short time limit."""
    return run(*COMMANDS[command], "--timeout", "3")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", BROKEN_MODULES)
def test_each_command_reports_a_broken_module(retina: RetinaProject, place: Place, command: str, kind: str) -> None:
    text, message, line = BROKEN_MODULES[kind]
    retina.write("src/configs/bad.py", text)
    result = run_command(command)
    assert result.code == (8 if command in CHECKING_COMMANDS else 2)
    report = result.stdout if command in CHECKING_COMMANDS else result.stderr
    assert message in report
    assert "src/configs/bad.py:" in report
    if kind != "loops":
        assert f"src/configs/bad.py:{line}" in report
    assert not find_workspace(place.target).root.exists()


def test_json_list_contains_the_problem(retina: RetinaProject) -> None:
    retina.write("src/configs/bad.py", BROKEN_MODULES["loops"][0])
    result = run("run", "--list-configs", "--json", "--timeout", "3")
    assert result.code == 2
    assert result.json["problems"] == ["the configuration modules did not finish within 3 s"]
    assert result.json["groups"] == {}


@pytest.mark.parametrize("command", ["preflight", "the list", "the notebook's list"])
def test_output_of_modules_is_not_part_of_the_result(retina: RetinaProject, command: str) -> None:
    quiet = run_command(command)
    retina.write("src/configs/noisy.py", "print('loaded', flush=True)\n")
    noisy = run_command(command)
    assert (noisy.code, noisy.stderr) == (0, quiet.stderr)
    assert "loaded" not in noisy.stdout
