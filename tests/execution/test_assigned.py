"""Objects that are written by assigning to them: workflows and executions of the catalog, statuses, staged files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.api.registered_workflow import RegisteredWorkflow
from dml.asset.record_class import AssetRecord
from dml.catalog.definitions import ColumnDefinition
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.errors import ConflictError, IllegalTransitionError, NotFoundError, UsageError
from dml.execution.configuration import AssetSpec
from dml.execution.workflow import Workflow


@pytest.fixture
def registered(ml: DerivaML, workflow: Workflow) -> RegisteredWorkflow:
    """A workflow of the catalog."""
    return ml.lookup_workflow(ml.add_workflow(workflow))


def test_a_workflow_is_changed_by_assigning(ml: DerivaML, registered: RegisteredWorkflow) -> None:
    rid = str(registered.rid)
    registered.description = "Trains *better*"
    registered.workflow_type = "Testing"
    read = ml.lookup_workflow(rid)
    assert (read.description, read.workflow_type) == ("Trains *better*", ["Testing"])
    registered.workflow_type = ["Training", "Testing"]
    assert read.workflow_type == ["Testing"]
    assert read.workflow_types == ["Testing", "Training"]
    assert (registered.description, registered.workflow_type) == ("Trains *better*", ["Testing", "Training"])
    for wrong in ("Trainign", []):
        with pytest.raises((NotFoundError, UsageError)):
            registered.workflow_type = wrong
    with pytest.raises(AttributeError, match="cannot be assigned"):
        registered.url = "https://example.org/other.py"
    assert ml.lookup_workflow(rid).workflow_type == ["Testing", "Training"]


def test_types_are_added_and_removed_one_by_one(ml: DerivaML, registered: RegisteredWorkflow) -> None:
    registered.add_workflow_type(ml.lookup_term("Workflow_Type", "Testing"))
    registered.add_workflow_types(["Testing", "Analysis"])
    assert registered.workflow_type == ["Analysis", "Testing", "Training"]
    registered.remove_workflow_type("Testing")
    registered.remove_workflow_type("Testing")
    assert registered.workflow_type == ["Analysis", "Training"]
    with pytest.raises(NotFoundError):
        registered.add_workflow_types(["Testing", "Analisys"])
    assert ml.lookup_workflow(str(registered.rid)).workflow_type == ["Analysis", "Training"]


def test_a_workflow_of_a_snapshot_stays_as_it_is(ml: DerivaML, registered: RegisteredWorkflow) -> None:
    before = ml.catalog_snapshot(ml.catalog.snaptime()).lookup_workflow(str(registered.rid))
    with pytest.raises(UsageError, match="is a snapshot"):
        before.description = "other"
    with pytest.raises(UsageError, match="is a snapshot"):
        before.add_workflow_type("Testing")


def test_a_workflow_that_is_not_registered_is_only_an_object(ml: DerivaML, workflow: Workflow) -> None:
    requests = ml.catalog.traffic.requests
    workflow.description = "mine"
    workflow.workflow_type = "Testing"
    workflow.add_workflow_types(["Training", "Testing"])
    workflow.remove_workflow_type("Testing")
    assert (workflow.workflow_types, workflow.description, workflow.rid) == (["Training"], "mine", None)
    copy = replace(ml.lookup_workflow(ml.add_workflow(workflow)), workflow_rid=None)
    copy.description = "a copy of it"
    copy.add_workflow_type("Testing")
    copy.remove_workflow_type("Training")
    assert copy.workflow_types == ["Testing"]
    assert ml.catalog.traffic.requests > requests
    assert ml.lookup_workflow_by_url(str(workflow.url)).description == "mine"


def test_a_record_is_changed_by_assigning(ml: DerivaML, execution: Execution) -> None:
    record = ml.lookup_execution(execution.execution_rid)
    record.description = "what it was for"
    record.status = "Running"
    read = ml.lookup_execution(execution.execution_rid)
    assert (read.description, read.status) == (record.description, record.status) == ("what it was for", "Running")
    with pytest.raises(IllegalTransitionError):
        record.status = "Uploaded"
    with pytest.raises(ConflictError, match="no longer Created"):
        replace(record, status="Created").status = "Aborted"
    with pytest.raises(AttributeError, match="cannot be assigned"):
        record.workflow_rid = "1-AAAA"
    assert record.status == "Running"
    assert len({record, read}) == 1


def test_a_record_names_its_workflow(ml: DerivaML, execution: Execution) -> None:
    found = execution.execution_record.workflow
    assert found is not None
    found.description = "through the record"
    assert ml.lookup_workflow(str(execution.workflow_rid)).description == "through the record"


def test_the_status_of_an_execution_is_assigned(ml: DerivaML, execution: Execution) -> None:
    execution.status = "Running"
    execution.status = "Stopped"
    rows = select(ml.catalog, "deriva-ml:Execution", where={"RID": execution.execution_rid})
    assert (execution.status, rows[0]["Status"]) == ("Stopped", "Stopped")
    with pytest.raises(IllegalTransitionError):
        execution.status = "Failed"


def test_values_of_an_asset_table_as_a_record(ml: DerivaML, domain: str, execution: Execution) -> None:
    ml.create_asset("Scan", [ColumnDefinition("Side"), ColumnDefinition("Depth", "int4")], schema=domain)
    record = ml.asset_record_class("Scan")
    assert issubclass(record, AssetRecord)
    with execution.execute():
        path = execution.asset_file_path("Scan", "a.png", [], metadata=record(Side="left"))
        path.write_text(execution.execution_rid)
        assert path.metadata == {"Side": "left"}
        path.metadata = record(Side="right", Depth=3)
        with pytest.warns(DeprecationWarning, match="metadata property"):
            path.set_metadata("Depth", 4)
        with pytest.raises(TypeError):
            record(Colour="red")
    execution.commit_output_assets()
    (asset,) = ml.list_assets("Scan")
    assert asset.metadata == {"Side": "right", "Depth": 4}
    with pytest.raises(UsageError, match="not an asset table"):
        ml.asset_record_class("Dataset")


def test_the_role_of_an_input_is_input(ml: DerivaML) -> None:
    assert AssetSpec("1-AAAA", cache=True, asset_role="Input") == AssetSpec.parse("1-AAAA:cache")
    with pytest.raises(UsageError, match="names inputs"):
        AssetSpec("1-AAAA", asset_role="Output")


def test_link_and_checksum_of_a_file_are_asked_of_git(tmp_path: Path) -> None:
    import subprocess

    script = tmp_path / "train.py"
    script.write_text("print('train')\n")
    git = [
        "git",
        "-C",
        str(tmp_path),
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.org",
        "-c",
        "commit.gpgsign=false",
    ]
    for words in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", "https://example.org/lab.git"],
        ["add", "train.py"],
        ["commit", "-q", "-m", "first"],
        ["tag", "v1.2.0"],
    ):
        subprocess.run([*git, *words], check=True)
    url, checksum = Workflow.get_url_and_checksum(script)
    done = subprocess.run([*git, "hash-object", str(script)], capture_output=True, text=True, check=True)
    assert checksum == done.stdout.strip()
    assert url.startswith("https://example.org/lab/blob/")
    assert Workflow.get_dynamic_version(tmp_path) == "1.2.0"
    located = Workflow("Train", "Training", path=script).setup_url_checksum()
    assert (located.url, located.checksum, located.version) == (url, checksum, "1.2.0")
    script.write_text("print('changed')\n")
    with pytest.raises(ConflictError):
        Workflow.get_url_and_checksum(script)
    assert Workflow.get_url_and_checksum(script, allow_dirty=True)[1] != checksum
    bare = tmp_path / "bare"
    bare.mkdir()
    subprocess.run([*git[:1], "-C", str(bare), "init", "-q"], check=True)
    with pytest.raises(NotFoundError, match="no version"):
        Workflow.get_dynamic_version(bare)
