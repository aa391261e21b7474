"""Older names: each does what its successor does, and says in one sentence which one that is."""

from __future__ import annotations

import pytest

import dml
from dml.api.execution import Execution
from dml.catalog.retry_override import patience
from dml.deriva_ml import DerivaML
from dml.errors import UsageError
from dml.execution.workflow import Workflow
from dml.upload.report import UploadProgress


def test_an_execution_is_restored_by_the_older_name(ml: DerivaML, execution: Execution) -> None:
    with pytest.warns(DeprecationWarning, match="resume_execution"):
        assert ml.restore_execution(execution.execution_rid).status == "Created"


def test_outputs_are_uploaded_by_the_older_name(ml: DerivaML, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a.bin", []).write_text(execution.execution_rid)
    seen: list[UploadProgress] = []
    attempts = ml.catalog.policy.attempts
    with pytest.warns(DeprecationWarning, match="commit_output_assets"):
        found = execution.upload_execution_outputs(
            clean_folder=False,
            progress_callback=seen.append,
            max_retries=1,
            retry_delay=0.5,
            timeout=(6, 1800),
            chunk_size=1_000_000,
        )
    assert [path.file_name for path in found["Execution_Asset"]] == ["a.bin"]
    assert "a.bin" in {one.file_name for one in seen}
    assert seen[-1].phase == "done"
    assert ml.catalog.policy.attempts == attempts


def test_patience_holds_within_the_block_only(ml: DerivaML) -> None:
    policy = ml.catalog.policy
    before = vars(policy).copy()
    with patience(ml.catalog, 2, 7.0, None):
        assert (policy.attempts, policy.first_wait, policy.time_limit) == (3, 7.0, 600.0)
    with patience(ml.catalog, 0, 1.0, (6, 30)):
        assert (policy.attempts, policy.time_limit, policy.patience) == (1, 30, 30)
    assert vars(policy) == before


def test_parts_are_listed_by_the_older_names(ml: DerivaML, workflow: Workflow, execution: Execution) -> None:
    child = ml.create_execution(workflow=workflow)
    execution.add_nested_execution(child)
    rid = execution.execution_rid
    for listing in (
        execution.list_nested_executions,
        execution.execution_record.list_nested_executions,
        lambda: ml.list_nested_executions(rid),
    ):
        with pytest.warns(DeprecationWarning, match="list_execution_children"):
            assert [one.execution_rid for one in listing()] == [child.execution_rid]
    for listing in (
        child.list_parent_executions,
        child.execution_record.list_parent_executions,
        lambda: ml.list_parent_executions(child.execution_rid),
    ):
        with pytest.warns(DeprecationWarning, match="list_execution_parents"):
            assert [one.execution_rid for one in listing()] == [rid]


def test_the_older_statuses_are_those_that_took_their_place(execution: Execution) -> None:
    with pytest.warns(DeprecationWarning, match="ExecutionStatus"):
        status = dml.Status
    execution.update_status(status.running, "half")
    assert execution.status == "Running"
    execution.update_status(status.completed)
    assert execution.status == "Stopped"
    with pytest.raises(UsageError, match="unknown execution status"):
        execution.update_status("Completed")


def test_datasets_are_made_by_the_older_names(ml: DerivaML, execution: Execution) -> None:
    with pytest.warns(DeprecationWarning, match=r"Execution\.create_dataset"):
        made = ml.create_dataset(execution.execution_rid, "1.0.0", "Training", "older")
    assert (str(made.current_version), made.execution_rid) == ("1.0.0", execution.execution_rid)
    with pytest.warns(DeprecationWarning, match="release_dataset"):
        assert str(ml.increment_dataset_version(made.dataset_rid, "patch")) == "1.0.1"
    with pytest.warns(DeprecationWarning, match="release"):
        assert str(made.increment_dataset_version("major")) == "2.0.0"


def test_feature_values_by_the_older_names(ml: DerivaML, execution: Execution) -> None:
    ml.create_feature("Execution_Asset", "Checked", assets=["File"], optional=["File"])
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    rid = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    record = ml.feature_record_class("Execution_Asset", "Checked")
    with pytest.warns(DeprecationWarning, match=r"Execution\.add_features"):
        assert ml.add_features([record(Execution_Asset=rid, Execution=execution.execution_rid)]) == 1
    with pytest.warns(DeprecationWarning, match="add_features"), pytest.raises(UsageError, match="no execution"):
        ml.add_features([record(Execution_Asset=rid)])
    execution.commit_output_assets()
    with pytest.warns(DeprecationWarning, match="feature_values"):
        (value,) = ml.list_feature_values("Execution_Asset", "Checked", "newest")
    assert (value.target, value.execution) == (rid, execution.execution_rid)
