"""A workspace that deriva-ml 1.34 left behind: listed and shown without a byte of it changing, then committed."""

from __future__ import annotations

import hashlib
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dml.catalog.connection import Catalog
from dml.catalog.objects import stat
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.execution.workflow import Workflow
from execution.older_catalog import STATUSES, make_catalog, transport

Run = Callable[..., Any]
ARCHIVE = Path(__file__).parents[1] / "data" / "deriva-ml-1.34-workspace.tar.gz"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "workspace"


def state_of(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_older_executions_are_listed_and_shown_and_nothing_changes(dml: Run, older: Path) -> None:
    chosen = ("--host", "localhost", "--catalog", "44", "--workspace", older)
    before = state_of(older)
    listed = dml("exec", "list", *chosen, "--json").json["executions"]
    found = {one["rid"]: (one["status"], one["pending"]["files"], one["liveness"]) for one in listed}
    assert found == {
        "4T2": ("Uploaded", 0, None),
        "4V4": ("Created", 0, None),
        "4VP": ("Stopped", 2, None),
        "4W8": ("Running", 2, "unknown"),
        "4WT": ("Failed", 2, None),
    }
    shown = dml("exec", "show", "4WT", *chosen)
    assert "ValueError: bad batch" in shown.out
    assert "dml exec commit 4WT" in shown.out
    assert dml("exec", "log", "4WT", *chosen).code == 0
    assert state_of(older) == before


@pytest.fixture
def catalog(home: Path) -> Catalog:
    """Catalog 44 in the shape of 1.34, with the executions of the workspace."""
    assert home.is_dir()
    return make_catalog()


@pytest.fixture
def ml(catalog: Catalog, older: Path) -> Iterator[DerivaML]:
    """The API on that workspace, its host answered by the embedded catalog."""
    assert catalog.target.catalog_id == "44"
    made = DerivaML("localhost", 44, working_dir=older, credential={}, transport=transport)
    yield made
    made.session.close()


def statuses(catalog: Catalog) -> dict[str, str]:
    return {row["RID"]: row["Status"] for row in select(catalog, "deriva-ml:Execution")}


def test_the_api_reads_it_and_changes_nothing(ml: DerivaML, older: Path) -> None:
    before = state_of(older)
    assert {one.rid: one.status for one in ml.list_executions()} == STATUSES
    assert {one.rid: one.pending_files for one in ml.find_incomplete_executions()} == {
        "4V4": 0,
        "4VP": 2,
        "4W8": 2,
        "4WT": 2,
    }
    assert [one.execution_rid for one in ml.pending_summary().executions] == ["4WT", "4W8", "4VP"]
    assert len(ml.find_executions(status=["Stopped", "Failed"])) == 2
    assert ml.lookup_execution("4W8").duration is None
    assert state_of(older) == before


def test_what_it_left_pending_reaches_a_catalog_of_its_release(ml: DerivaML, catalog: Catalog, older: Path) -> None:
    report = ml.commit_pending_executions()
    assert (report.errors, report.total_failed) == ([], 0)
    assert sorted(report.execution_rids) == ["4VP", "4W8", "4WT"]
    uploaded = dict.fromkeys(("4T2", "4VP", "4W8", "4WT"), "Uploaded")
    assert statuses(catalog) == {**uploaded, "4V4": "Created"}
    assert {one.rid: one.status for one in ml.list_executions()} == {**uploaded, "4V4": "Created"}
    for rid in ("4VP", "4W8", "4WT"):
        found = {one.filename: one for one in ml.list_execution_assets(rid, "Output")}
        assert set(found) == {"metrics.jsonl", "weights.bin"}
        assert "Model_File" in found["weights.bin"].types
        for one in found.values():
            staged = older / "deriva-ml" / "execution" / rid / "assets" / one.asset_table / one.filename
            held = stat(catalog, one.url)
            assert held is not None
            assert held.md5_hex == one.md5 == hashlib.md5(staged.read_bytes()).hexdigest()
    ml.catalog.traffic.reset()
    assert ml.commit_pending_executions().nothing_done
    assert {method for method, _, _ in ml.catalog.traffic.log} <= {"GET"}


def test_the_commands_bring_what_it_left_to_the_catalog(
    dml: Run, catalog: Catalog, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever would go over the network to the workspace's host is answered by the embedded catalog.
    monkeypatch.setattr("dml.catalog.session.NetworkAdapter", lambda _policy: transport())
    chosen = ("--host", "localhost", "--catalog", "44", "--workspace", older)

    def run(*words: str) -> dict[str, Any]:
        ran = dml(*words, *chosen, "--json")
        assert ran.code == 0, ran.out + ran.err
        document: dict[str, Any] = ran.json
        return document

    before = state_of(older)
    (planned,) = run("exec", "commit", "4VP", "--dry-run")["plans"]
    assert sorted(one["key"] for one in planned["files"]) == [
        "Execution_Asset/weights.bin",
        "Execution_Metadata/metrics.jsonl",
    ]
    done = run("exec", "commit", "4VP", "4WT")
    assert (done["uploaded"], done["statuses"]) == (4, {"4VP": "Uploaded", "4WT": "Uploaded"})
    resumed = run("exec", "resume", "4W8", "--commit")
    assert (resumed["status"], resumed["commit"]["uploaded"]) == ("Uploaded", 2)
    assert run("exec", "commit", "--all", "--yes")["uploaded"] == 0
    uploaded = dict.fromkeys(("4T2", "4VP", "4W8", "4WT"), "Uploaded")
    assert statuses(catalog) == {**uploaded, "4V4": "Created"}
    edges = select(catalog, "deriva-ml:Execution_Asset_Execution", where={"Asset_Role": "Output"})
    assert sorted(edge["Execution"] for edge in edges) == ["4VP", "4W8", "4WT"]
    staged = {path: digest for path, digest in state_of(older).items() if "/assets/" in path}
    assert staged == {path: digest for path, digest in before.items() if "/assets/" in path}
    assert len(list((older / "catalogs" / "localhost__44" / "working").glob("main.db.*.backup"))) == 1


def test_writing_brings_the_registry_forward_with_a_backup_beside_it(ml: DerivaML, older: Path) -> None:
    registry = older / "catalogs" / "localhost__44" / "working" / "main.db"
    ml.commit_pending_executions(execution_rids=["4VP"])
    (backup,) = registry.parent.glob("main.db.*.backup")
    for path, there in ((backup, False), (registry, True)):
        with closing(sqlite3.connect(path)) as connection:
            columns = {row[1] for row in connection.execute("PRAGMA table_info(execution_state__executions)")}
            rows = dict(connection.execute("SELECT rid, status FROM execution_state__executions"))
        assert ({"duration", "download_duration", "upload_duration"} <= columns) is there
        assert rows == ({**STATUSES, "4VP": "Uploaded"} if there else STATUSES)


def test_a_dead_run_is_resumed_and_a_created_one_runs(ml: DerivaML, catalog: Catalog) -> None:
    assert ml.resume_execution("4W8").commit_output_assets().total_uploaded == 2
    created = ml.resume_execution("4V4")
    with created.execute():
        created.asset_file_path("Execution_Asset", "late.bin", ["Model_File"]).write_text("late")
    created.commit_output_assets()
    rows = {row["RID"]: row for row in select(catalog, "deriva-ml:Execution")}
    assert (rows["4W8"]["Status"], rows["4V4"]["Status"]) == ("Uploaded", "Uploaded")
    assert rows["4V4"]["Duration"].endswith("sec")


def test_a_new_execution_is_made_in_a_catalog_of_its_release(ml: DerivaML, catalog: Catalog) -> None:
    workflow = Workflow("New", "Training", url="https://example.org/new.py", checksum="new")
    execution = ml.create_execution(workflow=workflow, description="new")
    with execution.execute():
        execution.update_status("Running", "halfway")
        execution.asset_file_path("Execution_Asset", "new.bin", ["Model_File"]).write_text("new")
    execution.commit_output_assets()
    assert statuses(catalog)[execution.execution_rid] == "Uploaded"
    dataset = execution.create_dataset(description="as it was")
    user = ml.create_execution(workflow=workflow, datasets=[dataset.dataset_rid])
    assert [one.dataset_rid for one in user.list_input_datasets()] == [dataset.dataset_rid]
    assert [one.execution_rid for one in ml.find_executions(dataset=dataset.dataset_rid, dataset_role="input")] == [
        user.execution_rid
    ]
    user.abort("enough")
    assert statuses(catalog)[user.execution_rid] == "Aborted"
