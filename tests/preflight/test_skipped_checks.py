"""Checks that cannot be made are skipped with a reason; rarer failures. Plans are built by hand: nothing runs."""

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
    return Project(tmp_path, tmp_path / "configs", Path("python"), uses_venv=True)


def composition(project: Project, *jobs: Job, **fields: Any) -> Composition:
    """A composition of a project."""
    return Composition(project, ComposeRequest(others=True), jobs=jobs, **fields)


def results_of(group: str, plan: RunPlan, catalog: object = None) -> dict[str, Result]:
    """The results of one group, by check."""
    reason = "" if catalog is not None else "not checked (--offline)"
    context = CheckContext(plan, catalog, reason, CacheTiers(None, None), None, offline=True)  # type: ignore[arg-type]
    return {result.check: result for result in import_module(f"dml.preflight.checks.{group}").check(context)}


@pytest.mark.parametrize("group", ["identity", "catalog", "datasets", "assets", "workflow", "vocabulary", "cache"])
def test_catalog_checks_are_skipped_offline(group: str) -> None:
    plan = RunPlan(
        "run.yaml",
        Target("data.example.org", "7"),
        datasets=(RequestedDataset("1-ABC", "1.0.0"),),
        assets=(RequestedAsset("2-GHI"),),
        workflow=WORKFLOW,
        workflow_types=("Training",),
    )
    skipped = [result for result in results_of(group, plan).values() if result.state is State.SKIPPED]
    assert any("not checked (--offline)" in result.message for result in skipped)
    assert not any(result.state is State.FAILED for result in results_of(group, plan).values())


@pytest.mark.parametrize("group", ["description", "environment", "sweep", "workflow"])
def test_checks_are_skipped_when_the_configuration_does_not_compose(group: str, project: Project) -> None:
    broken = composition(project, problems=(PROBLEM,), is_sweep=True)
    (result,) = results_of(group, RunPlan("broken", composition=broken)).values()
    assert (result.state, result.message) == (State.SKIPPED, "the configuration did not compose")


def test_other_configurations_are_not_checked_after_a_problem(project: Project) -> None:
    results = results_of("configuration", RunPlan("broken", composition=composition(project, problems=(PROBLEM,))))
    assert results["composes"].state is State.FAILED
    assert results["others"].state is State.SKIPPED


def test_five_of_many_broken_jobs_are_listed(project: Project) -> None:
    jobs = [Job(number, (f"x={number}",), problem=PROBLEM) for number in range(7)]
    results = results_of("configuration", RunPlan("sweep", composition=composition(project, *jobs, is_sweep=True)))
    assert results["composes"].message == "2 more jobs do not compose"
    assert results["composes"].state is State.FAILED


def test_adaptive_sweeper_is_skipped(project: Project) -> None:
    adaptive = composition(project, JOB, is_sweep=True, sweeper="plugins.optuna.OptunaSweeper")
    (result,) = results_of("sweep", RunPlan("sweep", composition=adaptive)).values()
    assert (result.state, result.message) == (State.SKIPPED, "OptunaSweeper chooses the jobs while it runs")


def test_jobs_that_were_not_composed_in_time_are_reported(project: Project) -> None:
    basic = composition(project, JOB, is_sweep=True, job_count=3, sweeper="hydra.BasicSweeper")
    result = results_of("sweep", RunPlan("sweep", composition=basic))["composed"]
    assert (result.state, result.message) == (State.SKIPPED, "2 of 3 jobs were not composed")


def test_unknown_code_is_skipped() -> None:
    plan = RunPlan("run.yaml", workflow=WORKFLOW, workflow_types=("Training",))
    assert results_of("code", plan)["repository"].state is State.SKIPPED
    assert results_of("workflow", plan)["source"].state is State.SKIPPED


def test_lock_is_not_checked_without_uv(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    (project.root / "uv.lock").write_text("version = 1\n")
    result = results_of("environment", RunPlan("x", composition=composition(project, JOB, python="3.11.7")))["lock"]
    assert result.state is State.SKIPPED
    assert "uv is not installed" in result.message


def test_sweep_needs_a_catalog_with_nesting(project: Project) -> None:
    capabilities = SimpleNamespace(
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
        schema=lambda: SimpleNamespace(capabilities=capabilities),
    )
    sweep = RunPlan("sweep", composition=composition(project, JOB, is_sweep=True))
    assert results_of("catalog", sweep, facts)["nesting"].state is State.FAILED
    assert "nesting" not in results_of("catalog", RunPlan("single", composition=composition(project, JOB)), facts)


def test_malformed_asset_rid() -> None:
    facts = SimpleNamespace(rows=lambda: SimpleNamespace(assets={}), details=SimpleNamespace)
    result = results_of("assets", RunPlan("run.yaml", assets=(RequestedAsset("not a rid"),)), facts)["exists"]
    assert (result.state, result.message) == (State.FAILED, "'not a rid' is not a valid RID")
