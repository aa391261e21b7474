"""``--cfg [MODE]`` and ``--info [MODE]`` of ``dml run`` and ``dml run-notebook``: with and without a mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.runner import run
from dml.cli.experiment_options import with_modes
from experiments import RetinaProject


@pytest.fixture
def retina(make_project: Callable[..., RetinaProject], monkeypatch: pytest.MonkeyPatch) -> RetinaProject:
    """A project with a notebook as the working directory; nothing in it is run."""
    project = make_project("dml")
    project.write("notebooks/roc.ipynb", "{}")
    monkeypatch.chdir(project.root)
    return project


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--cfg", "--cfg job"),
        ("--info", "--info all"),
        ("--cfg hydra", "--cfg hydra"),
        ("--cfg all --info plugins", "--cfg all --info plugins"),
        ("--info defaults-tree --cfg", "--info defaults-tree --cfg job"),
        ("--cfg --info", "--cfg job --info all"),
        ("--cfg --package model_config", "--cfg job --package model_config"),
        ("--cfg datasets=none", "--cfg job datasets=none"),
        ("--cfg +experiment=x", "--cfg job +experiment=x"),
        ("--cfg ~script_config --info a.b=c", "--cfg job ~script_config --info all a.b=c"),
        ("--cfg all=1", "--cfg job all=1"),
        ("--info job", "--info all job"),
        ("--cfg=all --info=config", "--cfg=all --info=config"),
        ("roc.ipynb --cfg assets=none", "roc.ipynb --cfg job assets=none"),
        ("+experiment=x --cfg job", "+experiment=x --cfg job"),
        ("-- --cfg", "-- --cfg"),
        ("", ""),
    ],
)
def test_only_a_mode_is_the_value_of_a_display_option(line: str, expected: str) -> None:
    assert with_modes(line.split()) == expected.split()


@pytest.mark.parametrize(
    ("arguments", "printed", "not_printed"),
    [
        (["--cfg", "+experiment=retina_quick"], "epochs: 1\n", "hydra:"),
        (["+experiment=retina_quick", "--cfg"], "epochs: 1\n", "hydra:"),
        (["--cfg", "model_config.epochs=7"], "epochs: 7\n", "hydra:"),
        (["--cfg", "hydra"], "hydra:\n", "epochs:"),
        (["--cfg=all", "--package", "model_config"], "learning_rate: 0.001\n", "hydra:"),
        (["--info", "+experiment=retina_quick"], "epochs: 1\n", "no such text"),
        (["--info", "defaults", "+experiment=retina_quick"], "experiment/retina_quick", "epochs: 1\n"),
    ],
)
def test_configuration_of_a_run_is_printed(
    retina: RetinaProject, capfd: pytest.CaptureFixture[str], arguments: list[str], printed: str, not_printed: str
) -> None:
    assert run("run", *arguments).code == 0
    arguments_file = capfd.readouterr().out
    assert printed in arguments_file
    assert not_printed not in arguments_file


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["--cfg", "threshold=0.7"], "threshold: 0.7\n"),
        (["--cfg", "job"], "description: ROC curves\n"),
        (["--info", "defaults", "threshold=0.7"], "assets/roc_quick"),
        (["threshold=0.7", "--info"], "threshold: 0.7\n"),
    ],
)
def test_configuration_of_a_notebook_is_printed(
    retina: RetinaProject, capfd: pytest.CaptureFixture[str], arguments: list[str], printed: str
) -> None:
    assert run("run-notebook", "notebooks/roc.ipynb", *arguments).code == 0
    assert printed in capfd.readouterr().out


def test_deriva_ml_project_is_displayed_by_its_own_runner(
    make_project: Callable[..., RetinaProject], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = make_project("deriva_ml", name="theirs")
    project.write("notebooks/roc.ipynb", "{}")
    monkeypatch.chdir(project.root)
    arguments_file = tmp_path / "told.json"
    monkeypatch.setenv("STAND_IN_RUNNER_TELLS", str(arguments_file))
    config = ["--config-dir", str(project.configs), "--config-name"]
    assert run("run", "--cfg", "+experiment=retina_quick").code == 0
    assert json.loads(arguments_file.read_text()) == [
        *config,
        "deriva_model",
        "+experiment=retina_quick",
        "--cfg",
        "job",
    ]
    assert run("run-notebook", "notebooks/roc.ipynb", "--info").code == 0
    assert json.loads(arguments_file.read_text()) == [*config, "roc", "--info", "all"]


def test_unknown_mode(retina: RetinaProject) -> None:
    refused = run("run", "--cfg=everything")
    assert refused.code == 2
    assert "`everything` is not one of `job`, `hydra`, `all`" in refused.stderr
    refused = run("run", "--info", "everything")
    assert refused.code == 2
    assert "'everything' is neither an override nor a RID" in refused.stderr


def test_broken_configuration_is_reported_instead_of_printed(retina: RetinaProject) -> None:
    for arguments in (["run"], ["run-notebook", "notebooks/roc.ipynb"]):
        refused = run(*arguments, "--cfg", "assets=none_such")
        assert refused.code == 2
        assert "assets/none_such" in refused.stderr
