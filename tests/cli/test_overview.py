"""``dml`` alone and ``dml doctor``: what they see in a workspace, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.runner import check_message, run
from dml.cli import doctor_checks
from dml.target import Target
from dml.workspace.executions import insert_execution
from dml.workspace.layout import Workspace
from dml.workspace.liveness import begin_running
from dml.workspace.process import ProcessIdentity, current_process
from dml.workspace.registry import Registry
from dml.workspace.staging import StagedAsset, stage_asset

TARGET = ("--catalog", "local/1")


@pytest.fixture
def workspace() -> Workspace:
    target = Target("local", "1")
    return Workspace(target.default_workspace, target)


def test_without_a_target_it_says_how_to_get_one() -> None:
    result = run()
    check_message("overview-no-target", result.shown)
    assert "dml demo" in result.stdout
    assert run("--json").json["target"] is None


def test_an_empty_workspace(home: Path) -> None:
    check_message("overview-empty", run(*TARGET).shown)
    assert not (home / ".deriva-ml").exists()


def test_what_waits_is_lost_or_runs(workspace: Workspace) -> None:
    with Registry.writing(workspace) as registry:
        for rid, status in (("4VP", "Stopped"), ("4WT", "Failed"), ("4W8", "Running"), ("5A0", "Running")):
            insert_execution(registry, rid, config_json="{}", status=status)
        insert_execution(registry, "4T2", config_json="{}", status="Uploaded", sync_pending=True)
        for rid in ("4VP", "4WT", "4W8"):  # the last one is shown as lost, not as waiting
            stage_asset(registry, rid, StagedAsset("deriva-ml", "Execution_Asset", "weights.bin"))
        here = current_process()
        begin_running(registry, "5A0", here)
        gone = ProcessIdentity(2**22 - 1, "never", here.host, here.boot, here.command, here.since)
        begin_running(registry, "4W8", gone)
    result = run(*TARGET)
    check_message("overview", result.shown)
    document = run(*TARGET, "--json").json
    assert set(document["pending"]) == {"4VP", "4WT"}
    assert document["dead"] == ["4W8"]
    assert [one["rid"] for one in document["running"]] == ["5A0"]
    assert document["sync_pending"] == ["4T2"]


def test_a_snapshot_in_the_target_is_shown() -> None:
    assert "local / catalog 1@2-ABCD-EFGH" in run("--catalog", "local/1@2-ABCD-EFGH").stdout


def test_doctor_offline(home: Path) -> None:
    result = run("doctor", "--offline", *TARGET)
    assert result.code == 0
    assert "skipped (--offline)" in result.stdout
    findings = {one["subject"]: one for one in run("doctor", "--offline", "--json", *TARGET).json["findings"]}
    assert {"dml", "packages", "settings", "workspace", "disk", "registry", "credential", "git"} <= set(findings)
    assert list(home.iterdir()) == []


def test_doctor_names_an_unreachable_server_and_fails() -> None:
    result = run("doctor", "--catalog", "localhost:9/1")
    assert result.code == 1
    assert "server" in result.stdout
    assert run("doctor", "--catalog", "localhost:9/1", "--json").json["failed"] == 1


def test_doctor_never_shows_a_credential(home: Path) -> None:
    (home / ".deriva").mkdir()
    (home / ".deriva" / "credential.json").write_text('{"localhost": {"cookie": "webauthn=very-secret"}}')
    result = run("doctor", "--offline", "--catalog", "localhost/1")
    assert "present (cookie)" in result.stdout
    assert "very-secret" not in result.stdout + result.stderr


def test_doctor_reports_malformed_settings_and_goes_on(home: Path) -> None:
    (home / "config" / "dml").mkdir(parents=True)
    (home / "config" / "dml" / "profile.toml").write_text("jobs = many\n")
    result = run("doctor", "--offline")
    assert result.code == 1
    assert "profile.toml,line1" in "".join(result.stdout.split())  # wherever a long path is folded
    assert "cache" in result.stdout


def test_doctor_reports_a_damaged_registry(workspace: Workspace) -> None:
    workspace.registry_path.parent.mkdir(parents=True)
    workspace.registry_path.write_bytes(b"not a database" * 1000)
    result = run("doctor", "--offline", *TARGET)
    assert result.code == 1
    assert "registry" in result.stdout


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("Mon, 15 Jun 2026 12:00:10 GMT", "ok"),
        ("Mon, 15 Jun 2026 12:05:00 GMT", "warning"),
        ("Mon, 15 Jun 2026 11:00:00 GMT", "warning"),
        ("yesterday", "skipped"),
    ],
)
def test_clock(date: str, state: str) -> None:
    finding = doctor_checks.judge_clock(date, datetime(2026, 6, 15, 12, 0, tzinfo=UTC))
    assert finding.state == state


def test_disk_and_file_system() -> None:
    assert doctor_checks.judge_disk(100).state == "warning"
    assert doctor_checks.judge_disk(10**12).state == "ok"
    assert doctor_checks.judge_disk(None).message == "free space unknown"
    assert doctor_checks.judge_file_system("nfs4").state == "warning"
    assert doctor_checks.judge_file_system("ext4").state == "ok"
    assert doctor_checks.judge_file_system(None).state == "skipped"
