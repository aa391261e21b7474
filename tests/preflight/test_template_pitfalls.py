"""Pitfalls of deriva-ml's project template, in a project that imports ``deriva_ml`` where dml is not installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dml.preflight.notebook_call import workflow_types_of
from dml.preflight.results import Report, State
from experiments import RetinaProject

from .sample_catalog import SampleCatalog

RunChecks = Callable[..., Report]


@pytest.fixture
def deriva_ml_project(make_project: Callable[..., RetinaProject], sample: SampleCatalog) -> RetinaProject:
    """A project for deriva-ml without problems."""
    return make_project("deriva_ml", dataset=sample.dataset, asset=sample.asset)


def messages(report: Report) -> list[str]:
    """The messages of the problems in a report."""
    return [result.message for result in report.results if result.state in (State.FAILED, State.WARNING)]


def test_clean_deriva_ml_project_passes(
    deriva_ml_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    if not sample.catalog.target.is_embedded:
        return
    assert messages(run_checks(deriva_ml_project, "+experiment=retina_quick")) == []
    assert messages(run_checks(deriva_ml_project, "+multirun=lr_sweep")) == []


def test_workflow_types_that_are_not_terms(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    deriva_ml_project.edit("src/configs/workflow.py", '["Training"]', '["Image Classification", "Evaluation"]')
    deriva_ml_project.commit()
    reported = messages(run_checks(deriva_ml_project))
    assert [message.partition(";")[0] for message in reported] == [
        'no term "Image Classification" in Workflow_Type',
        'no term "Evaluation" in Workflow_Type',
    ]


def test_notebook_with_an_unknown_asset_option(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    text = 'notebook_config("roc_lr_sweep", config_class=RocConfig, defaults={"assets": "roc_lr_sweep"})\n'
    path = deriva_ml_project.configs / "roc.py"
    path.write_text(path.read_text() + text)
    deriva_ml_project.commit()
    (message,) = messages(run_checks(deriva_ml_project))
    assert message.startswith("notebook roc_lr_sweep does not compose: ")
    report = run_checks(deriva_ml_project, config_name="roc_lr_sweep")
    assert not report.passed
    assert any("assets/roc_lr_sweep" in result.message for result in report.of("configuration"))


def notebook(project: RetinaProject, *cells: str) -> None:
    """Write the notebook of the configuration ``roc`` where the template keeps it."""
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    project.write("notebooks/roc.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": ["# ROC"]}, *code]}))
    project.commit()


FIRST_CELL = (
    "from deriva_ml.execution import run_notebook\n%matplotlib inline\nml, execution, config = run_notebook({})\n"
)


def test_clean_notebook_passes(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    notebook(deriva_ml_project, "x = 1", FIRST_CELL.format("workflow_type='Visualization'"))
    report = run_checks(deriva_ml_project, config_name="roc")
    assert messages(report) == []
    assert [result.message for result in report.of("workflow")] == ["roc · Visualization"]


def test_default_workflow_type_of_a_notebook_is_not_a_term(
    deriva_ml_project: RetinaProject, run_checks: RunChecks
) -> None:
    notebook(deriva_ml_project, FIRST_CELL.format(""))
    report = run_checks(deriva_ml_project, config_name="roc")
    (message,) = messages(report)
    assert message == 'no term "Analysis Notebook" in Workflow_Type; nearest: Analysis'
    assert report.of("workflow")[0].fix == "dml vocab add Workflow_Type 'Analysis Notebook' -d \"…\""
    assert not report.passed


@pytest.mark.parametrize(
    ("call", "types"),
    [
        ("run_notebook(workflow_type=['Training', 'Testing'])", ("Training", "Testing")),
        ("deriva_ml.execution.run_notebook('roc', None, 'ROC', 'Testing')", ("Testing",)),
        ("run_notebook(workflow_name='ROC')", ("Analysis Notebook",)),
        ("run_notebook(workflow_type=KIND)", None),
        ("run_notebook(**options)", None),
        ("run_notebook(*options)", None),
        ("run_notebook(workflow_type=3)", None),
        ("run_notebook(", None),
        ("train()", None),
    ],
)
def test_workflow_types_are_read_from_the_cells(tmp_path: Path, call: str, types: tuple[str, ...] | None) -> None:
    path = tmp_path / "roc.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": f"%time\n!ls\n{call}"}]}))
    assert workflow_types_of(path) == types
    for text in ("no notebook", "[]", '{"cells": [1]}'):
        path.write_text(text)
        assert workflow_types_of(path) is None
    assert workflow_types_of(tmp_path / "none.ipynb") is None


def test_unreadable_notebook_is_skipped(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    for cells in ([], [FIRST_CELL.format("workflow_type=KIND")]):
        if cells:
            notebook(deriva_ml_project, *cells)
        (result,) = run_checks(deriva_ml_project, config_name="roc").of("workflow")
        assert (result.check, result.state) == ("types", State.SKIPPED)
        assert result.message == "the notebook's workflow type could not be determined"


def test_development_option_for_another_catalog(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    deriva_ml_project.edit("src/configs/dev/deriva_local.py", "catalog_id=2", "catalog_id=1")
    deriva_ml_project.commit()
    (message,) = messages(run_checks(deriva_ml_project, "deriva_ml=local_2"))
    assert message == "the option deriva_ml=local_2 refers to catalog 2, but the run uses catalog 1"


def test_placeholder_catalog(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    deriva_ml_project.edit(
        "src/configs/deriva.py", 'hostname="local", catalog_id=1', 'hostname="localhost", catalog_id=0'
    )
    deriva_ml_project.commit()
    assert messages(run_checks(deriva_ml_project)) == ["catalog_id 0 on localhost is a placeholder, not a catalog"]


def test_empty_dataset_option(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    deriva_ml_project.edit(
        "src/configs/datasets.py",
        "datasets_store([Data",
        "datasets_store([], name='retina_none')\ndatasets_store([Data",
    )
    deriva_ml_project.commit()
    assert messages(run_checks(deriva_ml_project, "datasets=retina_none")) == []
    deriva_ml_project.edit("src/configs/datasets.py", "retina_none", "retina_full")
    deriva_ml_project.commit()
    (message,) = messages(run_checks(deriva_ml_project, "datasets=retina_full"))
    assert message == "datasets=retina_full is an empty list: the model gets none"


def test_outdated_readme(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    deriva_ml_project.write(
        "README.md", "Run `uv run python src/deriva_run.py`; `uv run deriva-ml-run --info` lists.\n"
    )
    deriva_ml_project.commit()
    assert [result.partition(" ")[2] for result in messages(run_checks(deriva_ml_project))] == [
        "mentions src/deriva_run.py, which does not exist",
        "lists configurations with --info; use --list-configs",
    ]


def test_outdated_comments(deriva_ml_project: RetinaProject, run_checks: RunChecks) -> None:
    lines = [
        '"""Experiments, run by src/deriva_run.py.',
        "",
        "`uv run deriva-ml-run --info` lists them.",
        '"""',
        "PLACE = 'src/models/nowhere.py'  # a value, not prose",
        "X = 1  # see notebooks/gone.ipynb and src/models/retina_net.py",
        "",
    ]
    deriva_ml_project.write("src/configs/dev/notes.py", "\n".join(lines))
    deriva_ml_project.commit()
    assert messages(run_checks(deriva_ml_project)) == [
        "src/configs/dev/notes.py:1 mentions src/deriva_run.py, which does not exist",
        "src/configs/dev/notes.py:3 lists configurations with --info; use --list-configs",
        "src/configs/dev/notes.py:6 mentions notebooks/gone.ipynb, which does not exist",
    ]


def test_dataset_without_a_version(
    deriva_ml_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    deriva_ml_project.edit("src/configs/datasets.py", 'version="0.1.0"', "version=None")
    deriva_ml_project.commit()
    (message,) = messages(run_checks(deriva_ml_project))
    assert message == f"{sample.dataset} is listed without a version, which deriva-ml reads as 0.0.0"
