"""A good project passes clean."""

from __future__ import annotations

from collections.abc import Callable

from dml.preflight.results import GROUPS, Report, State
from experiments import RetinaProject

Checked = Callable[..., Report]


def test_a_good_project_passes_clean(good: RetinaProject, checked: Checked) -> None:
    report = checked(good, "+experiment=retina_quick")
    wrong = [one for one in report.results if one.state in (State.FAILED, State.WARNING)]
    assert wrong == []
    assert report.passed
    reasons = [one.message for one in report.results if one.state is State.SKIPPED]
    assert reasons == ["the project has no uv.lock"]
    assert {one.group for one in report.results} == set(GROUPS) - {"sweep"}


def test_a_good_sweep_passes_clean(good: RetinaProject, checked: Checked) -> None:
    report = checked(good, "+multirun=lr_sweep")
    assert [one for one in report.results if one.state in (State.FAILED, State.WARNING)] == []
    (jobs,) = report.of("sweep")
    assert jobs.message == "4 jobs with BasicLauncher, nested in one parent"


def test_the_card_says_what_will_run(good: RetinaProject, checked: Checked) -> None:
    card = checked(good, "+experiment=retina_quick").summary
    assert card.experiment == "retina_quick"
    assert card.branch == "main"
    assert card.commit == good.git("rev-parse", "HEAD")[:7]
    assert card.version == "0.3.1"
    assert card.function == "models.retina_net.train"
    assert card.parameters["epochs"] == 1
    assert list(card.datasets.values()) == ["not_cached"]
    assert list(card.assets.values()) == ["not_cached"]
    assert card.bytes_to_fetch == len(b"one") + len(b"twotwo") + 1000
    assert card.identity
