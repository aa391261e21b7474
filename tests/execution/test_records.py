"""Executions of the catalog: found by what they have to do with, in few requests; their parts; the workspace's list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dml.api.execution import Execution
from dml.deriva_ml import DerivaML
from dml.errors import ConflictError, IllegalTransitionError, NotFoundError, UsageError
from dml.execution.workflow import Workflow


@pytest.fixture
def asset(execution: Execution) -> str:
    """An asset that the first execution made."""
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "made.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    rid = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    assert rid is not None
    return rid


def test_executions_are_found_by_workflow_type_and_status(ml: DerivaML, workflow: Workflow) -> None:
    made = [ml.create_execution(workflow=workflow, description=str(n)).execution_rid for n in range(5)]
    rid = ml.lookup_execution(made[0]).workflow_rid
    ml.catalog.schema()
    ml.catalog.traffic.reset()
    found = ml.find_executions(workflow=rid, workflow_type="Training", status="Created")
    assert ml.catalog.traffic.requests <= 3
    assert [one.execution_rid for one in found] == made
    assert [one.execution_rid for one in ml.find_executions(rid, sort=True)] == made[::-1]
    assert [one.description for one in ml.find_executions(rid, sort=lambda one: -int(one.description))] == list("43210")
    assert ml.find_executions(rid, workflow_type="Testing") == []
    assert ml.find_executions(rid, status=["Running", "Uploaded"]) == []
    assert ml.lookup_workflow(str(rid)).workflow_type == ["Training"]
    assert [one.execution_rid for one in ml.list_workflow_executions(str(rid))] == made
    assert ml.multirun_status_summary(str(rid)) == {"workflow_rid": rid, "counts": {"Created": 5}, "total": 5}


def test_executions_are_found_by_the_data_they_read_and_made(
    ml: DerivaML, workflow: Workflow, execution: Execution, asset: str
) -> None:
    dataset = execution.create_dataset("Training", description="inputs")
    user = ml.create_execution(workflow=workflow, datasets=[dataset.dataset_rid], assets=[asset])
    rid = dataset.dataset_rid
    for role, expected in (
        ("input", [user.execution_rid]),
        ("output", [execution.execution_rid]),
        ("any", [execution.execution_rid, user.execution_rid]),
    ):
        ml.catalog.traffic.reset()
        found = ml.find_executions(dataset=rid, dataset_role=role, workflow_type="Training")  # type: ignore[arg-type]
        assert [one.execution_rid for one in found] == expected
        assert ml.catalog.traffic.requests <= 3
    assert [one.execution_rid for one in dataset.list_executions()] == [execution.execution_rid, user.execution_rid]
    assert [one.execution_rid for one in ml.find_executions_consuming(rid)] == [user.execution_rid]
    assert [one.execution_rid for one in ml.find_executions_consuming(asset)] == [user.execution_rid]
    assert [one.execution_rid for one in ml.list_asset_executions(asset, "Output")] == [execution.execution_rid]
    assert len(ml.list_asset_executions(asset)) == 2
    assert [one.asset_rid for one in ml.list_execution_assets(user.execution_rid, "Input")] == [asset]
    record = user.execution_record
    assert [(one.dataset_rid, one.version, one.dataset_types) for one in record.list_input_datasets()] == [
        (rid, "0.1.0", ("Training",))
    ]
    assert [one.rid for one in record.list_assets("Input")] == [asset]
    lineage = ml.lookup_lineage(user.execution_rid)
    assert lineage.executions_visited == 2
    with pytest.raises(UsageError):
        ml.find_executions(dataset=rid, dataset_role="both")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        ml.find_executions_consuming(execution.execution_rid)
    with pytest.raises(NotFoundError):
        ml.find_executions_consuming("9-ZZZZ")


def test_parts_of_executions(ml: DerivaML, workflow: Workflow) -> None:
    parent, one, two, deep = (ml.create_execution(workflow=workflow, description=name) for name in "pabd")
    parent.add_nested_execution(two, sequence=1)
    ml.lookup_execution(parent.execution_rid).add_nested_execution(one, sequence=0)
    ml.add_nested_execution(one.execution_rid, deep)
    rids = [one.execution_rid, two.execution_rid]
    assert [run.execution_rid for run in parent.list_execution_children()] == rids
    assert [run.description for run in ml.list_execution_children(parent.execution_rid, recurse=True)] == list("adb")
    assert [run.execution_rid for run in deep.list_execution_parents(recurse=True)] == [rids[0], parent.execution_rid]
    assert [run.execution_rid for run in ml.list_execution_parents(rids[0])] == [parent.execution_rid]
    assert (parent.is_parent(), parent.is_nested()) == (True, False)
    assert (ml.is_parent(rids[1]), ml.is_nested(rids[1])) == (False, True)
    record = deep.execution_record
    assert (record.is_parent(), record.is_nested()) == (False, True)
    assert [run.execution_rid for run in record.list_execution_parents()] == [rids[0]]
    assert ml.lookup_execution(rids[0]).list_execution_children()[0].execution_rid == deep.execution_rid


def test_a_record_changes_in_the_catalog_alone(ml: DerivaML, execution: Execution) -> None:
    record = execution.execution_record
    record.set_description("another")
    assert ml.lookup_execution(record.execution_rid).description == "another"
    assert record.update_status("Aborted", "by hand").status == "Aborted"
    with pytest.raises(ConflictError, match="no longer Created"):
        record.update_status("Running")
    with pytest.raises(IllegalTransitionError):
        ml.lookup_execution(record.execution_rid).update_status("Running")
    assert (record.start_time, record.stop_time) == (None, None)
    assert record.workflow is not None
    assert record.workflow.workflow_rid == record.workflow_rid


def test_the_list_of_the_workspace_counts_truly(ml: DerivaML, workflow: Workflow, execution: Execution) -> None:
    with execution.execute():
        for name in "ab":
            execution.asset_file_path("Execution_Asset", name, []).write_text(name * 10)
    other = ml.create_execution(workflow=workflow)
    other.abort("not needed")
    (found,) = ml.find_incomplete_executions()
    assert (found.rid, found.status, found.pending_files, found.pending_rows) == (
        execution.execution_rid,
        "Stopped",
        2,
        0,
    )
    assert (found.failed_files, found.failed_rows, found.mode) == (0, 0, "online")
    assert {one.rid for one in ml.list_executions()} == {execution.execution_rid, other.execution_rid}
    assert [one.rid for one in ml.list_executions(status="Aborted")] == [other.execution_rid]
    assert ml.list_executions(mode="offline") == []
    assert ml.list_executions(workflow_rid="9-ZZZZ") == []
    assert ml.list_executions(since=datetime.now(UTC) + timedelta(days=1)) == []
    summary = execution.pending_summary()
    (files,) = [one for one in summary.assets if one.table == "deriva-ml:Execution_Asset"]
    assert (files.pending_files, files.failed_files, files.uploaded_files) == (2, 0, 0)
    assert summary.has_pending
    assert "2 pending" in summary.render()
    assert [one.execution_rid for one in ml.pending_summary().executions] == [execution.execution_rid]
    execution.commit_output_assets()
    assert not ml.pending_summary().has_pending
    assert ml.pending_summary().render() == "nothing is pending"
    (files,) = [one for one in execution.pending_summary().assets if one.table == "deriva-ml:Execution_Asset"]
    assert (files.pending_files, files.uploaded_files, files.total_bytes_pending) == (0, 2, 0)


def test_files_of_executions_that_are_over_are_removed(ml: DerivaML, execution: Execution, asset: str) -> None:
    assert asset
    assert execution.working_dir.is_dir()
    assert ml.gc_executions(older_than=timedelta(days=1)) == 0
    assert ml.gc_executions(status="Aborted") == 0
    assert ml.gc_executions(status=["Uploaded"], delete_working_dir=False) == 1
    assert execution.working_dir.is_dir()
    assert ml.gc_executions() == 1
    assert ml.gc_executions() == 0
    assert [one.rid for one in ml.list_executions()] == [execution.execution_rid]


def test_what_stands_for_unknown_provenance_is_named(ml: DerivaML) -> None:
    assert ml.resolve_rid(ml.unknown_provenance_execution_rid()).table == "Execution"
    assert ml.resolve_rid(ml.unknown_provenance_file_rid()).table == "File"
