"""``dml preflight`` on the command line: its output, JSON document and exit codes, and inputs without a project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.runner import check_message, run
from dml.workspace.layout import find_workspace
from experiments import RetinaProject
from targets import Place

from .sample_catalog import SampleCatalog


@pytest.fixture
def inside(clean_project: RetinaProject, monkeypatch: pytest.MonkeyPatch) -> RetinaProject:
    """The clean project as the working directory, on a terminal of 100 columns."""
    monkeypatch.chdir(clean_project.root)
    monkeypatch.setenv("COLUMNS", "100")
    return clean_project


@pytest.fixture
def chosen(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The test catalog selected by the environment, in a directory without a project."""
    monkeypatch.setenv("DML_HOST", place.target.host)
    monkeypatch.setenv("DML_CATALOG", place.target.catalog_id)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)


def test_clean_project_exits_0(inside: RetinaProject) -> None:
    result = run("preflight", "+experiment=retina_quick")
    assert result.code == 0, result.stdout
    first, *_, last = result.stdout.splitlines()
    assert first.startswith("Preflight  retina_quick · local / 1 · ")
    assert last == "All checks passed. Nothing was written."
    assert "parameters" in result.stdout
    assert "learning_rate=0.001" in result.stdout


def test_problem_exits_8_with_its_fix(inside: RetinaProject) -> None:
    result = run("preflight", "workflow.workflow_type=[Trainning]")
    assert result.code == 8
    assert 'failed   no term "Trainning" in Workflow_Type; nearest: Training' in result.stdout
    assert 'fix: dml vocab add Workflow_Type Trainning -d "…"' in result.stdout
    assert result.stdout.splitlines()[-1] == "1 failed. Nothing was written."


def test_json_document_has_every_result(inside: RetinaProject) -> None:
    result = run("preflight", "+multirun=lr_sweep", "--json", "--skip", "environment")
    document = result.json
    assert document["schema"] == "dml.preflight/1"
    assert document["passed"] is True
    assert document["counts"] == {"ok": len(document["results"]), "warning": 0, "failed": 0, "skipped": 0}
    assert {"group", "check", "state", "message", "fix", "subject"} == set(document["results"][0])
    assert document["summary"]["jobs"] == 4
    assert document["requests"] <= 13


def test_selected_groups_only(inside: RetinaProject) -> None:
    document = run("preflight", "--only", "code", "--only", "description", "--json").json
    assert {row["group"] for row in document["results"]} == {"code", "description"}
    assert document["requests"] == 0
    refused = run("preflight", "--only", "coed")
    assert refused.code == 2
    assert "unknown group of checks 'coed'" in refused.stderr
    assert run("preflight", "--only", "code", "--skip", "code").code == 2


def test_command_line_target_wins(inside: RetinaProject) -> None:
    document = run("preflight", "--catalog", "99", "--json").json
    assert document["summary"]["target"] == "local/99"
    assert document["passed"] is False


def test_inputs_given_by_rid(chosen: None, sample: SampleCatalog, place: Place) -> None:
    result = run("preflight", sample.dataset, sample.asset, f"{sample.add_dataset()}@0.1.0", "--json")
    document = result.json
    assert result.code == 0, document
    groups = {row["group"]: row["state"] for row in document["results"] if row["group"] in ("datasets", "assets")}
    assert set(groups) == {"datasets", "assets"}
    assert {row["group"] for row in document["results"] if row["state"] == "failed"} == set()
    missing = run("preflight", "0-0000")
    assert missing.code == 8
    assert "no row 0-0000" in missing.stdout


def test_configuration_file(chosen: None, sample: SampleCatalog, tmp_path: Path) -> None:
    document = {
        "datasets": [f"{sample.dataset}@0.1.0"],
        "assets": [sample.asset],
        "workflow": {"name": "Train", "workflow_type": ["Training"], "url": "https://example.org/t", "checksum": "1"},
        "description": "By file",
    }
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document))
    result = run("preflight", "--config", str(path))
    assert result.code == 0, result.stdout
    document["workflow"] = None
    path.write_text(json.dumps(document))
    refused = run("preflight", "--config", str(path))
    assert refused.code == 8
    assert "no workflow: an execution needs one" in refused.stdout


def test_invalid_arguments(chosen: None) -> None:
    result = run("preflight", "retina_quick")
    assert result.code == 2
    assert "+experiment=retina_quick" in result.stderr
    mixed = run("preflight", "1-ABC", "a=b")
    assert mixed.code == 2
    without = run("preflight")
    assert without.code == 6
    assert "dml init" in without.stderr


def test_fix_downloads_and_checks_again(inside: RetinaProject, sample: SampleCatalog, place: Place) -> None:
    result = run("preflight", "--fix")
    assert result.code == 0, result.stdout
    assert f"fixed: downloaded {sample.asset}" in result.stdout
    assert "all 2 inputs are cached" in result.stdout
    assert find_workspace(place.target).cache_directory.is_dir()


def test_escape_sequences_are_removed(inside: RetinaProject) -> None:
    result = run("preflight", "description='[/red]\\x1b[31m'", "--only", "description")
    assert "\x1b" not in result.stdout


def test_screen(inside: RetinaProject) -> None:
    overrides = ["workflow.workflow_type=[Trainning]", "workflow.url='https://example.org/t.py'", "workflow.checksum=1"]
    result = run("preflight", *overrides, "description=''", "--only", "workflow", "--only", "description")
    check_message("preflight", result.shown.replace(inside.git("rev-parse", "HEAD")[:7], "COMMIT"))
