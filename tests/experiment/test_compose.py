"""Composing a project with its own interpreter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dml.experiment.composition import Composition
from experiments import RetinaProject

Compose = Callable[..., Composition]


def test_composed_experiment(project: RetinaProject, compose_project: Compose) -> None:
    composition = compose_project(project, "+experiment=retina_quick", "model_config.hidden=32")
    assert composition.problems == ()
    (job,) = composition.jobs
    assert job.problem is None
    assert job.config["deriva_ml"]["hostname"] == "local"
    assert job.config["description"] == "Quick look at the retina images"
    assert job.config["model_config"]["epochs"] == 1
    assert job.config["model_config"]["hidden"] == 32
    assert job.config["datasets"][0]["rid"] == "1-DATA"
    assert job.config["workflow"]["workflow_type"] == ["Training"]
    assert job.choices["model_config"] == "retina_quick"
    assert not composition.is_sweep


def test_function_is_found_without_running_it(project: RetinaProject, compose_project: Compose) -> None:
    composition = compose_project(project).function
    assert composition is not None
    assert composition.key == "model_config"
    assert composition.file == (project.root / "src/models/retina_net.py").resolve()
    assert composition.line is not None
    assert composition.file.read_text().splitlines()[composition.line - 1].startswith("def train(")
    assert composition.takes("dry_run")
    assert not composition.takes("colour")


def test_library_of_a_project_is_detected(make_project: Callable[..., RetinaProject], compose_project: Compose) -> None:
    assert compose_project(make_project("dml", name="one")).api == "dml"
    assert compose_project(make_project("deriva_ml", name="two")).api == "deriva_ml"


def test_named_multirun_is_expanded_with_its_description(project: RetinaProject, compose_project: Compose) -> None:
    composition = compose_project(project, "+multirun=lr_sweep", "model_config.epochs=3")
    assert composition.problems == ()
    assert composition.is_sweep
    assert composition.sweep_name == "lr_sweep"
    assert composition.job_count == 4
    assert [job.config["model_config"]["learning_rate"] for job in composition.jobs] == [0.0001, 0.001, 0.01, 0.1]
    assert {job.config["model_config"]["epochs"] for job in composition.jobs} == {3}
    description = composition.jobs[0].config["description"]
    assert description == "# Learning rates\n\nIt's a sweep of *four* rates, 'small' to \"large\"."
    assert composition.launcher.endswith("BasicLauncher")


def test_grid_on_the_command_line_is_a_sweep_on_request(project: RetinaProject, compose_project: Compose) -> None:
    composition = compose_project(
        project, "model_config.epochs=1,2", "+experiment=retina_quick,retina_large", multirun=True
    )
    assert composition.job_count == 4
    assert [job.number for job in composition.jobs] == [0, 1, 2, 3]
    assert {tuple(job.overrides) for job in composition.jobs} == {
        (f"model_config.epochs={epochs}", f"+experiment={name}")
        for epochs in (1, 2)
        for name in ("retina_quick", "retina_large")
    }
    refused = compose_project(project, "model_config.epochs=1,2")
    assert refused.jobs[0].problem is not None
    assert "epochs" in refused.jobs[0].problem.message


def test_job_limit_still_counts_all_jobs(project: RetinaProject, compose_project: Compose) -> None:
    composition = compose_project(project, "model_config.epochs=range(0,100)", multirun=True, job_limit=3)
    assert composition.job_count == 100
    assert len(composition.jobs) == 3


def test_sweep_set_up_by_the_configuration(project: RetinaProject, compose_project: Compose) -> None:
    text = """
experiment_store(
    make_config(
        hydra_defaults=["_self_"],
        hydra={"mode": "MULTIRUN", "sweeper": {"params": {"model_config.epochs": "1,2,3"}}},
        bases=(DerivaModelConfig,),
    ),
    name="swept",
)
"""
    path = project.configs / "experiments.py"
    path.write_text(path.read_text() + text)
    composition = compose_project(project, "+experiment=swept")
    assert composition.problems == ()
    assert [job.config["model_config"]["epochs"] for job in composition.jobs] == [1, 2, 3]


def test_deletions_and_groups(project: RetinaProject, compose_project: Compose) -> None:
    job = compose_project(project, "~assets", "datasets=no_datasets").jobs[0]
    assert job.config["datasets"] == []
    assert job.missing == ("assets",)


def test_options_are_listed(project: RetinaProject, compose_project: Compose) -> None:
    composition = compose_project(project)
    assert composition.groups["experiment"] == ("retina_large", "retina_quick")
    assert composition.groups["deriva_ml"] == ("default_deriva", "local_2")
    assert "deriva_model" in composition.groups[""]
    assert composition.multiruns["quick_vs_large"] == ("+experiment=retina_quick,retina_large",)
    assert composition.notebooks == ("roc",)


def test_other_configurations_are_composed_on_request(project: RetinaProject, compose_project: Compose) -> None:
    assert compose_project(project, others=True).others == ()
    project.edit("src/configs/roc.py", '"roc_quick"', '"roc_lr_sweep"')
    (problem,) = compose_project(project, others=True).others
    assert problem.subject == "notebook roc"
    assert "assets/roc_lr_sweep" in problem.message


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+experiment=retina_slow"], "experiment/retina_slow"),
        (["model_config.epoch=3"], "epoch"),
        (["+multirun=nothing"], "no multirun 'nothing'; multiruns: lr_sweep, quick_vs_large"),
        (["model_config.epochs=[1"], "epochs"),
    ],
)
def test_invalid_overrides_are_reported(
    project: RetinaProject, compose_project: Compose, overrides: list[str], message: str
) -> None:
    composition = compose_project(project, *overrides)
    problems = [*composition.problems, *(job.problem for job in composition.jobs if job.problem)]
    assert len(problems) == 1
    assert message in problems[0].message


def test_missing_values_and_broken_interpolations_are_reported(
    make_project: Callable[..., RetinaProject], compose_project: Compose
) -> None:
    project = make_project("dml")
    project.edit("src/configs/retina_net.py", "epochs=1", 'epochs="${nowhere}"')
    project.edit("src/configs/retina_net.py", "from hydra_zen import builds", "from hydra_zen import MISSING, builds")
    project.edit("src/configs/retina_net.py", "hidden=64", "hidden=MISSING")
    quick = compose_project(project, "model_config=retina_quick").jobs[0]
    assert quick.composed
    assert quick.problem is not None
    assert "nowhere" in quick.problem.message
    assert compose_project(project, "model_config=retina_large").jobs[0].missing == ("model_config.hidden",)
