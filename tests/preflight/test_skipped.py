"""A check that could not look says so and why; and the rarer failures. Subjects are made by hand: nothing is run."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dml.execution.input_cache_tiers import CacheTiers
from dml.execution.requested_inputs import RequestedAsset, RequestedDataset
from dml.experiment.composition import ComposeRequest, Composition, ConfigProblem, Job
from dml.experiment.project import Project
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, State
from dml.preflight.run_plan import RequestedWorkflow, RunPlan
from dml.target import Target

PROBLEM = ConfigProblem("compose", "no such option")
JOB = Job(0, (), {"model_config": {"epochs": 2}}, {"datasets": "training"})
WORKFLOW = RequestedWorkflow("Train", ("Training",))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    (tmp_path / "configs").mkdir()
    return Project(tmp_path, tmp_path / "configs", Path("python"), is_own=True)


def composition(project: Project, *jobs: Job, **fields: Any) -> Composition:
    """What was composed of a project."""
    return Composition(project, ComposeRequest(others=True), jobs=jobs, **fields)


def found(group: str, subject: RunPlan, catalog: object = None) -> dict[str, Result]:
    """What one group finds, by check."""
    reason = "" if catalog is not None else "not checked (--offline)"
    look = CheckContext(subject, catalog, reason, CacheTiers(None, None), None, offline=True)  # type: ignore[arg-type]
    return {one.check: one for one in import_module(f"dml.preflight.checks.{group}").check(look)}


@pytest.mark.parametrize("group", ["identity", "catalog", "datasets", "assets", "workflow", "vocabulary", "cache"])
def test_a_catalog_that_is_not_asked(group: str) -> None:
    subject = RunPlan(
        "run.yaml",
        Target("data.example.org", "7"),
        datasets=(RequestedDataset("1-ABC", "1.0.0"),),
        assets=(RequestedAsset("2-GHI"),),
        workflow=WORKFLOW,
        workflow_types=("Training",),
    )
    skipped = [one for one in found(group, subject).values() if one.state is State.SKIPPED]
    assert any("not checked (--offline)" in one.message for one in skipped)
    assert not any(one.state is State.FAILED for one in found(group, subject).values())


@pytest.mark.parametrize("group", ["description", "environment", "sweep", "workflow"])
def test_a_configuration_that_does_not_compose(group: str, project: Project) -> None:
    broken = composition(project, problems=(PROBLEM,), is_sweep=True)
    (one,) = found(group, RunPlan("broken", composition=broken)).values()
    assert (one.state, one.message) == (State.SKIPPED, "the configuration did not compose")


def test_other_configurations_are_not_tried_then(project: Project) -> None:
    results = found("configuration", RunPlan("broken", composition=composition(project, problems=(PROBLEM,))))
    assert results["composes"].state is State.FAILED
    assert results["others"].state is State.SKIPPED


def test_of_many_bad_jobs_five_are_told(project: Project) -> None:
    jobs = [Job(number, (f"x={number}",), problem=PROBLEM) for number in range(7)]
    results = found("configuration", RunPlan("sweep", composition=composition(project, *jobs, is_sweep=True)))
    assert results["composes"].message == "2 more jobs do not compose"
    assert results["composes"].state is State.FAILED


def test_a_sweeper_that_chooses_while_it_runs(project: Project) -> None:
    adaptive = composition(project, JOB, is_sweep=True, sweeper="plugins.optuna.OptunaSweeper")
    (one,) = found("sweep", RunPlan("sweep", composition=adaptive)).values()
    assert (one.state, one.message) == (State.SKIPPED, "OptunaSweeper chooses the jobs while it runs")


def test_jobs_that_were_not_composed_in_time(project: Project) -> None:
    basic = composition(project, JOB, is_sweep=True, job_count=3, sweeper="hydra.BasicSweeper")
    one = found("sweep", RunPlan("sweep", composition=basic))["composed"]
    assert (one.state, one.message) == (State.SKIPPED, "2 of 3 jobs were not composed")


def test_code_that_is_not_known() -> None:
    subject = RunPlan("run.yaml", workflow=WORKFLOW, workflow_types=("Training",))
    assert found("code", subject)["repository"].state is State.SKIPPED
    assert found("workflow", subject)["source"].state is State.SKIPPED


def test_without_uv_the_lock_is_not_checked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    (project.root / "uv.lock").write_text("version = 1\n")
    one = found("environment", RunPlan("x", composition=composition(project, JOB, python="3.11.7")))["lock"]
    assert one.state is State.SKIPPED
    assert "uv is not installed" in one.message


def test_a_catalog_that_is_older_than_nesting(project: Project) -> None:
    able = SimpleNamespace(
        ml_schema=True,
        dataset_execution_version=True,
        workflow_type_table=True,
        workflow_type_column=True,
        nesting=False,
        version="before 1.17.11",
    )
    facts = SimpleNamespace(
        catalog=SimpleNamespace(target=Target("data.example.org", "7")),
        identity=lambda: None,
        schema=lambda: SimpleNamespace(capabilities=able),
    )
    sweep = RunPlan("sweep", composition=composition(project, JOB, is_sweep=True))
    assert found("catalog", sweep, facts)["nesting"].state is State.FAILED
    assert "nesting" not in found("catalog", RunPlan("single", composition=composition(project, JOB)), facts)


def test_an_asset_whose_rid_is_none() -> None:
    facts = SimpleNamespace(rows=lambda: SimpleNamespace(assets={}), details=SimpleNamespace)
    one = found("assets", RunPlan("run.yaml", assets=(RequestedAsset("not a rid"),)), facts)["exists"]
    assert (one.state, one.message) == (State.FAILED, "'not a rid' is not a valid RID")
