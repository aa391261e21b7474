"""What cannot be taken: each is one clear error with its exit code, and nothing is lost."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.errors import (
    ConflictError,
    IllegalTransitionError,
    LockedError,
    NotFoundError,
    UnsafePathError,
    UsageError,
)
from dml.execution.workflow import Workflow
from dml.workspace.execution_lock import execution_lock

Run = Callable[..., Any]
WORKFLOW = ("--workflow-name", "N", "--workflow-type", "Training", "--workflow-checksum", "c")


def stopped(execution: Execution, **files: bytes) -> Execution:
    with execution.execute():
        for name, content in files.items():
            execution.asset_file_path("Execution_Asset", f"{name}.bin", asset_types=[]).write_bytes(content)
    return execution


@pytest.mark.parametrize("rid", ["", "x y", "1-abc", "1-ABCDE", "../1", "1;DROP", "1-A\n2"])
def test_malformed_rid_is_a_usage_error(dml: Run, rid: str) -> None:
    for command in (("exec", "show"), ("exec", "stop"), ("exec", "commit"), ("exec", "resume")):
        assert dml(*command, rid).code == 2


def test_unknown_rid_is_not_found(dml: Run) -> None:
    for command in (("exec", "show"), ("exec", "stop"), ("exec", "commit"), ("exec", "resume"), ("exec", "log")):
        ran = dml(*command, "9-ZZZZ")
        assert ran.code == 6
        assert "9-ZZZZ" in ran.err


def test_input_of_the_wrong_table_is_refused_and_named(ml: DerivaML, workflow: Workflow) -> None:
    term = ml.lookup_term("Workflow_Type", "Training").rid
    with pytest.raises(UsageError, match=f"{term} is a row of Workflow_Type, not an asset"):
        ml.create_execution(workflow=workflow, assets=[term])
    with pytest.raises(NotFoundError, match=f"{term} is a row of .*Workflow_Type, not a dataset"):
        ml.create_execution(workflow=workflow, datasets=[term])
    assert ml.list_executions() == []


def test_unknown_input_leaves_nothing_behind(ml: DerivaML, workflow: Workflow) -> None:
    mark = uuid.uuid4().hex
    with pytest.raises(NotFoundError, match="9-ZZZZ"):
        ml.create_execution(workflow=workflow, assets=["9-ZZZZ"], description=mark)
    assert ml.list_executions() == []
    assert select(ml.catalog, "deriva-ml:Execution", where={"Description": mark}) == []


def test_input_named_twice_is_refused(ml: DerivaML, workflow: Workflow) -> None:
    with pytest.raises(UsageError, match="named twice"):
        ml.create_execution(workflow=workflow, assets=["1-AAAA", "1-AAAA"])


def test_unknown_terms_name_the_nearest(ml: DerivaML, execution: Execution) -> None:
    with pytest.raises(NotFoundError) as caught:
        ml.create_workflow("N", "Trainig")
    assert "Training" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        execution.asset_file_path("Execution_Asset", "a.bin", asset_types=["Model_Fil"])
    assert "Model_File" in caught.value.hint


def test_unknown_asset_table_names_the_nearest(execution: Execution) -> None:
    with pytest.raises(NotFoundError) as caught:
        execution.asset_file_path("Execution_Aset", "a.bin")
    assert "Execution_Asset" in caught.value.hint


def test_file_that_vanished_after_staging_stops_the_commit_before_it_sends(
    ml: DerivaML, execution: Execution, tmp_path: Path
) -> None:
    source = tmp_path / "gone.bin"
    source.write_bytes(b"soon gone")
    with execution.execute():
        execution.asset_file_path("Execution_Asset", source, asset_types=[])
        execution.asset_file_path("Execution_Asset", "stays.bin", asset_types=[]).write_bytes(b"stays")
    source.unlink()
    with pytest.raises(NotFoundError, match=r"gone\.bin") as caught:
        execution.commit_output_assets()
    assert f"dml exec unstage {execution.execution_rid}" in caught.value.hint
    assert execution.status == "Stopped"
    assert select(ml.catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": execution.execution_rid}) == []
    source.write_bytes(b"back again")
    assert execution.commit_output_assets().total_uploaded == 2


def test_duplicate_name_from_two_sources_is_refused_and_nothing_is_overwritten(
    execution: Execution, tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "x.bin", tmp_path / "b" / "x.bin"
    for path, content in ((first, b"first"), (second, b"second")):
        path.parent.mkdir()
        path.write_bytes(content)
    staged = execution.asset_file_path("Execution_Asset", first, asset_types=[])
    with pytest.raises(ConflictError, match=r"x\.bin"):
        execution.asset_file_path("Execution_Asset", second, asset_types=[])
    with pytest.raises(ConflictError, match=r"x\.bin"):
        execution.asset_file_path("Execution_Asset", second, asset_types=[], copy_file=True)
    assert (first.read_bytes(), second.read_bytes(), staged.read_bytes()) == (b"first", b"second", b"first")


def test_metadata_file_in_the_working_directory_is_not_touched(
    ml: DerivaML, workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configuration.json").write_text("mine")
    (tmp_path / "metrics.jsonl").write_text("mine too")
    execution = ml.create_execution(workflow=workflow)
    with execution.execute(), execution.metrics_file().open("a") as stream:
        stream.write("{}\n")
    execution.commit_output_assets()
    assert (tmp_path / "configuration.json").read_text() == "mine"
    assert (tmp_path / "metrics.jsonl").read_text() == "mine too"


@pytest.mark.parametrize(
    "name", ["a\nb.bin", "a\tb", "a\x1b[2Jb", "..", "-rf", "a\u202eb", "%2e%2e", "x" * 256, "é" * 128]
)
def test_unsafe_file_names_are_refused_before_anything_is_made(execution: Execution, name: str, tmp_path: Path) -> None:
    source = tmp_path / "fine.bin"
    source.write_bytes(b"x")
    with pytest.raises(UnsafePathError):
        execution.asset_file_path("Execution_Asset", source, asset_types=[], rename_file=name)
    assert not (execution.working_dir / "assets" / "Execution_Asset").exists()


@pytest.mark.parametrize(
    "name", ["Ergebnis Müller 100%.bin", "日本語.csv", "a;b:c@d&e=f.bin", "x" * 251 + ".bin", "it's.bin"]
)
def test_unusual_file_names_arrive_as_they_are(ml: DerivaML, execution: Execution, name: str) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", name, asset_types=[]).write_bytes(name.encode())
    execution.commit_output_assets()
    rid = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    row = select(ml.catalog, "deriva-ml:Execution_Asset", where={"RID": rid})[0]
    assert row["Filename"] == name
    assert execution.download_asset(str(rid), update_catalog=False).read_bytes() == name.encode()


def test_file_that_is_no_file_is_refused(execution: Execution, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        execution.asset_file_path("Execution_Asset", tmp_path / "pipe", asset_types=[])


def test_unwritable_workspace_is_a_clear_error(dml: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    ran = dml("exec", "create", *WORKFLOW, "--workflow-url", "https://e.org/x", "--workspace", tmp_path / "taken")
    assert ran.code == 1
    assert "taken" in ran.err
    assert "Traceback" not in ran.err


def test_second_dml_on_the_same_execution_is_told_who_holds_it(ml: DerivaML, execution: Execution, dml: Run) -> None:
    stopped(execution, model=b"weights")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with execution_lock(ml.session.registry, execution.execution_rid, command="another commit"):
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        with pytest.raises(LockedError, match="another commit"):
            execution.commit_output_assets()
        ran = dml("exec", "commit", execution.execution_rid, "--yes")
        assert ran.code == 7
        assert "another commit" in ran.err
    finally:
        release.set()
        thread.join()
    assert dml("exec", "commit", execution.execution_rid, "--yes").code == 0


def test_live_execution_of_this_process_is_not_committed_from_another(
    execution: Execution, dml: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a.bin", asset_types=[]).write_bytes(b"a")
        monkeypatch.setattr("dml.execution.lifecycle.runs_here", lambda found: False)
        ran = dml("exec", "commit", execution.execution_rid, "--yes")
        assert ran.code == 7
        assert "being run by" in ran.err
        assert dml("exec", "abort", execution.execution_rid).code == 7
    assert execution.status == "Stopped"


def test_refused_transition_names_both_states_and_what_is_possible(execution: Execution, dml: Run) -> None:
    with pytest.raises(IllegalTransitionError, match="Created cannot become Stopped") as caught:
        execution.execution_stop()
    assert "Running or Aborted" in caught.value.hint
    assert dml("exec", "commit", execution.execution_rid, "--yes").code == 7
    execution.abort("not needed")
    assert dml("exec", "start", execution.execution_rid).code == 7
    with pytest.raises(IllegalTransitionError):
        execution.asset_file_path("Execution_Asset", "late.bin", asset_types=[])


def test_file_that_changes_while_it_is_hashed_is_an_error(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(execution, model=b"weights", other=b"fine")
    path = execution.working_dir / "assets" / "Execution_Asset" / "model.bin"
    real = os.read

    def growing(descriptor: int, size: int) -> bytes:
        block = real(descriptor, size)
        if block == b"weights":
            path.write_bytes(b"weights and more")
        return block

    monkeypatch.setattr("dml.workspace.hashing.os.read", growing)
    with pytest.raises(Exception, match="changed while it was read"):
        execution.commit_output_assets()
    assert execution.status == "Failed"
    monkeypatch.undo()
    monkeypatch.setattr(os, "read", real)
    assert execution.commit_output_assets().total_uploaded == 1
    assert execution.status == "Uploaded"


def test_full_disk_while_staging_leaves_no_record(
    execution: Execution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(b"x" * 1000)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dml.asset.placement.shutil.copyfileobj", full)
    with pytest.raises(Exception, match="disk is full"):
        execution.asset_file_path("Execution_Asset", source, asset_types=[], copy_file=True)
    monkeypatch.undo()
    assert list((execution.working_dir / "assets" / "Execution_Asset").iterdir()) == []
    assert (
        execution.asset_file_path("Execution_Asset", source, asset_types=[], copy_file=True).read_bytes() == b"x" * 1000
    )
