"""The disk is the truth about files: what no record knows is staged, named, or kept, and never called uploaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.asset.placement import Method
from dml.asset.tables import asset_table
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.directories import embedded_directory
from dml.execution import lifecycle
from dml.execution.staging import StagingRequest, stage
from dml.execution.unrecorded import find_unrecorded
from targets import Place

Dml = Callable[..., Any]

ASSETS = "deriva-ml:Execution_Asset"


def directory_of(ml: DerivaML, execution: Execution) -> Path:
    return ml.session.workspace.execution_directory(execution.execution_rid)


def write(path: Path, content: str = "precious") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def stored(ml: DerivaML) -> dict[str, str]:
    """MD5 of each file in Execution_Asset, by name."""
    return {row["Filename"]: row["MD5"] for row in select(ml.catalog, ASSETS)}


def md5(content: str) -> str:
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def status_in_catalog(ml: DerivaML, rid: str) -> str:
    (row,) = select(ml.catalog, "deriva-ml:Execution", where={"RID": rid})
    return str(row["Status"])


def test_outputs_of_a_killed_run_are_staged_and_uploaded(ml: DerivaML, execution: Execution, dml: Dml) -> None:
    rid, directory = execution.execution_rid, directory_of(ml, execution)
    lifecycle.begin(ml.session, rid)
    lifecycle.stop(ml.session, rid)
    write(directory / "outputs" / "Execution_Asset" / "runs" / "model.bin", "weights")
    write(directory / "outputs" / "loose.txt", "loose")
    write(directory / "outputs" / "metrics.jsonl", '{"loss": 1}\n')
    write(directory / "run.log", "epoch 1\n")
    shown = dml("exec", "show", rid, "--json").json["execution"]
    assert shown["unrecorded"] == [
        "outputs/Execution_Asset/runs/model.bin",
        "outputs/loose.txt",
        "outputs/metrics.jsonl",
        "run.log",
    ]
    assert "Staged 4 files that no record knew." in dml("exec", "resume", rid, "--commit").out
    assert stored(ml) == {"runs__model.bin": md5("weights"), "loose.txt": md5("loose")}
    metadata = {row["Filename"] for row in select(ml.catalog, "deriva-ml:Execution_Metadata")}
    assert {"metrics.jsonl", "run.log"} <= metadata
    assert find_unrecorded(ml.session, rid) == []


def test_one_file_that_cannot_be_placed_keeps_no_other_and_is_named(
    ml: DerivaML, execution: Execution, dml: Dml
) -> None:
    rid, directory = execution.execution_rid, directory_of(ml, execution)
    lifecycle.begin(ml.session, rid)
    lifecycle.stop(ml.session, rid)
    write(directory / "outputs" / "Execution_Asset" / "good.bin", "good")
    stray = write(directory / "outputs" / "Nowhere" / "x.txt")
    said = dml("exec", "commit", rid)
    assert said.code == 3
    assert "outputs/Nowhere/x.txt could not be staged: The catalog has no asset table Nowhere" in said.err
    assert stored(ml) == {"good.bin": md5("good")}
    assert status_in_catalog(ml, rid) == "Failed"
    assert "outputs/Nowhere/x.txt" in dml("exec", "show", rid).out
    assert dml("exec", "commit", rid).code == 3
    stray.unlink()
    assert dml("exec", "commit", rid).code == 0
    assert status_in_catalog(ml, rid) == "Uploaded"


def test_a_lost_registry_is_rebuilt_from_what_is_on_disk(
    ml: DerivaML, execution: Execution, dml: Dml, tmp_path: Path
) -> None:
    rid = execution.execution_rid
    sources = [write(tmp_path / f"{name}.bin", name) for name in ("a", "b")]
    assert dml("exec", "start", rid).code == 0
    command = ("exec", "stage", rid, *sources, "--table", "Execution_Asset", "--type", "Model_File", "--copy")
    assert dml(*command).code == 0
    assert dml("exec", "stop", rid).code == 0
    ml.session.close()
    registry = ml.session.workspace.registry_path
    for path in registry.parent.glob("main.db*"):
        path.rename(tmp_path / path.name)
    assert dml("exec", "resume", rid).code == 0
    staged = dml("exec", "show", rid, "--json").json["execution"]["outputs"]
    assert {entry["key"]: entry["types"] for entry in staged if entry["key"].startswith("Execution_Asset/")} == {
        "Execution_Asset/a.bin": ["Model_File"],
        "Execution_Asset/b.bin": ["Model_File"],
    }
    assert dml("exec", "commit", rid).code == 0
    rows = {row["Filename"] for row in select(ml.catalog, ASSETS)}
    assert rows == {"a.bin", "b.bin"}


@pytest.fixture
def uploaded(ml: DerivaML, execution: Execution, tmp_path: Path) -> Execution:
    """An execution with one uploaded file whose bytes lie in the workspace."""
    with execution as run:
        run.asset_file_path("Execution_Asset", "kept.txt").write_text("kept")
    execution.commit_output_assets()
    return execution


def test_gc_keeps_what_no_record_knows_and_says_so(ml: DerivaML, uploaded: Execution, dml: Dml) -> None:
    rid, directory = uploaded.execution_rid, directory_of(ml, uploaded)
    late, note = write(directory / "assets" / "Execution_Asset" / "late.bin"), write(directory / "notes.txt")
    for command in (("exec", "gc", "--dry-run"), ("exec", "gc", "--yes")):
        said = dml(*command)
        assert said.code == 0
        assert f"{rid} Uploaded: kept." in said.out
        assert "assets/Execution_Asset/late.bin and 1 more were never uploaded" in said.out
        assert f"dml exec gc {rid} --confirm {rid}" in said.out
    assert late.exists()
    assert note.exists()
    assert dml("exec", "gc", rid, "--yes").code != 0
    assert late.exists()
    assert dml("exec", "gc", rid, "--confirm", rid).code == 0
    assert not directory.exists()


def test_gc_refuses_a_file_that_was_written_over_after_its_upload(ml: DerivaML, uploaded: Execution, dml: Dml) -> None:
    path = ml.session.workspace.staged_path(uploaded.execution_rid, "Execution_Asset", "kept.txt")
    path.write_text("newer and nowhere else")
    said = dml("exec", "gc", uploaded.execution_rid, "--yes")
    assert said.code == 1
    assert "has changed since it was uploaded" in said.err
    assert path.read_text() == "newer and nowhere else"


@pytest.mark.parametrize("damage", ["gone", "short", "flipped"])
def test_gc_reads_the_bytes_of_the_store(
    ml: DerivaML, uploaded: Execution, dml: Dml, place: Place, damage: str
) -> None:
    if not place.target.is_embedded:
        pytest.skip("the files of a real server's store cannot be reached from here")
    objects = [path for path in (embedded_directory() / "hatrac" / "objects").rglob("*") if path.is_file()]
    (file,) = [path for path in objects if path.read_bytes() == b"kept"]
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"ke" if damage == "short" else b"kepT")
    said = dml("exec", "gc", uploaded.execution_rid, "--yes")
    assert said.code != 0
    path = ml.session.workspace.staged_path(uploaded.execution_rid, "Execution_Asset", "kept.txt")
    assert path.read_text() == "kept"


def test_another_workspace_does_not_call_an_execution_uploaded(
    ml: DerivaML, execution: Execution, dml: Dml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rid = execution.execution_rid
    with execution as run:
        run.asset_file_path("Execution_Asset", "waiting.txt").write_text("waiting")
    assert status_in_catalog(ml, rid) == "Stopped"
    monkeypatch.setenv("DML_WORKSPACE", str(tmp_path / "other"))
    assert dml("exec", "resume", rid).code == 0
    assert dml("exec", "commit", rid).code == 0
    assert status_in_catalog(ml, rid) == "Stopped"


METHODS = [Method.SYMLINK, Method.COPY, Method.LINK, Method.MOVE]


def stage_file(ml: DerivaML, rid: str, source: Path, method: Method) -> None:
    table = asset_table(ml.catalog.schema(), "Execution_Asset")
    stage(ml.session, rid, table, [StagingRequest(source, source.name, method=method)])


@pytest.mark.parametrize("again", METHODS)
@pytest.mark.parametrize("first", METHODS)
def test_a_file_staged_again_is_committed_with_its_new_bytes(
    ml: DerivaML, execution: Execution, tmp_path: Path, first: Method, again: Method
) -> None:
    source, rid = tmp_path / "f.bin", execution.execution_rid
    lifecycle.begin(ml.session, rid)
    stage_file(ml, rid, write(source, "old"), first)
    source.unlink(missing_ok=True)
    stage_file(ml, rid, write(source, "new, and longer"), again)
    lifecycle.stop(ml.session, rid)
    execution.commit_output_assets()
    assert stored(ml) == {"f.bin": md5("new, and longer")}
    kept = [path.read_text() for path in directory_of(ml, execution).glob("replaced/*/*")]
    assert kept == (["old"] if first is Method.MOVE else [])


@pytest.mark.parametrize("again", METHODS)
@pytest.mark.parametrize("first", METHODS)
def test_a_file_replaced_after_its_upload_is_uploaded_again(
    ml: DerivaML, execution: Execution, tmp_path: Path, first: Method, again: Method
) -> None:
    source, rid = tmp_path / "f.bin", execution.execution_rid
    lifecycle.begin(ml.session, rid)
    stage_file(ml, rid, write(source, "old"), first)
    lifecycle.stop(ml.session, rid)
    execution.commit_output_assets()
    source.unlink(missing_ok=True)
    stage_file(ml, rid, write(source, "new, and longer"), again)
    execution.commit_output_assets()
    assert {row["MD5"] for row in select(ml.catalog, ASSETS)} == {md5("old"), md5("new, and longer")}
