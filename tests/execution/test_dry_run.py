"""Dry runs: checked and given their inputs like any execution, and no catalog or workspace ever hears of them."""

from __future__ import annotations

import pytest

from dml.api.execution import Execution
from dml.asset.file_spec import FileSpec
from dml.deriva_ml import DerivaML
from dml.errors import ConflictError, NotFoundError
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.workflow import Workflow


@pytest.fixture
def inputs(ml: DerivaML, execution: Execution) -> tuple[str, str]:
    """An asset and a dataset."""
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "model.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    rid = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    assert rid is not None
    return rid, execution.create_dataset("Training").dataset_rid


def test_a_dry_run_lives_like_an_execution_and_writes_nothing(
    ml: DerivaML, workflow: Workflow, inputs: tuple[str, str], execution: Execution
) -> None:
    asset, dataset = inputs
    before = ml.list_executions()
    ml.catalog.traffic.reset()
    dry = ml.create_execution(workflow=workflow, assets=[asset], datasets=[dataset], description="dry", dry_run=True)
    assert (dry.execution_rid, dry.workflow_rid, dry.status, dry.dry_run) == ("0000", "0000", "Created", True)
    with dry.execute() as running:
        assert running.asset_paths["Execution_Asset"][0].read_text() == execution.execution_rid
        assert str(running.datasets[0]) == f"{dataset}@0.1.0"
        assert running.download_dataset_bag(running.datasets[0]).dataset_rid == dataset
        assert running.download_asset(asset).asset_rid == asset
        running.asset_file_path("Execution_Asset", "out.bin", []).write_text("x")
        running.metrics_file().write_text("{}")
        running.update_status("Running", "halfway")
        running.add_nested_execution(execution)
        running.add_input_dataset(dataset)
    assert dry.status == "Stopped"
    assert dry.start_time is not None
    assert dry.pending_summary().has_pending
    report = dry.commit_output_assets()
    assert report.nothing_done
    assert dry.status == "Uploaded"
    assert (dry.is_nested(), dry.is_parent(), dry.list_assets()) == (False, False, [])
    assert (dry.list_execution_children(), dry.list_execution_parents()) == ([], [])
    assert [(one.dataset_rid, one.version) for one in dry.list_input_datasets()] == [(dataset, "0.1.0")]
    assert {method for method, _, _ in ml.catalog.traffic.log} == {"GET"}
    assert ml.list_executions() == before
    assert len(ml.find_executions(status="Created")) == 0


def test_a_dry_run_fails_with_the_program_and_may_say_more(ml: DerivaML, workflow: Workflow) -> None:
    dry = ml.create_execution(workflow=workflow, dry_run=True)
    with pytest.raises(ValueError, match="bad"), dry.execute():
        raise ValueError("bad")
    dry.update_status("Failed", "looked at by hand")
    assert (dry.status, dry.error) == ("Failed", "ValueError: bad")


def test_what_would_write_the_catalog_is_refused(ml: DerivaML, workflow: Workflow) -> None:
    dry = ml.create_execution(ExecutionConfiguration(workflow=workflow), dry_run=True)
    with pytest.raises(ConflictError, match="dry run"):
        dry.create_dataset("Training")
    with pytest.raises(ConflictError, match="dry run"):
        dry.add_files([FileSpec("/a", "0" * 32, 1)])
    with pytest.raises(ConflictError, match="dry run"):
        dry.upload_assets("/nowhere")
    with pytest.raises(ConflictError, match="dry run"):
        _ = dry.execution_record


def test_a_dry_run_is_checked_like_an_execution(ml: DerivaML, workflow: Workflow) -> None:
    with pytest.raises(NotFoundError):
        ml.create_execution(workflow=workflow, datasets=["9-ZZZZ"], dry_run=True)
    with pytest.raises(NotFoundError):
        ml.create_execution(workflow=workflow, assets=["9-ZZZZ"], dry_run=True)
    dry = ml.create_execution(workflow=workflow, dry_run=True)
    with dry.execute(), pytest.raises(NotFoundError):
        dry.asset_file_path("Unheard_Of", "x")
