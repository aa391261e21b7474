"""``dml init``: the new project composes, passes the checks, runs, and passes its own tests."""

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
def new_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A new project as the working directory, with this interpreter as its ``.venv``."""
    root = tmp_path / "My line"
    result = run("init", str(root))
    assert result.code == 0, result.stderr
    (root / ".venv").symlink_to(sys.prefix)
    monkeypatch.chdir(root)
    return root


def test_new_project_runs_on_an_embedded_catalog(new_project: Path) -> None:
    result = run("run", "+experiment=quick", "--allow-dirty", "--yes", "--json")
    assert result.code == 0, result.stdout + result.stderr
    document = json.loads(result.stdout.splitlines()[-1])
    assert document["status"] == "Uploaded"
    catalog = connect(Target.parse("local/1"))
    outputs = select(catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": document["execution"]})
    assert [row["Asset_Role"] for row in outputs] == ["Output"]


def test_tests_of_the_new_project_pass(new_project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=new_project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_configuration_of_the_new_project_composes(new_project: Path) -> None:
    report = json.loads(run("preflight", "+multirun=rates", "--allow-dirty", "--json").stdout)
    assert report["passed"], report
    assert report["summary"]["jobs"] == 4
    assert [row for row in report["results"] if row["check"] == "others"] == []


def test_existing_files_are_not_replaced(new_project: Path) -> None:
    before = (new_project / "README.md").read_text()
    result = run("init", str(new_project))
    assert result.code == 7
    assert (new_project / "README.md").read_text() == before


def test_existing_catalog_is_used(tmp_path: Path) -> None:
    document = run("init", str(tmp_path / "other"), "--catalog", "data.example.org/7", "--json").json
    assert (document["target"], document["made_catalog"]) == ("data.example.org/7", False)
    assert 'catalog = "data.example.org/7"' in (tmp_path / "other" / "pyproject.toml").read_text()


def test_unusable_project_name_is_refused(tmp_path: Path) -> None:
    assert run("init", str(tmp_path / "___")).code == 2
