"""Configuration modules that print, raise, loop and exit, met by each command: a report with file and line, no hang."""

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
CHECKED = ("preflight", "run", "a sweep", "a notebook")
"""Those that show the report of the checks."""

BAD = {
    "raises": ("x = 1\nraise ValueError('no good')\n", "ValueError: no good", 2),
    "exits": ("import sys\nsys.exit(3)\n", "called sys.exit(3)", 2),
    "loops": ("x = 1\nwhile True:\n    pass\n", "the configuration modules did not finish within 3 s", 2),
}


@pytest.fixture
def retina(make_project: Callable[..., RetinaProject], monkeypatch: pytest.MonkeyPatch) -> RetinaProject:
    """A project with a notebook, entered; nothing of it can be run."""
    project = make_project("dml")
    project.write("notebooks/roc.ipynb", "{}")
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("COLUMNS", "200")
    return project


def tried(command: str) -> Result:
    """What a command says."""
    return run(*COMMANDS[command], "--timeout", "3")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("how", BAD)
def test_what_a_module_does_is_told_by_each_command(
    retina: RetinaProject, place: Place, command: str, how: str
) -> None:
    text, message, line = BAD[how]
    retina.write("src/configs/bad.py", text)
    result = tried(command)
    assert result.code == (8 if command in CHECKED else 2)
    told = result.stdout if command in CHECKED else result.stderr
    assert message in told
    assert "src/configs/bad.py:" in told
    if how != "loops":
        assert f"src/configs/bad.py:{line}" in told
    assert not find_workspace(place.target).root.exists()


def test_the_list_as_a_document_says_why_it_is_empty(retina: RetinaProject) -> None:
    retina.write("src/configs/bad.py", BAD["loops"][0])
    result = run("run", "--list-configs", "--json", "--timeout", "3")
    assert result.code == 2
    assert result.json["problems"] == ["the configuration modules did not finish within 3 s"]
    assert result.json["groups"] == {}


@pytest.mark.parametrize("command", ["preflight", "the list", "the notebook's list"])
def test_what_a_module_prints_is_no_result(retina: RetinaProject, command: str) -> None:
    quiet = tried(command)
    retina.write("src/configs/noisy.py", "print('loaded', flush=True)\n")
    noisy = tried(command)
    assert (noisy.code, noisy.stderr) == (0, quiet.stderr)
    assert "loaded" not in noisy.stdout
