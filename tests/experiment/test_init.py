"""``dml init``: the project it writes composes, passes the checks, runs and passes its own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.runner import run
from dml.catalog.connection import connect
from dml.catalog.rows import select
from dml.target import Target


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A project as ``dml init`` makes it, entered, with this interpreter as its ``.venv``."""
    root = tmp_path / "My line"
    result = run("init", str(root))
    assert result.code == 0, result.stderr
    (root / ".venv").symlink_to(sys.prefix)
    monkeypatch.chdir(root)
    return root


def test_the_project_runs_on_an_embedded_catalog(started: Path) -> None:
    result = run("run", "+experiment=quick", "--allow-dirty", "--yes", "--json")
    assert result.code == 0, result.stdout + result.stderr
    document = json.loads(result.stdout.splitlines()[-1])
    assert document["status"] == "Uploaded"
    catalog = connect(Target.parse("local/1"))
    outputs = select(catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": document["execution"]})
    assert [one["Asset_Role"] for one in outputs] == ["Output"]


def test_the_projects_own_tests_pass(started: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=started,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_configuration_of_the_project_composes(started: Path) -> None:
    report = json.loads(run("preflight", "+multirun=rates", "--allow-dirty", "--json").stdout)
    assert report["passed"], report
    assert report["summary"]["jobs"] == 4
    assert [one for one in report["results"] if one["check"] == "others"] == []


def test_nothing_is_replaced(started: Path) -> None:
    before = (started / "README.md").read_text()
    result = run("init", str(started))
    assert result.code == 7
    assert (started / "README.md").read_text() == before


def test_a_catalog_that_is_there_is_taken(tmp_path: Path) -> None:
    document = run("init", str(tmp_path / "other"), "--catalog", "data.example.org/7", "--json").json
    assert (document["target"], document["made_catalog"]) == ("data.example.org/7", False)
    assert 'catalog = "data.example.org/7"' in (tmp_path / "other" / "pyproject.toml").read_text()


def test_a_directory_without_a_name_is_refused(tmp_path: Path) -> None:
    assert run("init", str(tmp_path / "___")).code == 2
