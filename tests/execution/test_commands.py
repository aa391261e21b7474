"""``dml exec`` as a user types it: each command's effect, JSON and exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.workspace import executions, liveness
from dml.workspace.process import current_process
from dml.workspace.status_change import compare_and_set_status

Run = Callable[..., Any]


@pytest.fixture
def created(dml: Run, unique: Callable[[str], str]) -> str:
    ran = dml("exec", "create", *workflow_options(unique), "-d", "from the shell", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["schema"] == "dml.exec.create/1"
    return str(ran.json["rid"])


def workflow_options(unique: Callable[[str], str]) -> list[str]:
    name = unique("w")
    return [
        "--workflow-name", "Train", "--workflow-type", "Training",
        "--workflow-url", f"https://example.org/{name}.py", "--workflow-checksum", name,
    ]  # fmt: skip


def ok(ran: Any) -> Any:
    assert ran.code == 0, (ran.out, ran.err)
    return ran


def test_execution_goes_from_created_to_uploaded(dml: Run, created: str, ml: DerivaML, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    ok(dml("exec", "start", created))
    ok(dml("exec", "stage", created, tmp_path / "model.bin", "--type", "Model_File", "-d", "the weights"))
    ok(dml("exec", "stop", created))
    waiting = ok(dml("exec", "list", "--pending", "--json")).json["executions"]
    assert [(one["rid"], one["status"], one["pending"]["files"]) for one in waiting] == [(created, "Stopped", 1)]
    done = ok(dml("exec", "commit", created, "--yes", "--json")).json
    assert (done["uploaded"], done["statuses"]) == (1, {created: "Uploaded"})
    shown = ok(dml("exec", "show", created, "--json")).json["execution"]
    assert shown["status"] == "Uploaded"
    assert shown["next"] == f"dml lineage {created}"
    assert {one["key"] for one in shown["outputs"]} >= {"Execution_Asset/model.bin"}
    row = select(ml.catalog, "deriva-ml:Execution", where={"RID": created})[0]
    assert (row["Status"], row["Description"]) == ("Uploaded", "from the shell")
    again = ok(dml("exec", "commit", created, "--yes"))
    assert "nothing to do" in again.out


def test_screens_name_the_essentials(dml: Run, created: str) -> None:
    assert created in ok(dml("exec", "list")).out
    shown = ok(dml("exec", "show", created)).out
    assert "Created" in shown
    assert f"dml exec start {created}" in shown
    assert "created" in ok(dml("exec", "log", created)).out


def test_doing_what_is_done_is_success(dml: Run, created: str) -> None:
    ok(dml("exec", "start", created))
    ok(dml("exec", "stop", created))
    assert "nothing to do" in ok(dml("exec", "stop", created)).out
    ok(dml("exec", "abort", created, "--reason", "no need"))
    assert "nothing to do" in ok(dml("exec", "abort", created)).out
    assert ok(dml("exec", "show", created, "--json")).json["execution"]["reason"] == "no need"


def test_second_start_is_refused(dml: Run, created: str) -> None:
    ok(dml("exec", "start", created))
    assert dml("exec", "start", created).code == 7


def test_run_marked_failed_by_hand_says_why(dml: Run, created: str, ml: DerivaML) -> None:
    ok(dml("exec", "start", created))
    ok(dml("exec", "fail", created, "--message", "loss is NaN"))
    row = select(ml.catalog, "deriva-ml:Execution", where={"RID": created})[0]
    assert (row["Status"], row["Status_Detail"]) == ("Failed", "loss is NaN")


def test_directory_is_staged_under_flat_names(dml: Run, created: str, tmp_path: Path) -> None:
    for name in ("a.png", "sub/a.png", "sub/deep/b.png"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    staged = ok(dml("exec", "stage", created, tmp_path / "tree", "--type", "Output_File", "--json")).json["files"]
    assert [one["key"] for one in staged] == [
        "Execution_Asset/a.png",
        "Execution_Asset/sub__a.png",
        "Execution_Asset/sub__deep__b.png",
    ]


def test_directory_in_which_two_paths_become_one_name_is_refused(dml: Run, created: str, tmp_path: Path) -> None:
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "b.png").write_text("1")
    (tmp_path / "tree" / "a__b.png").write_text("2")
    ran = dml("exec", "stage", created, tmp_path / "tree", "--type", "Output_File")
    assert ran.code == 7
    assert ok(dml("exec", "show", created, "--json")).json["execution"]["pending"]["files"] == 0


@pytest.mark.parametrize(("flag", "source_stays"), [("--copy", True), ("--link", True), ("--move", False)])
def test_staged_file_can_be_forgotten(dml: Run, created: str, tmp_path: Path, flag: str, source_stays: bool) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    ok(dml("exec", "stage", created, source, "--type", "Model_File", "--as", "best.bin", flag))
    assert source.exists() is source_stays
    assert ok(dml("exec", "show", created, "--json")).json["execution"]["pending"]["bytes"] == 7
    ok(dml("exec", "unstage", created, "Execution_Asset/best.bin"))
    assert source.read_bytes() == b"weights"
    assert ok(dml("exec", "show", created, "--json")).json["execution"]["pending"]["files"] == 0


def test_plan_is_applied_only_while_it_holds(dml: Run, created: str, tmp_path: Path) -> None:
    source = tmp_path / "model.bin"
    weights = uuid.uuid4().bytes  # the same bytes would be shared with whoever uploaded them before
    source.write_bytes(weights)
    ok(dml("exec", "start", created))
    ok(dml("exec", "stage", created, source, "--type", "Model_File"))
    ok(dml("exec", "stop", created))
    plan = ok(dml("exec", "commit", created, "--plan", tmp_path / "plan.json", "--json")).json["plans"][0]
    assert [(one["key"], one["action"]) for one in plan["files"]] == [("Execution_Asset/model.bin", "upload")]
    source.write_bytes(b"other weights")
    assert dml("exec", "commit", "--apply", tmp_path / "plan.json").code == 7
    source.write_bytes(weights)
    assert ok(dml("exec", "commit", "--apply", tmp_path / "plan.json", "--json")).json["statuses"] == {
        created: "Uploaded"
    }


def test_commit_of_all_leaves_aborted_created_and_living_ones_alone(
    dml: Run, unique: Callable[[str], str], tmp_path: Path, ml: DerivaML
) -> None:
    source = tmp_path / "x.bin"
    source.write_text("x")
    rids = {}
    for name, steps in {
        "created": [],
        "aborted": ["abort"],
        "stopped": ["start", "stop"],
        "failed": ["start", "fail"],
        "dead": ["start"],
        "living": ["start"],
    }.items():
        rid = ok(dml("exec", "create", *workflow_options(unique), "--json")).json["rid"]
        ok(dml("exec", "stage", rid, source, "--type", "Model_File"))
        for step in steps:
            ok(dml("exec", step, rid))
        rids[name] = rid
    process = current_process("a run")
    liveness.begin_running(ml.session.registry, rids["living"], process)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = type(process)(gone.pid, "1", process.host, process.boot, "a run", process.since)
    liveness.begin_running(ml.session.registry, rids["dead"], dead)
    done = ok(dml("exec", "commit", "--all", "--yes", "--json")).json
    assert done["statuses"] == {rids[name]: "Uploaded" for name in ("stopped", "failed", "dead")}
    listed = {one["rid"]: one for one in ok(dml("exec", "list", "--json")).json["executions"]}
    assert listed[rids["living"]]["liveness"] == "running"
    assert listed[rids["created"]]["status"] == "Created"


def test_dead_run_is_resumed_and_committed(dml: Run, created: str, ml: DerivaML, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_text("x")
    ok(dml("exec", "start", created))
    ok(dml("exec", "stage", created, tmp_path / "x.bin", "--type", "Model_File"))
    process = current_process("a run")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = type(process)(gone.pid, "1", process.host, process.boot, "a run", process.since)
    liveness.begin_running(ml.session.registry, created, dead)
    assert ok(dml("exec", "list", "--json")).json["executions"][0]["liveness"] == "dead"
    resumed = ok(dml("exec", "resume", created, "--json")).json
    assert (resumed["status"], resumed["pending"]["files"]) == ("Pending_Upload", 1)
    assert ok(dml("exec", "resume", created, "--commit", "--json")).json["status"] == "Uploaded"


def test_execution_that_only_the_catalog_knows_is_adopted(dml: Run, created: str, tmp_path: Path) -> None:
    elsewhere = ("--workspace", tmp_path / "elsewhere")
    assert dml("exec", "show", created, *elsewhere).code == 6
    adopted = ok(dml("exec", "resume", created, *elsewhere, "--json")).json
    assert (adopted["status"], adopted["outcome"]) == ("Created", "adopt as new")
    assert ok(dml("exec", "show", created, *elsewhere, "--json")).json["execution"]["description"] == "from the shell"


def test_resume_of_something_else_than_an_execution_says_what_it_is(dml: Run, ml: DerivaML) -> None:
    ran = dml("exec", "resume", ml.lookup_term("Asset_Type", "Model_File").rid)
    assert ran.code == 2
    assert "Asset_Type" in ran.err


def test_status_that_the_catalog_was_not_told_is_pushed_by_sync(dml: Run, created: str, ml: DerivaML) -> None:
    compare_and_set_status(ml.session.registry, created, "Created", "Running")
    assert ok(dml("exec", "list", "--json")).json["executions"][0]["sync_pending"] is True
    assert ok(dml("exec", "sync", "--json")).json["synced"] == [created]
    assert select(ml.catalog, "deriva-ml:Execution", where={"RID": created})[0]["Status"] == "Running"
    assert ok(dml("exec", "sync", "--json")).json["synced"] == []


def test_execution_aborted_elsewhere_is_taken_over_and_said(dml: Run, created: str, ml: DerivaML) -> None:
    ml.catalog.put_json("/attributegroup/deriva-ml:Execution/RID;Status", [{"RID": created, "Status": "Aborted"}])
    ran = dml("exec", "start", created)
    assert ran.code == 7
    assert "Aborted" in ran.err
    assert ok(dml("exec", "show", created, "--json")).json["execution"]["status"] == "Aborted"


def test_local_files_go_only_when_the_catalog_has_them(dml: Run, created: str, tmp_path: Path) -> None:
    source = tmp_path / "x.bin"
    source.write_text("x")
    ok(dml("exec", "start", created))
    ok(dml("exec", "stage", created, source, "--type", "Model_File", "--copy"))
    ok(dml("exec", "stop", created))
    assert dml("exec", "gc", created, "--yes").code == 7
    ok(dml("exec", "commit", created))
    directory = Path(ok(dml("exec", "show", created, "--json")).json["execution"]["directory"])
    assert ok(dml("exec", "gc", "--dry-run", "--json")).json["candidates"][0]["rid"] == created
    assert directory.exists()
    ok(dml("exec", "gc", "--yes"))
    assert not directory.exists()
    assert ok(dml("exec", "list", "--json")).json["executions"][0]["status"] == "Uploaded"


def test_outputs_that_were_never_uploaded_are_discarded_only_by_name(dml: Run, created: str, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_text("x")
    ok(dml("exec", "stage", created, tmp_path / "x.bin", "--type", "Model_File"))
    ok(dml("exec", "abort", created))
    assert ok(dml("exec", "gc", "--yes", "--json")).json["candidates"] == []
    assert dml("exec", "gc", created, "--yes").code == 2
    ok(dml("exec", "gc", created, "--confirm", created))


def test_any_program_runs_as_an_execution(dml: Run, unique: Callable[[str], str], ml: DerivaML) -> None:
    program = (
        "import os,pathlib;"
        "p=pathlib.Path(os.environ['DML_OUTPUTS'],'Execution_Asset','sub');p.mkdir(parents=True);"
        "(p/'out.txt').write_text(os.environ['DML_EXECUTION_RID']);print('working')"
    )
    ran = ok(dml("exec", "run", *workflow_options(unique), "--json", "--", sys.executable, "-c", program))
    assert (ran.json["status"], ran.json["exit_code"]) == ("Uploaded", 0)
    assert "working" in ran.err
    shown = ok(dml("exec", "show", ran.json["rid"], "--json")).json["execution"]
    uploaded = {one["key"] for one in shown["outputs"] if one["status"] == "uploaded"}
    assert {"Execution_Asset/sub__out.txt", "Execution_Metadata/run.log"} <= uploaded


def test_a_program_that_fails_is_committed_and_stays_known_as_failed(
    dml: Run, unique: Callable[[str], str], ml: DerivaML
) -> None:
    ran = dml("exec", "run", *workflow_options(unique), "--json", "--", "sh", "-c", "echo partial; exit 3")
    assert (ran.code, ran.json["status"], ran.json["exit_code"]) == (1, "Uploaded", 3)
    said = "the command exited with code 3"
    (listed,) = [one for one in ok(dml("exec", "list", "--json")).json["executions"] if one["rid"] == ran.json["rid"]]
    assert listed["detail"] == said
    assert select(ml.catalog, "deriva-ml:Execution", where={"RID": ran.json["rid"]})[0]["Status_Detail"] == said


def test_what_a_program_leaves_behind_does_not_keep_the_run_from_ending(
    dml: Run, unique: Callable[[str], str], tmp_path: Path
) -> None:
    # A process that inherited the output and waits for a writer that never comes.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = ["sh", "-c", 'cat "$0" & echo begun; exit 0', str(pipe)]
    try:
        ran = ok(dml("exec", "run", *workflow_options(unique), "--no-commit", "--json", "--", *command))
    finally:
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # its writer came and went: it ends
    assert (ran.json["status"], ran.json["exit_code"]) == ("Stopped", 0)
    outputs = ok(dml("exec", "show", ran.json["rid"], "--json")).json["execution"]["outputs"]
    assert [one["bytes"] for one in outputs if one["key"].endswith("run.log")] == [len("begun\n")]
    assert "left processes behind" in ok(dml("exec", "log", ran.json["rid"])).out


def test_a_workflow_may_be_known_by_its_name_only(
    dml: Run, unique: Callable[[str], str], ml: DerivaML, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    names = [unique("w"), unique("v")]
    made = [
        ok(dml("exec", "create", "--workflow-name", name, "--workflow-type", "Training", "--json"))
        for name in [*names, names[0]]
    ]
    assert made[0].json["dirty"] is True
    assert "Name the script with --script" in made[0].err
    workflows = [one.json["workflow"] for one in made]
    assert workflows[0] == workflows[2] != workflows[1]
    assert select(ml.catalog, "deriva-ml:Workflow", where={"RID": workflows[0]})[0]["Name"] == names[0]


def test_program_that_fails_leaves_what_it_wrote(dml: Run, unique: Callable[[str], str]) -> None:
    ran = dml("exec", "run", *workflow_options(unique), "--no-commit", "--json", "--", "sh", "-c", "echo no; exit 3")
    assert ran.code == 1
    assert (ran.json["status"], ran.json["exit_code"]) == ("Failed", 3)
    shown = ok(dml("exec", "show", ran.json["rid"], "--json")).json["execution"]
    assert "exit code 3" in shown["error"]
    assert shown["pending"]["files"] == 1


def test_program_that_does_not_exist_is_not_found(dml: Run, unique: Callable[[str], str]) -> None:
    ran = dml("exec", "run", *workflow_options(unique), "--", "no-such-program-here")
    assert ran.code == 6
    assert ok(dml("exec", "list", "--json")).json["executions"][0]["status"] == "Failed"


def test_configuration_comes_from_a_file_and_options_add_to_it(
    dml: Run, unique: Callable[[str], str], tmp_path: Path, ml: DerivaML
) -> None:
    name = unique("w")
    document = {
        "workflow": {"name": "Train", "workflow_type": ["Training"], "url": f"https://e.org/{name}", "checksum": name},
        "description": "from a file",
        "argv": ["train.py", "--token", "hunter2hunter2"],
    }
    (tmp_path / "run.yaml").write_text(json.dumps(document))
    rid = ok(dml("exec", "create", "--config", tmp_path / "run.yaml", "--json")).json["rid"]
    recorded = executions.get_execution(ml.session.registry, rid)
    assert recorded.description == "from a file"
    assert "hunter2" not in recorded.config_json
    (tmp_path / "run.yaml").write_text("datasets: 3")
    assert dml("exec", "create", "--config", tmp_path / "run.yaml").code == 2


LOCAL = (["exec", "list"], ["exec", "show", "RID"], ["exec", "log", "RID"], ["exec", "unstage", "RID", "T/x"])


def test_local_commands_load_neither_the_client_nor_git(dml: Run, created: str, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_text("x")
    commands = [*LOCAL, ["exec", "stage", "RID", str(tmp_path / "x.bin"), "--type", "Model_File"]]
    for arguments in commands:
        code = (
            "import sys;from dml.cli.__main__ import main;"
            f"main({[created if word == 'RID' else word for word in arguments]!r});"
            "print([m for m in ('deriva','requests','pydantic','git','pandas','textual') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]", arguments
