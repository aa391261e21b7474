"""Composition by the project's own interpreter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dml.experiment.composition import Composition
from experiments import RetinaProject

Compose = Callable[..., Composition]


def test_an_experiment_composes_to_what_its_modules_say(project: RetinaProject, composed: Compose) -> None:
    found = composed(project, "+experiment=retina_quick", "model_config.hidden=32")
    assert found.problems == ()
    (job,) = found.jobs
    assert job.problem is None
    assert job.config["deriva_ml"]["hostname"] == "local"
    assert job.config["description"] == "Quick look at the retina images"
    assert job.config["model_config"]["epochs"] == 1
    assert job.config["model_config"]["hidden"] == 32
    assert job.config["datasets"][0]["rid"] == "1-DATA"
    assert job.config["workflow"]["workflow_type"] == ["Training"]
    assert job.choices["model_config"] == "retina_quick"
    assert not found.is_sweep


def test_the_function_is_found_without_running_anything(project: RetinaProject, composed: Compose) -> None:
    found = composed(project).function
    assert found is not None
    assert found.key == "model_config"
    assert found.file == (project.root / "src/models/retina_net.py").resolve()
    assert found.line is not None
    assert found.file.read_text().splitlines()[found.line - 1].startswith("def train(")
    assert found.takes("dry_run")
    assert not found.takes("colour")


def test_the_library_of_a_project_is_told(make_project: Callable[..., RetinaProject], composed: Compose) -> None:
    assert composed(make_project("dml", name="one")).api == "dml"
    assert composed(make_project("deriva_ml", name="two")).api == "deriva_ml"


def test_a_named_multirun_is_expanded_with_its_description(project: RetinaProject, composed: Compose) -> None:
    found = composed(project, "+multirun=lr_sweep", "model_config.epochs=3")
    assert found.problems == ()
    assert found.is_sweep
    assert found.sweep_name == "lr_sweep"
    assert found.job_count == 4
    assert [job.config["model_config"]["learning_rate"] for job in found.jobs] == [0.0001, 0.001, 0.01, 0.1]
    assert {job.config["model_config"]["epochs"] for job in found.jobs} == {3}
    description = found.jobs[0].config["description"]
    assert description == "# Learning rates\n\nIt's a sweep of *four* rates, 'small' to \"large\"."
    assert found.launcher.endswith("BasicLauncher")


def test_a_grid_on_the_command_line_is_a_sweep_when_asked_for(project: RetinaProject, composed: Compose) -> None:
    found = composed(project, "model_config.epochs=1,2", "+experiment=retina_quick,retina_large", multirun=True)
    assert found.job_count == 4
    assert [job.number for job in found.jobs] == [0, 1, 2, 3]
    assert {tuple(job.overrides) for job in found.jobs} == {
        (f"model_config.epochs={epochs}", f"+experiment={name}")
        for epochs in (1, 2)
        for name in ("retina_quick", "retina_large")
    }
    refused = composed(project, "model_config.epochs=1,2")
    assert refused.jobs[0].problem is not None
    assert "epochs" in refused.jobs[0].problem.message


def test_only_so_many_jobs_are_composed_and_all_are_counted(project: RetinaProject, composed: Compose) -> None:
    found = composed(project, "model_config.epochs=range(0,100)", multirun=True, job_limit=3)
    assert found.job_count == 100
    assert len(found.jobs) == 3


def test_a_sweep_that_a_configuration_sets_up_itself_is_one(project: RetinaProject, composed: Compose) -> None:
    swept = """
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
    path.write_text(path.read_text() + swept)
    found = composed(project, "+experiment=swept")
    assert found.problems == ()
    assert [job.config["model_config"]["epochs"] for job in found.jobs] == [1, 2, 3]


def test_deletions_and_groups_are_passed_on(project: RetinaProject, composed: Compose) -> None:
    job = composed(project, "~assets", "datasets=no_datasets").jobs[0]
    assert job.config["datasets"] == []
    assert job.missing == ("assets",)


def test_what_there_is_to_choose_is_listed(project: RetinaProject, composed: Compose) -> None:
    found = composed(project)
    assert found.groups["experiment"] == ("retina_large", "retina_quick")
    assert found.groups["deriva_ml"] == ("default_deriva", "local_2")
    assert "deriva_model" in found.groups[""]
    assert found.multiruns["quick_vs_large"] == ("+experiment=retina_quick,retina_large",)
    assert found.notebooks == ("roc",)


def test_every_other_configuration_is_tried_when_asked_for(project: RetinaProject, composed: Compose) -> None:
    assert composed(project, others=True).others == ()
    project.edit("src/configs/roc.py", '"roc_quick"', '"roc_lr_sweep"')
    (problem,) = composed(project, others=True).others
    assert problem.subject == "notebook roc"
    assert "assets/roc_lr_sweep" in problem.message


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["+experiment=retina_slow"], "experiment/retina_slow"),
        (["model_config.epoch=3"], "epoch"),
        (["+multirun=nothing"], "no multirun 'nothing'; multiruns: lr_sweep, quick_vs_large"),
        (["model_config.epochs=[1"], "epochs"),
    ],
)
def test_overrides_that_do_not_fit_are_told(
    project: RetinaProject, composed: Compose, overrides: list[str], said: str
) -> None:
    found = composed(project, *overrides)
    problems = [*found.problems, *(job.problem for job in found.jobs if job.problem)]
    assert len(problems) == 1
    assert said in problems[0].message


def test_missing_values_and_dead_interpolations_are_told(
    make_project: Callable[..., RetinaProject], composed: Compose
) -> None:
    project = make_project("dml")
    project.edit("src/configs/retina_net.py", "epochs=1", 'epochs="${nowhere}"')
    project.edit("src/configs/retina_net.py", "from hydra_zen import builds", "from hydra_zen import MISSING, builds")
    project.edit("src/configs/retina_net.py", "hidden=64", "hidden=MISSING")
    quick = composed(project, "model_config=retina_quick").jobs[0]
    assert quick.composed
    assert quick.problem is not None
    assert "nowhere" in quick.problem.message
    assert composed(project, "model_config=retina_large").jobs[0].missing == ("model_config.hidden",)
