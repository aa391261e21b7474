"""``dml run-notebook``: a notebook as an execution, with the executed notebook and its Markdown export as outputs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.runner import run
from dml.catalog.connection import Catalog
from dml.catalog.rows import select
from experiments import RetinaProject
from preflight.sample_catalog import SampleCatalog, make_sample_catalog


@pytest.fixture
def sample(catalog: Catalog, domain: str, tmp_path: Path) -> SampleCatalog:
    """A catalog with inputs."""
    folder = tmp_path / "files"
    folder.mkdir()
    return make_sample_catalog(catalog, domain, folder)


def notebook(*cells: str) -> str:
    """A notebook whose first cell contains its parameters."""
    code: list[dict[str, Any]] = []
    for number, source in enumerate(cells):
        tags = {"tags": ["parameters"]} if not number else {}
        code.append(
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": tags,
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
        )
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


FIRST_CELL = "from dml.experiment import run_notebook\nml, execution, config = run_notebook(workflow_type='Training')"
WRITE = (
    "execution.asset_file_path('Execution_Asset', 'roc.json', asset_types='Output_File')"
    ".write_text(str([threshold, config.threshold]))\nprint('area', threshold)"
)


@pytest.fixture
def retina(
    make_project: Callable[..., RetinaProject], sample: SampleCatalog, monkeypatch: pytest.MonkeyPatch
) -> RetinaProject:
    """A project without problems and with a notebook, as the working directory."""
    project = make_project("dml", dataset=sample.dataset, asset=sample.asset)
    project.write("notebooks/roc.ipynb", notebook("threshold = 0.5", FIRST_CELL, WRITE))
    project.commit()
    monkeypatch.chdir(project.root)
    return project


def outputs(catalog: Catalog, execution: str) -> dict[str, dict[str, Any]]:
    """The output files of an execution, by name."""
    edges = select(
        catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": execution, "Asset_Role": "Output"}
    )
    rows = select(catalog, "deriva-ml:Execution_Asset", where={"RID": [edge["Execution_Asset"] for edge in edges]})
    return {str(row["Filename"]): row for row in rows}


def test_notebook_becomes_an_execution(retina: RetinaProject, sample: SampleCatalog) -> None:
    result = run("run-notebook", "notebooks/roc.ipynb", "-p", "threshold", "0.4", "threshold=0.7", "--yes", "--json")
    assert result.code == 0, result.stdout + result.stderr
    document = json.loads(result.stdout.splitlines()[-1])
    assert document["status"] == "Uploaded"
    assert set(outputs(sample.catalog, document["execution"])) == {"roc.ipynb", "roc.md", "roc.json"}
    row = select(sample.catalog, "deriva-ml:Execution", where={"RID": document["execution"]})[0]
    workflow = select(sample.catalog, "deriva-ml:Workflow", where={"RID": row["Workflow"]})[0]
    assert str(workflow["URL"]).endswith("notebooks/roc.ipynb")
    assert row["Description"] == "ROC curves"


def test_error_in_a_cell_fails_the_execution(retina: RetinaProject, sample: SampleCatalog) -> None:
    retina.write("notebooks/roc.ipynb", notebook("threshold = 0.5", FIRST_CELL, WRITE, "raise ValueError('no area')"))
    retina.commit()
    result = run("run-notebook", "notebooks/roc.ipynb", "--yes", "--json")
    assert result.code == 1
    document = json.loads(result.stdout.splitlines()[-1])
    assert document["status"] == "Failed"
    row = select(sample.catalog, "deriva-ml:Execution", where={"RID": document["execution"]})[0]
    assert "ValueError: no area" in str(row["Status_Detail"])


def test_parameters_of_a_notebook(retina: RetinaProject, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("run-notebook", "notebooks/roc.ipynb", "--inspect").code == 0
    assert json.loads(capfd.readouterr().out)["threshold"]["default"] == "0.5"


def test_refused_notebooks(retina: RetinaProject, tmp_path: Path) -> None:
    assert run("run-notebook", "notebooks/none.ipynb").code == 6
    bad = tmp_path / "bad.yaml"
    bad.write_text("- 1\n")
    assert run("run-notebook", "notebooks/roc.ipynb", "--file", str(bad), "--yes").code == 2
    assert run("run-notebook", "notebooks/roc.ipynb", "assets=none_such", "--yes").code == 8


def test_dry_run_of_a_notebook_writes_no_catalog(retina: RetinaProject, sample: SampleCatalog) -> None:
    before = sample.catalog.snaptime()
    result = run("run-notebook", "notebooks/roc.ipynb", "dry_run=true", "--json")
    assert result.code == 0, result.stdout + result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["dry_run"] is True
    assert sample.catalog.snaptime() == before


def test_deriva_ml_notebook_is_run_by_its_own_runner(
    make_project: Callable[..., RetinaProject], sample: SampleCatalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = make_project("deriva_ml", dataset=sample.dataset, asset=sample.asset, name="theirs")
    project.write("notebooks/roc.ipynb", notebook("threshold = 0.5"))
    project.commit()
    monkeypatch.chdir(project.root)
    arguments_file = tmp_path / "told.json"
    monkeypatch.setenv("STAND_IN_RUNNER_TELLS", str(arguments_file))
    arguments = ["run-notebook", "notebooks/roc.ipynb", "-p", "threshold", "0.4", "threshold=0.7", "--log-output"]
    result = run(*arguments, "--yes", "--json")
    assert result.code == 0, result.stdout + result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["execution"] is None
    path = str(project.root / "notebooks" / "roc.ipynb")
    environment, *given = json.loads(arguments_file.read_text())
    assert given == [path, "--parameter", "threshold", "0.4", "--log-output", "threshold=0.7"]
    assert environment == str(project.root / ".venv")
    refused = run(*arguments, "--config-name", "deriva_model", "--yes")
    assert refused.code == 2
    assert "takes the configuration roc for roc.ipynb, not deriva_model" in refused.stderr


def test_default_workflow_type_is_that_of_deriva_ml(retina: RetinaProject, sample: SampleCatalog) -> None:
    retina.write(
        "notebooks/roc.ipynb", notebook("threshold = 0.5", FIRST_CELL.replace("workflow_type='Training'", ""), WRITE)
    )
    retina.commit()
    refused = run("run-notebook", "notebooks/roc.ipynb", "--yes")
    assert refused.code == 8
    assert 'no term "Analysis Notebook" in Workflow_Type' in refused.stdout
    add = re.search(r"fix: (dml vocab add .*)", refused.stdout)
    assert add is not None
    arguments = [*shlex.split(add[1])[1:-1], "Looks at results in a notebook"]
    target = ["--host", sample.catalog.target.host, "--catalog", sample.catalog.target.catalog_id]
    assert run(*arguments, *target).code == 0
    result = run("run-notebook", "notebooks/roc.ipynb", "--yes", "--json")
    assert result.code == 0, result.stdout + result.stderr
    rid = json.loads(result.stdout.splitlines()[-1])["execution"]
    row = select(sample.catalog, "deriva-ml:Execution", where={"RID": rid})[0]
    types = select(sample.catalog, "deriva-ml:Workflow_Workflow_Type", where={"Workflow": row["Workflow"]})
    assert [row["Workflow_Type"] for row in types] == ["Analysis Notebook"]
