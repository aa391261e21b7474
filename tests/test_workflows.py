"""The workflows of GitHub test what the package promises, may only read, and call the Makefile."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _classified_pythons() -> list[str]:
    """The minor versions that the classifiers name, lowest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [name.rpartition(" ")[2] for name in project["classifiers"] if re.search(r" :: Python :: 3\.\d+$", name)]


@pytest.mark.parametrize(("workflow", "job"), [("ci", "test"), ("nightly", "everything")])
def test_a_workflow_tests_the_pythons_of_the_classifiers_and_macos(workflow: str, job: str) -> None:
    matrix = _yaml(ROOT / ".github" / "workflows" / f"{workflow}.yml")["jobs"][job]["strategy"]["matrix"]
    assert matrix["python"] == _classified_pythons()
    (macos,) = matrix["include"]
    assert (macos["os"], macos["python"]) == ("macos-latest", _classified_pythons()[-1])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=_name)
def test_a_workflow_may_only_read_and_pins_its_actions(workflow: Path) -> None:
    content, text = _yaml(workflow), workflow.read_text(encoding="utf-8")
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["cancel-in-progress"] is True
    uses = re.findall(r"uses: (.*)$", text, re.MULTILINE)
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in uses), uses
    for name, job in content["jobs"].items():
        assert job["timeout-minutes"], name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}


def _commands(job: dict[str, Any]) -> list[str]:
    """The commands of a job's steps, once for each value of the matrix that they name."""
    matrix = job.get("strategy", {}).get("matrix", {})
    targets = [*matrix.get("target", [""]), *(entry.get("target", "") for entry in matrix.get("include", []))]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    return [step.replace("${{ matrix.target }}", target) for step in steps for target in targets]


def test_the_workflows_run_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called: set[str] = set()
    for workflow in WORKFLOWS:
        for job in _yaml(workflow)["jobs"].values():
            made = [command.split()[1:] for command in _commands(job) if command.split()[0] == "make"]
            assert made
            called |= {command[0] for command in made}
    assert called == {"lint", "test-fast", "dist", "site", "test-all", "test"}
    assert called <= targets
