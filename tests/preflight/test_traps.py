"""The traps of deriva-ml's project template, each found in a project that imports ``deriva_ml`` where dml is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dml.preflight.notebook_call import workflow_types_of
from dml.preflight.results import Report, State
from experiments import RetinaProject

from .world import World

Checked = Callable[..., Report]


@pytest.fixture
def theirs(make_project: Callable[..., RetinaProject], world: World) -> RetinaProject:
    """A good project written for deriva-ml."""
    return make_project("deriva_ml", dataset=world.dataset, asset=world.asset)


def told(report: Report) -> list[str]:
    """What is not well."""
    return [one.message for one in report.results if one.state in (State.FAILED, State.WARNING)]


def test_a_good_project_for_deriva_ml_passes_clean(theirs: RetinaProject, checked: Checked, world: World) -> None:
    if not world.catalog.target.is_embedded:
        return
    assert told(checked(theirs, "+experiment=retina_quick")) == []
    assert told(checked(theirs, "+multirun=lr_sweep")) == []


def test_workflow_types_that_nobody_seeds(theirs: RetinaProject, checked: Checked) -> None:
    theirs.edit("src/configs/workflow.py", '["Training"]', '["Image Classification", "Evaluation"]')
    theirs.commit()
    found = told(checked(theirs))
    assert [message.partition(";")[0] for message in found] == [
        'no term "Image Classification" in Workflow_Type',
        'no term "Evaluation" in Workflow_Type',
    ]


def test_notebooks_that_name_assets_nobody_registers(theirs: RetinaProject, checked: Checked) -> None:
    text = 'notebook_config("roc_lr_sweep", config_class=RocConfig, defaults={"assets": "roc_lr_sweep"})\n'
    path = theirs.configs / "roc.py"
    path.write_text(path.read_text() + text)
    theirs.commit()
    (message,) = told(checked(theirs))
    assert message.startswith("notebook roc_lr_sweep does not compose: ")
    report = checked(theirs, config_name="roc_lr_sweep")
    assert not report.passed
    assert any("assets/roc_lr_sweep" in one.message for one in report.of("configuration"))


def notebook(project: RetinaProject, *cells: str) -> None:
    """Write the notebook of the configuration ``roc``, as it lies in the template."""
    made = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    project.write("notebooks/roc.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": ["# ROC"]}, *made]}))
    project.commit()


BEGINS = "from deriva_ml.execution import run_notebook\n%matplotlib inline\nml, execution, config = run_notebook({})\n"


def test_a_good_notebook_passes_clean(theirs: RetinaProject, checked: Checked) -> None:
    notebook(theirs, "x = 1", BEGINS.format("workflow_type='Visualization'"))
    report = checked(theirs, config_name="roc")
    assert told(report) == []
    assert [one.message for one in report.of("workflow")] == ["roc · Visualization"]


def test_the_type_that_a_notebook_has_by_default_is_seeded_by_nobody(theirs: RetinaProject, checked: Checked) -> None:
    notebook(theirs, BEGINS.format(""))
    report = checked(theirs, config_name="roc")
    (message,) = told(report)
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
def test_what_a_notebook_asks_for_is_read_from_its_cells(
    tmp_path: Path, call: str, types: tuple[str, ...] | None
) -> None:
    path = tmp_path / "roc.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": f"%time\n!ls\n{call}"}]}))
    assert workflow_types_of(path) == types
    for text in ("no notebook", "[]", '{"cells": [1]}'):
        path.write_text(text)
        assert workflow_types_of(path) is None
    assert workflow_types_of(tmp_path / "none.ipynb") is None


def test_a_notebook_that_cannot_be_read_is_told(theirs: RetinaProject, checked: Checked) -> None:
    for cells in ([], [BEGINS.format("workflow_type=KIND")]):
        if cells:
            notebook(theirs, *cells)
        (one,) = checked(theirs, config_name="roc").of("workflow")
        assert (one.check, one.state) == ("types", State.SKIPPED)
        assert one.message == "the notebook's workflow type could not be determined"


def test_options_of_development_on_another_catalog(theirs: RetinaProject, checked: Checked) -> None:
    theirs.edit("src/configs/dev/deriva_local.py", "catalog_id=2", "catalog_id=1")
    theirs.commit()
    (message,) = told(checked(theirs, "deriva_ml=local_2"))
    assert message == "the option deriva_ml=local_2 refers to catalog 2, but the run uses catalog 1"


def test_the_placeholder_catalog(theirs: RetinaProject, checked: Checked) -> None:
    theirs.edit("src/configs/deriva.py", 'hostname="local", catalog_id=1', 'hostname="localhost", catalog_id=0')
    theirs.commit()
    assert told(checked(theirs)) == ["catalog_id 0 on localhost is a placeholder, not a catalog"]


def test_datasets_that_the_user_has_not_filled_in(theirs: RetinaProject, checked: Checked) -> None:
    theirs.edit(
        "src/configs/datasets.py",
        "datasets_store([Data",
        "datasets_store([], name='retina_none')\ndatasets_store([Data",
    )
    theirs.commit()
    assert told(checked(theirs, "datasets=retina_none")) == []
    theirs.edit("src/configs/datasets.py", "retina_none", "retina_full")
    theirs.commit()
    (message,) = told(checked(theirs, "datasets=retina_full"))
    assert message == "datasets=retina_full is an empty list: the model gets none"


def test_documents_that_are_out_of_date(theirs: RetinaProject, checked: Checked) -> None:
    theirs.write("README.md", "Run `uv run python src/deriva_run.py`; `uv run deriva-ml-run --info` lists.\n")
    theirs.commit()
    assert [one.partition(" ")[2] for one in told(checked(theirs))] == [
        "mentions src/deriva_run.py, which does not exist",
        "lists configurations with --info; use --list-configs",
    ]


def test_comments_that_are_out_of_date(theirs: RetinaProject, checked: Checked) -> None:
    lines = [
        '"""Experiments, run by src/deriva_run.py.',
        "",
        "`uv run deriva-ml-run --info` lists them.",
        '"""',
        "PLACE = 'src/models/nowhere.py'  # a value, which is nobody's word",
        "X = 1  # see notebooks/gone.ipynb and src/models/retina_net.py",
        "",
    ]
    theirs.write("src/configs/dev/notes.py", "\n".join(lines))
    theirs.commit()
    assert told(checked(theirs)) == [
        "src/configs/dev/notes.py:1 mentions src/deriva_run.py, which does not exist",
        "src/configs/dev/notes.py:3 lists configurations with --info; use --list-configs",
        "src/configs/dev/notes.py:6 mentions notebooks/gone.ipynb, which does not exist",
    ]


def test_a_dataset_named_without_a_version(theirs: RetinaProject, checked: Checked, world: World) -> None:
    theirs.edit("src/configs/datasets.py", 'version="0.1.0"', "version=None")
    theirs.commit()
    (message,) = told(checked(theirs))
    assert message == f"{world.dataset} is listed without a version, which deriva-ml reads as 0.0.0"
