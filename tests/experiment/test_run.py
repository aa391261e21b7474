"""``dml run``: single runs, dry runs, failures, sweeps with their parent, and resuming a sweep."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.runner import run
from dml.catalog.rows import select
from dml.workspace.executions import get_execution
from dml.workspace.session import WorkspaceSession
from experiment.runs import assert_succeeded, children, executions
from experiments import RetinaProject
from preflight.sample_catalog import SampleCatalog
from targets import Place


def test_run_creates_one_execution_with_its_provenance(retina: RetinaProject, sample: SampleCatalog) -> None:
    before = set(executions(sample.catalog))
    result = assert_succeeded(run("run", "+experiment=retina_quick", "--yes", "--json"))
    document = json.loads(result.stdout.splitlines()[-1])
    rid = document["execution"]
    assert set(executions(sample.catalog)) - before == {rid}
    row = executions(sample.catalog)[rid]
    assert row["Status"] == "Uploaded"
    assert row["Description"] == "Quick look at the retina images [overrides: +experiment=retina_quick]"
    workflow = select(sample.catalog, "deriva-ml:Workflow", where={"RID": row["Workflow"]})[0]
    assert workflow["Name"] == "Retina classifier"
    assert str(workflow["URL"]).endswith("src/models/retina_net.py")
    assert workflow["Version"] == "0.3.1"
    inputs = select(sample.catalog, "deriva-ml:Dataset_Execution", where={"Execution": rid})
    assert [row["Dataset"] for row in inputs] == [sample.dataset]
    edges = select(sample.catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": rid})
    roles = {(row["Execution_Asset"] == sample.asset, row["Asset_Role"]) for row in edges}
    assert roles == {(True, "Input"), (False, "Output")}
    metadata = select(sample.catalog, "deriva-ml:Execution_Metadata_Execution", where={"Execution": rid})
    names = [
        row["Filename"]
        for row in select(
            sample.catalog,
            "deriva-ml:Execution_Metadata",
            where={"RID": [row["Execution_Metadata"] for row in metadata]},
        )
    ]
    assert any(name.startswith("hydra-") and name.endswith("config.yaml") for name in names)
    assert retina.git("status", "--porcelain") == ""


def test_run_needs_yes_without_a_terminal(retina: RetinaProject, sample: SampleCatalog) -> None:
    before = set(executions(sample.catalog))
    result = run("run", "+experiment=retina_quick")
    assert result.code == 2
    assert "--yes" in result.stderr
    assert set(executions(sample.catalog)) == before


def test_failed_checks_stop_a_run(retina: RetinaProject, sample: SampleCatalog) -> None:
    before = set(executions(sample.catalog))
    result = run("run", "workflow.workflow_type=[Nonsense]", "--yes")
    assert result.code == 8
    assert 'no term "Nonsense"' in result.stdout
    assert set(executions(sample.catalog)) == before


def test_broken_configuration_is_refused_without_checks_too(retina: RetinaProject) -> None:
    result = run("run", "datasets=none_such", "--yes", "--no-preflight")
    assert result.code == 2
    options = "Available options in 'datasets': default_dataset, "
    assert f"Could not find 'datasets/none_such' {options}" in result.stderr
    assert "provider=" not in result.stderr


def test_dry_run_writes_no_catalog(
    retina: RetinaProject, sample: SampleCatalog, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sample.catalog.snaptime()
    result = assert_succeeded(run("run", "+experiment=retina_quick", "dry_run=true"))
    assert sample.catalog.snaptime() == before
    assert "Dry run: nothing was written" in result.stdout
    output = capfd.readouterr().err
    assert "dry run: found 1 dataset, downloaded 1 asset" in output
    assert "it would have committed 1 file and 0 feature values" in output


def test_error_of_the_model_fails_the_execution_and_keeps_outputs(
    retina: RetinaProject, sample: SampleCatalog, place: Place
) -> None:
    result = run("run", "model_config.learning_rate=0.5", "model_config.fail_at=0.5", "--yes", "--json")
    assert result.code == 1
    document = json.loads(result.stdout.splitlines()[-1])
    assert document["status"] == "Failed"
    row = executions(sample.catalog)[document["execution"]]
    assert row["Status"] == "Failed"
    assert "NaN loss at learning rate 0.5" in str(row["Status_Detail"])
    with WorkspaceSession.reading(place.target) as session:
        staged = session.workspace.staged_path(document["execution"], "Execution_Asset", "weights.json")
        assert json.loads(staged.read_text())["learning_rate"] == 0.5


def test_sweep_has_one_parent_and_its_jobs_as_children(retina: RetinaProject, sample: SampleCatalog) -> None:
    result = assert_succeeded(run("run", "+multirun=lr_sweep", "--yes", "--json"))
    document = json.loads(result.stdout.splitlines()[-1])
    parent = document["parent"]
    rows = executions(sample.catalog)
    assert rows[parent]["Status"] == "Uploaded"
    assert str(rows[parent]["Description"]).startswith("# Learning rates")
    nested = children(sample.catalog, parent)
    assert sorted(nested) == [0, 1, 2, 3]
    assert all(rows[rid]["Status"] == "Uploaded" for rids in nested.values() for rid in rids)
    assert str(rows[nested[2][0]]["Description"]).startswith("[Job 2] ")
    assert "model_config.learning_rate=0.01" in str(rows[nested[2][0]]["Description"])


def test_failed_job_fails_the_parent_and_runs_again_on_resume(
    retina: RetinaProject, sample: SampleCatalog, place: Place
) -> None:
    marker = retina.root / "fails"
    marker.touch()
    retina.edit(
        "src/models/retina_net.py",
        "    if learning_rate == fail_at:",
        "    if learning_rate == 0.01 and Path('fails').exists():",
    )
    retina.write(".gitignore", (retina.root / ".gitignore").read_text() + "fails\n")
    retina.commit()
    result = run("run", "+multirun=lr_sweep", "--yes", "--json")
    assert result.code == 3, result.stderr
    document = json.loads(result.stdout.splitlines()[-1])
    parent = document["parent"]
    assert [job["status"] for job in document["jobs"]] == ["Uploaded", "Uploaded", "Failed", "Uploaded"]
    row = executions(sample.catalog)[parent]
    assert row["Status"] == "Failed"
    assert "1 of 4 jobs are not uploaded: job 2 (" in str(row["Status_Detail"])
    assert "NaN loss" in str(row["Status_Detail"])
    marker.unlink()
    resumed = json.loads(assert_succeeded(run("run", "--resume", parent, "--json")).stdout.splitlines()[-1])
    assert [job["status"] for job in resumed["jobs"]] == ["Uploaded"] * 4
    assert executions(sample.catalog)[parent]["Status"] == "Uploaded"
    nested = children(sample.catalog, parent)
    assert [len(nested[number]) for number in range(4)] == [1, 1, 2, 1]
    with WorkspaceSession.reading(place.target) as session:
        assert get_execution(session.registry, parent).status == "Uploaded"
    again = json.loads(assert_succeeded(run("run", "--resume", parent, "--json")).stdout.splitlines()[-1])
    assert again["jobs"] == resumed["jobs"]


def test_resumed_sweep_accepts_uncommitted_changes_again(
    retina: RetinaProject, sample: SampleCatalog, capfd: pytest.CaptureFixture[str]
) -> None:
    retina.edit("src/models/retina_net.py", "if learning_rate == fail_at:", "if learning_rate == 0.01:")
    result = run("run", "+multirun=lr_sweep", "--allow-dirty", "--yes", "--catalog", "1")
    assert result.code == 3, result.stderr
    assert (
        "job 2 failed: ValueError: NaN loss at learning rate 0.01 (src/models/retina_net.py:" in capfd.readouterr().err
    )
    parent, _, command = result.stdout.splitlines()[-1].partition(" ")
    assert command == f"Failed: 3 of 4 jobs uploaded.   dml run --resume {parent} --host local --catalog 1"
    retina.edit("src/models/retina_net.py", "if learning_rate == 0.01:", "if learning_rate == fail_at:")
    retina.write("src/models/more.py", "x = 1\n")
    assert_succeeded(run(*command.split()[-7:], "--json"))
    assert executions(sample.catalog)[parent]["Status"] == "Uploaded"


def test_joblib_with_four_workers_creates_one_parent(retina: RetinaProject, sample: SampleCatalog) -> None:
    # A process of another launcher finds the project by the environment alone; submitit's are such.
    finds = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import models.retina_net'], check=True)"
    fails = "    if learning_rate == fail_at:"
    retina.edit("src/models/retina_net.py", fails, f"    {finds}\n{fails}")
    retina.commit()
    before = set(executions(sample.catalog))
    overrides = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=4"]
    result = assert_succeeded(run("run", "+multirun=lr_sweep", *overrides, "--yes", "--json"))
    parent = json.loads(result.stdout.splitlines()[-1])["parent"]
    rows = executions(sample.catalog)
    assert len(set(rows) - before) == 5
    assert {place: len(rids) for place, rids in children(sample.catalog, parent).items()} == {0: 1, 1: 1, 2: 1, 3: 1}
    assert rows[parent]["Status"] == "Uploaded"


def test_sweep_resumes_after_a_worker_was_killed(retina: RetinaProject, sample: SampleCatalog) -> None:
    marker = retina.root / "kills"
    marker.touch()
    retina.edit(
        "src/models/retina_net.py",
        "    if learning_rate == fail_at:",
        "    if learning_rate == 0.01 and Path('kills').exists():\n"
        "        import os\n\n        os.kill(os.getpid(), 9)\n"
        "    if learning_rate == fail_at:",
    )
    retina.write(".gitignore", (retina.root / ".gitignore").read_text() + "kills\n")
    retina.commit()
    overrides = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    result = run("run", "+multirun=lr_sweep", *overrides, "--yes", "--json")
    assert result.code != 0
    document = json.loads(result.stdout.splitlines()[-1])
    parent = document["parent"]
    assert executions(sample.catalog)[parent]["Status"] == "Failed"
    assert document["jobs"][2]["status"] == "Running"
    marker.unlink()
    resumed = json.loads(assert_succeeded(run("run", "--resume", parent, "--json")).stdout.splitlines()[-1])
    assert [job["status"] for job in resumed["jobs"]] == ["Uploaded"] * 4
    assert executions(sample.catalog)[parent]["Status"] == "Uploaded"


def test_only_a_sweep_can_be_resumed(retina: RetinaProject) -> None:
    ran = assert_succeeded(run("run", "--yes"))
    rid, _, command = ran.stdout.splitlines()[-1].partition(" ")
    assert command == f"Uploaded.   dml lineage {rid} --host local --catalog 1", "only the project names the catalog"
    assert run(*command.split()[2:]).code == 0
    assert f"\n{rid} Uploaded · " in ran.stderr, "without a terminal how far the run is comes in lines"
    result = run("run", "--resume", rid)
    assert result.code == 7
    assert "is not a sweep of `dml run`" in result.stderr
    assert run("run", "--resume", "0-0000").code == 6


def test_list_configs(retina: RetinaProject) -> None:
    document = json.loads(assert_succeeded(run("run", "--list-configs", "--json")).stdout)
    assert document["groups"]["experiment"] == ["retina_large", "retina_quick"]
    assert "lr_sweep" in document["multiruns"]
    shown = assert_succeeded(run("run", "--list-configs")).stdout
    assert "+multirun=lr_sweep" in shown


def test_package_of_a_configuration_is_printed(retina: RetinaProject, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("run", "+experiment=retina_quick", "--cfg", "job", "--package", "model_config").code == 0
    assert "epochs: 1" in capfd.readouterr().out


def test_deriva_ml_project_is_run_by_its_own_runner(
    make_project: Callable[..., RetinaProject], sample: SampleCatalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = make_project("deriva_ml", dataset=sample.dataset, asset=sample.asset, name="theirs")
    monkeypatch.chdir(project.root)
    output = tmp_path / "told.json"
    monkeypatch.setenv("STAND_IN_RUNNER_TELLS", str(output))
    document = json.loads(
        assert_succeeded(run("run", "+experiment=retina_quick", "--yes", "--json")).stdout.splitlines()[-1]
    )
    assert document["execution"] == "1-THEIRS"
    arguments = json.loads(output.read_text())
    assert arguments == [
        "--config-dir",
        str(project.configs),
        "--config-name",
        "deriva_model",
        "+experiment=retina_quick",
    ]
