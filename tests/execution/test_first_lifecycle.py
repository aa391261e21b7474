"""One execution from Created to Uploaded through the Python API, and what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.catalog.connection import Catalog
from dml.catalog.rows import Row, select
from dml.deriva_ml import DerivaML
from dml.errors import NotFoundError
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.staging import unstage
from dml.execution.workflow import Workflow
from dml.workspace import executions


def execution_row(catalog: Catalog, execution: Execution) -> Row:
    return select(catalog, "deriva-ml:Execution", where={"RID": execution.execution_rid})[0]


def outputs(catalog: Catalog, execution: Execution, table: str = "Execution_Asset") -> dict[str, tuple[Row, set[str]]]:
    """File name → row and types of what an execution put out."""
    where = {"Execution": execution.execution_rid, "Asset_Role": "Output"}
    rids = [edge[table] for edge in select(catalog, f"deriva-ml:{table}_Execution", where=where)]
    rows = select(catalog, f"deriva-ml:{table}", where={"RID": rids})
    types = select(catalog, f"deriva-ml:{table}_Asset_Type", where={table: rids})
    return {row["Filename"]: (row, {one["Asset_Type"] for one in types if one[table] == row["RID"]}) for row in rows}


def test_execution_goes_from_created_to_uploaded(ml: DerivaML, workflow: Workflow) -> None:
    execution = ml.create_execution(ExecutionConfiguration(workflow=workflow, description="a run"))
    assert execution.status == "Created"
    with execution.execute() as running:
        assert running.status == "Running"
        path = running.asset_file_path(
            "Execution_Asset", "model.bin", asset_types=["Model_File"], description="weights"
        )
        path.write_bytes(b"weights of this run " + execution.execution_rid.encode())
        with running.metrics_file().open("a") as stream:
            stream.write('{"loss": 1}\n')
        running.update_status("Running", "epoch 1/1")
        assert execution_row(ml.catalog, execution)["Status_Detail"] == "epoch 1/1"
    assert execution.status == "Stopped"
    report = execution.commit_output_assets()
    assert (report.total_uploaded, report.total_failed, report.errors) == (2, 0, [])
    row = execution_row(ml.catalog, execution)
    assert row["Status"] == "Uploaded"
    assert row["Execution_Duration"].endswith("sec")
    assert row["Upload_Duration"].endswith("sec")
    (model, types) = outputs(ml.catalog, execution)["model.bin"]
    assert types == {"Model_File", "Output_File"}
    assert model["Description"] == "weights"
    assert model["RID"] == execution.uploaded_assets["Execution_Asset"][0].asset_rid


def test_metadata_is_stored_when_the_execution_is_created(ml: DerivaML, execution: Execution) -> None:
    found = outputs(ml.catalog, execution, "Execution_Metadata")
    kinds = {name.partition("_2")[0]: types for name, (_, types) in found.items()}
    assert kinds["configuration.json"] == {"Deriva_Config", "Output_File"}
    assert kinds["environment_snapshot"] == {"Runtime_Env", "Output_File"}


def test_exception_in_the_work_marks_it_failed_and_goes_on(ml: DerivaML, execution: Execution) -> None:
    with pytest.raises(ValueError, match="bad batch"), execution.execute():
        raise ValueError("bad batch")
    assert execution.status == "Failed"
    assert execution_row(ml.catalog, execution)["Status_Detail"] == "ValueError: bad batch"


def test_failed_execution_can_be_committed_and_forgets_the_error(ml: DerivaML, execution: Execution) -> None:
    def work() -> None:
        with execution.execute():
            execution.asset_file_path("Execution_Asset", "part.bin", asset_types=[]).write_bytes(b"part")
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        work()
    execution.commit_output_assets()
    assert (execution.status, execution.error) == ("Uploaded", None)
    assert execution_row(ml.catalog, execution)["Status_Detail"] is None


def test_lifecycle_of_one_small_asset_takes_at_most_fifteen_requests(ml: DerivaML, workflow: Workflow) -> None:
    def run(content: bytes) -> None:
        execution = ml.create_execution(workflow=workflow, description="budget")
        execution.execution_start()
        execution.asset_file_path("Execution_Asset", "model.bin", asset_types=["Model_File"]).write_bytes(content)
        execution.execution_stop()
        execution.commit_output_assets()

    run(b"warm")
    ml.catalog.traffic.reset()
    run(b"measured")
    requests = [(method, path) for method, path, _ in ml.catalog.traffic.log if not path.startswith("/hatrac/")]
    assert len(requests) <= 15, "\n".join(map(str, requests))


def test_additive_commit_brings_only_what_is_new(ml: DerivaML, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "first.bin", asset_types=[]).write_bytes(b"first")
    execution.commit_output_assets()
    execution.asset_file_path("Execution_Asset", "second.bin", asset_types=[]).write_bytes(b"second")
    report = execution.commit_output_assets()
    assert [asset.key for asset in report.assets] == ["Execution_Asset/second.bin"]
    assert execution.status == "Uploaded"
    assert set(outputs(ml.catalog, execution)) == {"first.bin", "second.bin"}


def test_what_keeps_a_commit_from_beginning_is_remembered_until_it_is_mended(
    ml: DerivaML, execution: Execution
) -> None:
    def error() -> str | None:
        return executions.get_execution(ml.session.registry, execution.execution_rid).error

    with execution.execute():
        lost = execution.asset_file_path("Execution_Asset", "lost.bin", asset_types=[])
        lost.write_bytes(b"lost")
    lost.unlink()
    with pytest.raises(NotFoundError, match=r"lost\.bin.*nothing was sent"):
        execution.commit_output_assets()
    assert (execution.status, error()) == ("Stopped", f"the staged file {lost} is missing; nothing was sent")
    lost.write_bytes(b"found")
    execution.commit_output_assets()
    assert (execution.status, error()) == ("Uploaded", None)
    more = execution.asset_file_path("Execution_Asset", "more.bin", asset_types=[])
    with pytest.raises(NotFoundError):
        execution.commit_output_assets()
    assert error() == f"the staged file {more} is missing; nothing was sent"
    unstage(ml.session, execution.execution_rid, "Execution_Asset/more.bin")
    assert execution.commit_output_assets().assets == []
    assert (execution.status, error()) == ("Uploaded", None)


def test_commit_without_pending_work_writes_nothing(ml: DerivaML, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "first.bin", asset_types=[]).write_bytes(b"first")
    execution.commit_output_assets()
    ml.catalog.traffic.reset()
    assert execution.commit_output_assets().nothing_done
    assert {method for method, _, _ in ml.catalog.traffic.log} <= {"GET"}


def test_a_stored_file_is_offered_under_its_staged_name(ml: DerivaML, execution: Execution, tmp_path: Path) -> None:
    source = tmp_path / "last of 90.bin"
    source.write_bytes(b"weights")
    with execution.execute():
        execution.asset_file_path("Execution_Asset", source, asset_types=["Model_File"], rename_file="model.bin")
    execution.commit_output_assets()
    (asset,) = [one for one in execution.list_assets(asset_role="Output") if one.filename == "model.bin"]
    found = ml.catalog.host_exchange("HEAD", asset.url).response.headers
    assert found["Content-Disposition"] == "filename*=UTF-8''model.bin"


def test_identical_content_shares_one_row(ml: DerivaML, workflow: Workflow) -> None:
    rids = []
    for _ in range(2):
        execution = ml.create_execution(workflow=workflow)
        with execution.execute():
            execution.asset_file_path("Execution_Asset", "same.bin", asset_types=[]).write_bytes(workflow.name.encode())
        execution.commit_output_assets()
        rids.append(execution.uploaded_assets["Execution_Asset"][0].asset_rid)
        assert outputs(ml.catalog, execution)["same.bin"][0]["RID"] == rids[-1]
    assert rids[0] == rids[1]


def test_input_asset_is_linked_fetched_and_verified(ml: DerivaML, workflow: Workflow, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "model.bin", asset_types=[]).write_bytes(b"the model")
    execution.commit_output_assets()
    rid = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    assert rid is not None
    user = ml.create_execution(workflow=workflow, assets=[f"{rid}:cache"])
    with user.execute():
        (path,) = user.asset_paths["Execution_Asset"]
        assert path.read_bytes() == b"the model"
        assert path.parts[-4:] == ("downloaded-assets", "Execution_Asset", rid, "model.bin")
    edges = select(ml.catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": user.execution_rid})
    assert [(edge["Execution_Asset"], edge["Asset_Role"]) for edge in edges] == [(rid, "Input")]
    assert [one.rid for one in user.configuration.asset_specs] == [rid]


def test_execution_without_input_is_linked_to_unknown_provenance(ml: DerivaML, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "model.bin", asset_types=[]).write_bytes(b"x")
    execution.commit_output_assets()
    edges = select(ml.catalog, "deriva-ml:File_Execution", where={"Execution": execution.execution_rid})
    assert [edge["Asset_Role"] for edge in edges] == ["Input"]
