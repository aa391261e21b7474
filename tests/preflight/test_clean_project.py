"""A project without problems passes every check."""

from __future__ import annotations

from collections.abc import Callable

from dml.preflight.results import GROUPS, Report, State
from experiments import RetinaProject

RunChecks = Callable[..., Report]


def test_clean_project_passes(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    report = run_checks(clean_project, "+experiment=retina_quick")
    problems = [result for result in report.results if result.state in (State.FAILED, State.WARNING)]
    assert problems == []
    assert report.passed
    reasons = [result.message for result in report.results if result.state is State.SKIPPED]
    assert reasons == ["the project has no uv.lock"]
    assert {result.group for result in report.results} == set(GROUPS) - {"sweep"}


def test_clean_sweep_passes(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    report = run_checks(clean_project, "+multirun=lr_sweep")
    assert [result for result in report.results if result.state in (State.FAILED, State.WARNING)] == []
    (jobs,) = report.of("sweep")
    assert jobs.message == "4 jobs with BasicLauncher, nested in one parent"


def test_summary_describes_the_run(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    summary = run_checks(clean_project, "+experiment=retina_quick").summary
    assert summary.experiment == "retina_quick"
    assert summary.branch == "main"
    assert summary.commit == clean_project.git("rev-parse", "HEAD")[:7]
    assert summary.version == "0.3.1"
    assert summary.function == "models.retina_net.train"
    assert summary.parameters["epochs"] == 1
    assert list(summary.datasets.values()) == ["not_cached"]
    assert list(summary.assets.values()) == ["not_cached"]
    assert summary.bytes_to_fetch == len(b"one") + len(b"twotwo") + 1000
    assert summary.identity
