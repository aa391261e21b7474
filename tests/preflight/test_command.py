"""``dml preflight`` on the command line: the screen, the document, the exit code, inputs without a project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.runner import check_message, run
from dml.workspace import layout
from experiments import RetinaProject
from targets import Place

from .world import World


@pytest.fixture
def inside(good: RetinaProject, monkeypatch: pytest.MonkeyPatch) -> RetinaProject:
    """The good project, entered, on a terminal of 100 columns."""
    monkeypatch.chdir(good.root)
    monkeypatch.setenv("COLUMNS", "100")
    return good


@pytest.fixture
def chosen(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The test's catalog chosen by the environment, in a directory that is no project."""
    monkeypatch.setenv("DML_HOST", place.target.host)
    monkeypatch.setenv("DML_CATALOG", place.target.catalog_id)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)


def test_a_good_project_exits_0(inside: RetinaProject) -> None:
    result = run("preflight", "+experiment=retina_quick")
    assert result.code == 0, result.stdout
    first, *_, last = result.stdout.splitlines()
    assert first.startswith("Preflight  retina_quick · local / 1 · ")
    assert last == "All is well. Nothing was written."
    assert "parameters" in result.stdout
    assert "learning_rate=0.001" in result.stdout


def test_a_fault_exits_8_with_what_mends_it(inside: RetinaProject) -> None:
    result = run("preflight", "workflow.workflow_type=[Trainning]")
    assert result.code == 8
    assert 'failed   no term "Trainning" in Workflow_Type; nearest: Training' in result.stdout
    assert 'fix: dml vocab add Workflow_Type Trainning -d "…"' in result.stdout
    assert result.stdout.splitlines()[-1] == "1 failed. Nothing was written."


def test_the_document_has_every_result(inside: RetinaProject) -> None:
    result = run("preflight", "+multirun=lr_sweep", "--json", "--skip", "environment")
    document = result.json
    assert document["schema"] == "dml.preflight/1"
    assert document["passed"] is True
    assert document["counts"] == {"ok": len(document["results"]), "warning": 0, "failed": 0, "skipped": 0}
    assert {"group", "check", "state", "message", "fix", "subject"} == set(document["results"][0])
    assert document["summary"]["jobs"] == 4
    assert document["requests"] <= 13


def test_only_some_groups(inside: RetinaProject) -> None:
    document = run("preflight", "--only", "code", "--only", "description", "--json").json
    assert {one["group"] for one in document["results"]} == {"code", "description"}
    assert document["requests"] == 0
    refused = run("preflight", "--only", "coed")
    assert refused.code == 2
    assert "unknown group of checks 'coed'" in refused.stderr
    assert run("preflight", "--only", "code", "--skip", "code").code == 2


def test_the_target_of_the_command_line_wins(inside: RetinaProject) -> None:
    document = run("preflight", "--catalog", "99", "--json").json
    assert document["summary"]["target"] == "local/99"
    assert document["passed"] is False


def test_inputs_by_their_rids(chosen: None, world: World, place: Place) -> None:
    result = run("preflight", world.dataset, world.asset, f"{world.add_dataset()}@0.1.0", "--json")
    document = result.json
    assert result.code == 0, document
    groups = {one["group"]: one["state"] for one in document["results"] if one["group"] in ("datasets", "assets")}
    assert set(groups) == {"datasets", "assets"}
    assert {one["group"] for one in document["results"] if one["state"] == "failed"} == set()
    missing = run("preflight", "0-0000")
    assert missing.code == 8
    assert "no row 0-0000" in missing.stdout


def test_a_configuration_file(chosen: None, world: World, tmp_path: Path) -> None:
    document = {
        "datasets": [f"{world.dataset}@0.1.0"],
        "assets": [world.asset],
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


def test_words_that_are_nothing(chosen: None) -> None:
    result = run("preflight", "retina_quick")
    assert result.code == 2
    assert "+experiment=retina_quick" in result.stderr
    mixed = run("preflight", "1-ABC", "a=b")
    assert mixed.code == 2
    without = run("preflight")
    assert without.code == 6
    assert "dml init" in without.stderr


def test_fixing_fetches_and_checks_again(inside: RetinaProject, world: World, place: Place) -> None:
    result = run("preflight", "--fix")
    assert result.code == 0, result.stdout
    assert f"fixed: downloaded {world.asset}" in result.stdout
    assert "all 2 inputs are cached" in result.stdout
    assert layout.find(place.target).cache_directory.is_dir()


def test_hostile_text_does_no_harm(inside: RetinaProject) -> None:
    result = run("preflight", "description='[/red]\\x1b[31m'", "--only", "description")
    assert "\x1b" not in result.stdout


def test_the_screen(inside: RetinaProject) -> None:
    overrides = ["workflow.workflow_type=[Trainning]", "workflow.url='https://example.org/t.py'", "workflow.checksum=1"]
    result = run("preflight", *overrides, "description=''", "--only", "workflow", "--only", "description")
    check_message("preflight", result.shown.replace(inside.git("rev-parse", "HEAD")[:7], "COMMIT"))
