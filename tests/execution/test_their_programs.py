"""Programs as users of deriva-ml write them, ``dml`` standing where ``deriva_ml`` stood: the names they know work."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hydra_zen import builds, instantiate

import dml
from dml import (
    AssetRID,
    AssetSpecConfig,
    BaseConfig,
    DatasetSpecConfig,
    DerivaML,
    DerivaMLConfig,
    DerivaMLModel,
    DescribedList,
    DownloadedDatasets,
    Execution,
    ExecutionConfiguration,
    ExecutionStatus,
    FeatureRecord,
    FileUploadState,
    LineageNode,
    LineageResult,
    MultirunSpec,
    Term,
    UploadReport,
    Workflow,
    create_model_config,
    get_all_multirun_configs,
    get_multirun_config,
    get_notebook_configuration,
    list_multirun_configs,
    load_configs,
    multirun_config,
    reset_multirun_state,
    run_model,
    run_notebook,
    with_description,
)
from dml.errors import DmlError, IllegalTransitionError, NotFoundError
from dml.experiment.notebook_configs import compose_notebook
from targets import Place

Unique = Callable[[str], str]


def test_from_a_configuration_to_the_lineage_of_an_output(ml: DerivaML, workflow: Workflow) -> None:
    config = ExecutionConfiguration(workflow=workflow, description="Training run")
    with ml.create_execution(config) as exe:
        exe.update_status(ExecutionStatus.RUNNING, "epoch 1/2")
        model = exe.asset_file_path("Execution_Asset", "best.pt", asset_types=["Model_File"])
        model.write_text(exe.execution_rid)
        assert isinstance(model, dml.AssetFilePath)
        assert model.file_name == "best.pt"
        model.set_asset_types(["Model_File", "Output_File"])
        assert model.asset_types == ["Model_File", "Output_File"]
        with exe.metrics_file().open("a") as metrics:
            metrics.write(json.dumps({"epoch": 0, "loss": 0.5}) + "\n")
        assert exe.table_path("Execution").parent.is_dir()
    assert exe.start_time is not None
    assert exe.stop_time is not None
    assert exe.start_time <= exe.stop_time
    assert exe.catalog is ml
    report = exe.commit_output_assets()
    assert isinstance(report, UploadReport)
    assert (report.total_uploaded, report.total_failed, report.errors) == (2, 0, [])
    outputs = exe.list_assets(asset_role="Output")
    (made,) = [one for one in outputs if one.asset_table == "Execution_Asset"]
    assert isinstance(made, dml.Asset)
    assert set(made.asset_types) == {"Model_File", "Output_File"}
    assert isinstance(ml.lookup_execution(exe.execution_rid), dml.ExecutionRecord)
    lineage = ml.lookup_lineage(made.asset_rid)
    assert isinstance(lineage, LineageResult)
    assert isinstance(lineage.lineage, LineageNode)
    assert lineage.lineage.execution.rid == exe.execution_rid
    with pytest.raises(DmlError):
        exe.abort()
    with pytest.raises(IllegalTransitionError):
        exe.update_status(ExecutionStatus.FAILED)


def test_inputs_are_named_read_and_asked(ml: DerivaML, workflow: Workflow, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "in.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    asset = str(execution.uploaded_assets["Execution_Asset"][0].asset_rid)
    dataset = execution.create_dataset("Training", description="inputs").dataset_rid
    config = ExecutionConfiguration(datasets=[dataset], assets=[asset, {"rid": execution.execution_rid}])  # type: ignore[list-item]
    assert [one.rid for one in config.assets] == [asset, execution.execution_rid]  # type: ignore[union-attr]
    with ml.create_execution(datasets=[dataset], assets=[asset], workflow=workflow) as exe:
        assert exe.dataset_rids == [dataset]
        assert [path.asset_rid for path in exe.asset_paths["Execution_Asset"]] == [asset]
        assert "Input_File" in exe.download_asset(asset, exe.working_dir / "inputs").asset_types
        bag = exe.download_dataset_bag(exe.datasets[0])
        assert bag.dataset_rid == dataset
        assert (bag.path / "data").is_dir()
        assert isinstance(exe.database_catalog, DownloadedDatasets)
    assert [one.dataset_rid for one in exe.list_input_datasets()] == [dataset]
    assert ml.resume_execution(exe.execution_rid).status == "Stopped"
    report = ml.commit_pending_executions(execution_rids=[exe.execution_rid])
    assert report.execution_rids == [exe.execution_rid]


def test_a_configuration_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"description": "from a file", "assets": ["1-AAAA"], "config_choices": {"a": "b"}}))
    config = ExecutionConfiguration.load_configuration(path)
    assert (config.description, config.config_choices) == ("from a file", {"a": "b"})


def test_records_of_features_and_terms(ml: DerivaML, domain: str, execution: Execution) -> None:
    ml.create_vocabulary("Grade", schema=domain)
    added = ml.add_term(table=f"{domain}:Grade", term_name="Mild", description="Little to see")
    assert isinstance(added, Term)
    ml.create_feature("Execution_Asset", "Graded", terms=["Grade"])
    record = ml.lookup_feature("Execution_Asset", "Graded").feature_record_class()
    assert issubclass(record, FeatureRecord)
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    rid = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    assert execution.add_features([record(Execution_Asset=rid, Grade="Mild")]) == 1
    execution.commit_output_assets()
    assert [one.values["Grade"] for one in ml.feature_values("Execution_Asset", "Graded")] == ["Mild"]


def test_a_directory_of_outputs_has_a_state_for_each_file(execution: Execution, tmp_path: Path) -> None:
    file = tmp_path / "out" / "Execution_Asset" / "a.bin"
    file.parent.mkdir(parents=True)
    file.write_text(execution.execution_rid)
    with execution.execute():
        states = execution.upload_assets(tmp_path / "out")
    assert states is not None
    assert [type(one) for one in states.values()] == [FileUploadState]


def test_inputs_in_configurations_carry_descriptions(unique: Unique) -> None:
    asset = AssetRID("3RA", "Pretrained weights")
    assert (str(asset), asset.rid, asset.description) == ("3RA", "3RA", "Pretrained weights")
    described = instantiate(with_description(["3RA", "3RB"], "Two models"))
    assert isinstance(described, DescribedList)
    assert (list(described), described.description) == (["3RA", "3RB"], "Two models")
    assert instantiate(AssetSpecConfig(rid="3RA", cache=True)) == dml.AssetSpec("3RA", cache=True)
    assert str(instantiate(DatasetSpecConfig(rid="28CT", version="0.21.0"))) == "28CT@0.21.0"


def test_sweeps_have_names(unique: Unique) -> None:
    name = unique("sweep")
    made = multirun_config(name, overrides=["model_config.learning_rate=0.1,0.2"], description="## Two rates")
    assert isinstance(made, MultirunSpec)
    assert get_multirun_config(name) == made == get_all_multirun_configs()[name]
    assert name in list_multirun_configs()
    assert get_multirun_config(unique("none")) is None


@dataclass
class CurveConfig(BaseConfig):
    """A notebook's configuration with a field of its own."""

    bins: int = 10


PACKAGE = """
from hydra_zen import store
from dml import DerivaMLConfig, notebook_config
from execution.test_their_programs import CurveConfig
from hydra_zen import builds

store(builds(DerivaMLConfig, hostname={host!r}, catalog_id={catalog!r}, credential={credential!r}),
      group="deriva_ml", name={name!r})
store([], group="datasets", name={name!r})
store([], group="assets", name={name!r})
notebook_config({name!r}, config_class=CurveConfig, bins=20,
                defaults={{"deriva_ml": {name!r}, "datasets": {name!r}, "assets": {name!r}}})
"""


@pytest.fixture
def package(place: Place, unique: Unique, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A configuration package, importable, with one notebook configuration of its own name."""
    name = unique("lab").replace("-", "_")
    directory = tmp_path / "site" / name
    directory.mkdir(parents=True)
    (directory / "__init__.py").touch()
    credential = None if place.credential is None else dict(place.credential)
    told = {"host": place.target.host, "catalog": place.target.catalog_id, "credential": credential, "name": name}
    (directory / "curves.py").write_text(PACKAGE.format(**told))
    monkeypatch.syspath_prepend(str(directory.parent))
    return name


def test_a_notebook_begins_with_its_configuration(
    package: str, unique: Unique, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_configs(package) == [f"{package}.curves"]
    dml.notebook_config(unique("plain"), defaults={"assets": package})
    found = compose_notebook(package, ["bins=30"], config_package=package)
    assert (found.bins, found.description) == (30, "")
    with pytest.raises(NotFoundError, match="no notebook configuration 'nowhere'"):
        compose_notebook("nowhere", config_package=package)
    curves = import_module(f"{package}.curves")
    assert get_notebook_configuration(curves.CurveConfig, package, ["bins=31"]).bins == 31
    other = unique("histogram")
    assert get_notebook_configuration(builds(curves.CurveConfig, bins=7), other, job_name="mine").bins == 7
    assert {one.name for one in fields(BaseConfig)} < {one.name for one in fields(found)}
    monkeypatch.setenv("DERIVA_ML_WORKFLOW_URL", f"https://example.org/{package}.ipynb")
    monkeypatch.setenv("DERIVA_ML_WORKFLOW_CHECKSUM", package)
    ml, execution, config = run_notebook(
        package, ["bins=40"], config_package=package, workflow_name=package, workflow_type="Analysis"
    )
    assert (config.bins, execution.status) == (40, "Running")
    assert config.config_choices["assets"] == package
    execution.execution_stop()
    execution.commit_output_assets()
    assert ml.lookup_execution(execution.execution_rid).status == "Uploaded"
    ml.session.close()


def test_a_model_runs_as_an_execution(ml: DerivaML, place: Place, workflow: Workflow) -> None:
    done: dict[str, Any] = {}

    def model(epochs: int = 1, *, ml_instance: Any = None, execution: Any = None) -> int:
        execution.asset_file_path("Execution_Asset", "model.bin", []).write_text(execution.execution_rid)
        done.update(rid=execution.execution_rid, host=ml_instance.host_name)
        return epochs

    assert isinstance(model, DerivaMLModel)
    config = DerivaMLConfig(ml.host_name, ml.catalog_id, credential=place.credential)
    assert run_model(config, [], [], "one epoch", workflow, model) == 1
    assert ml.lookup_execution(done["rid"]).status == "Uploaded"
    assert done["host"] == ml.host_name
    reset_multirun_state()
    main = create_model_config(DerivaML, description="the main one")
    assert main.description == "the main one"
