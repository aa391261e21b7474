"""Experiments as the catalog keeps them, and the gaps in a catalog's provenance."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.catalog.rows import insert
from dml.deriva_ml import DerivaML
from dml.errors import NotFoundError
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.workflow import Workflow
from targets import Place


@pytest.fixture
def experiment(place: Place, ml: DerivaML, workflow: Workflow, tmp_path: Path) -> Execution:
    """An execution that Hydra's configuration was kept with."""
    composed = tmp_path / "hydra" / "hydra-config"
    composed.mkdir(parents=True)
    (composed / "config.yaml").write_text("epochs: 3\n")
    other = DerivaML(
        place.target.host,
        place.target.catalog_id,
        credential=place.credential,
        hydra_runtime_output_dir=tmp_path / "hydra",
        working_dir=ml.working_dir,
    )
    choices = {"experiment": "quick", "model_config": "small"}
    made = other.create_execution(ExecutionConfiguration(workflow=workflow, config_choices=choices, description="try"))
    with made.execute():
        made.asset_file_path("Execution_Asset", "model.bin", []).write_text(made.execution_rid)
    made.commit_output_assets()
    return made


def test_an_experiment_is_an_execution_with_its_configuration(ml: DerivaML, experiment: Execution) -> None:
    found = ml.lookup_experiment(experiment.execution_rid)
    assert (found.name, found.execution.status) == ("quick", "Uploaded")
    assert found.config_choices["model_config"] == "small"
    assert [one.filename for one in found.outputs] == ["model.bin"]
    assert found.summary()["description"] == "try"
    assert found.summary()["output_assets"][0]["filename"] == "model.bin"
    with pytest.raises(NotFoundError):
        ml.lookup_experiment("9-ZZZZ")


def test_experiments_are_those_with_a_composed_configuration(
    ml: DerivaML, experiment: Execution, workflow: Workflow
) -> None:
    other = ml.create_execution(workflow=workflow, description="by hand")
    ml.catalog.traffic.reset()
    assert [one.execution_rid for one in ml.find_experiments(experiment.workflow_rid)] == [experiment.execution_rid]
    assert ml.catalog.traffic.requests == 1
    assert ml.find_experiments(status="Created") == []
    found = ml.lookup_experiment(other.execution_rid)
    assert (found.name, dict(found.config_choices)) == (other.execution_rid, {})


def test_an_experiment_without_a_kept_configuration(ml: DerivaML) -> None:
    (row,) = insert(ml.catalog, "deriva-ml:Execution", [{"Status": "Uploaded", "Description": "foreign"}])
    found = ml.lookup_experiment(row["RID"])
    assert (found.name, found.configuration, found.outputs) == (row["RID"], {}, ())


def test_gaps_are_found(ml: DerivaML, experiment: Execution, place: Place) -> None:
    if not place.is_real:
        assert ml.audit_provenance().is_complete
    (foreign,) = insert(ml.catalog, "deriva-ml:Execution", [{"Status": "Uploaded"}])
    with pytest.warns(DeprecationWarning, match="create_dataset"):
        dataset = ml.create_dataset(description="nobody's")
    name = f"tag://lab,2024-01-01:file:///{foreign['RID']}"
    row = {"URL": name, "Filename": "x", "Length": 1, "MD5": "0" * 32}
    (file,) = insert(ml.catalog, "deriva-ml:File", [row])
    report = ml.audit_provenance()
    assert foreign["RID"] in report.executions_without_inputs
    assert foreign["RID"] in report.executions_without_workflow
    assert file["RID"] in report.assets_without_producer["deriva-ml:File"]
    assert f"{dataset.dataset_rid}@0.1.0" in report.versions_without_producer
    assert experiment.execution_rid not in report.executions_without_inputs
    assert not report.is_complete
