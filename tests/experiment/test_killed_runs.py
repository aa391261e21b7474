"""``dml run`` killed at different points: what continues, what is refused meanwhile, and what runs again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.runner import DML, run
from dml.catalog.rows import select
from experiment.runs import assert_succeeded, children, executions
from experiments import RetinaProject
from preflight.sample_catalog import SampleCatalog

SWEEPER = '''"""A sweeper that chooses its last job by what the first ones returned."""

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

RATES = ("0.001", "0.01")


class TenfoldSweeper(Sweeper):
    def __init__(self, **_):
        pass

    def setup(self, *, hydra_context, task_function, config):
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments):
        first = [[*arguments, f"model_config.learning_rate={rate}"] for rate in RATES]
        best = max(job.return_value for job in self.launcher.launch(first, initial_job_idx=0))
        for job in self.launcher.launch([[*arguments, f"model_config.learning_rate={best * 10}"]], initial_job_idx=2):
            job.return_value
'''


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file; while it exists, the model runs the inserted statements."""
    path = tmp_path / "misbehave"
    path.touch()
    return path


def insert_statements(project: RetinaProject, marker: Path, rate: float, *statements: str) -> None:
    """Let the model run statements at one learning rate, after it has written its weights."""
    lines = [f"if learning_rate == {rate} and Path({str(marker)!r}).exists():", "    import os", ""]
    text = "\n".join(f"    {line}".rstrip() for line in [*lines, *(f"    {statement}" for statement in statements)])
    project.edit(
        "src/models/retina_net.py", "    if learning_rate == fail_at:", f"{text}\n    if learning_rate == fail_at:"
    )


def start_run(*words: str) -> subprocess.Popen[str]:
    """Start ``dml run`` in its own process group."""
    return subprocess.Popen(
        [*DML, "run", *words, "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def catalog_options(sample: SampleCatalog) -> list[str]:
    """The options that select the catalog, for commands outside a project."""
    return ["--host", sample.catalog.target.host, "--catalog", sample.catalog.target.catalog_id]


def new_parent(sample: SampleCatalog, before: set[str]) -> str:
    """The only execution with children that was created since."""
    made = set(executions(sample.catalog)) - before
    links = select(sample.catalog, "deriva-ml:Execution_Execution", columns=["Execution"])
    (parent,) = {str(link["Execution"]) for link in links} & made
    return parent


def resume(parent: str) -> dict[str, object]:
    """Run ``dml run --resume``, which succeeds, and return its document."""
    document: dict[str, object] = json.loads(
        assert_succeeded(run("run", "--resume", parent, "--json")).stdout.splitlines()[-1]
    )
    return document


def test_jobs_continue_when_dml_run_is_killed_and_do_not_start_twice(
    retina: RetinaProject, sample: SampleCatalog, marker: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    insert_statements(retina, marker, 0.001, "os.kill(os.getppid(), 9)", f"open({str(gate)!r}).read()")
    retina.commit()
    before = set(executions(sample.catalog))
    process = start_run("+multirun=lr_sweep")
    assert process.wait() == -signal.SIGKILL
    with gate.open("w"):  # opens once the second job waits for it
        parent = new_parent(sample, before)
        refused = run("run", "--resume", parent)
        assert refused.code == 7
        assert f"the sweep ({parent}) is being run by process" in refused.stderr
        assert f"(the jobs of the sweep {parent})" in refused.stderr
        assert run("exec", "resume", parent, *catalog_options(sample)).code == 7
    output, _ = process.communicate()
    assert output.count(" committed\n") == 4
    assert executions(sample.catalog)[parent]["Status"] == "Running"
    assert resume(parent)["status"] == "Uploaded"
    assert [len(rids) for rids in children(sample.catalog, parent).values()] == [1, 1, 1, 1]


def test_fully_killed_sweep_resumes_its_unfinished_jobs(
    retina: RetinaProject, sample: SampleCatalog, marker: Path
) -> None:
    insert_statements(retina, marker, 0.01, "os.killpg(os.getpgrp(), 9)")
    retina.commit()
    before = set(executions(sample.catalog))
    process = start_run("+multirun=lr_sweep", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    parent = new_parent(sample, before)
    before_resume = children(sample.catalog, parent)
    marker.unlink()
    assert (
        f"hint: dml run --resume {parent}"
        in assert_succeeded(run("exec", "resume", parent, *catalog_options(sample))).stderr
    )
    refused = run("exec", "commit", parent, *catalog_options(sample))
    assert refused.code == 7
    assert f"{parent} is the parent of a sweep, which is Uploaded when all its jobs are" in refused.stderr
    assert f"hint: dml run --resume {parent}" in refused.stderr
    shown = json.loads(assert_succeeded(run("exec", "show", parent, "--json", *catalog_options(sample))).stdout)
    assert shown["execution"]["next"] == f"dml run --resume {parent}"
    assert (
        parent
        not in assert_succeeded(run("exec", "commit", "--all", "--dry-run", "--json", *catalog_options(sample))).stdout
    )
    document = resume(parent)
    assert document["status"] == "Uploaded"
    rows = executions(sample.catalog)
    after = children(sample.catalog, parent)
    assert [sum(rows[rid]["Status"] == "Uploaded" for rid in after[place]) for place in range(4)] == [1, 1, 1, 1]
    killed = rows[before_resume[2][0]]
    assert killed["Status"] == "Failed"
    assert "its process ended without reporting an error" in str(killed["Status_Detail"])


def test_killed_single_run_is_recovered_with_its_outputs(
    retina: RetinaProject, sample: SampleCatalog, marker: Path
) -> None:
    insert_statements(retina, marker, 0.5, "os.killpg(os.getpgrp(), 9)")
    retina.commit()
    before = set(executions(sample.catalog))
    process = start_run("model_config.learning_rate=0.5")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (rid,) = set(executions(sample.catalog)) - before
    assert executions(sample.catalog)[rid]["Status"] == "Running"
    refused = run("run", "--resume", rid)
    assert refused.code == 7
    assert f"dml exec resume {rid} --commit" in refused.stderr
    document = json.loads(
        assert_succeeded(run("exec", "resume", rid, "--commit", "--json", *catalog_options(sample))).stdout
    )
    assert document["status"] == "Uploaded"
    edges = select(
        sample.catalog, "deriva-ml:Execution_Asset_Execution", where={"Execution": rid, "Asset_Role": "Output"}
    )
    assert len(edges) == 1


def test_adaptive_sweeper_resumes_with_the_results_of_its_jobs(
    retina: RetinaProject, sample: SampleCatalog, marker: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    retina.write("src/hydra_plugins/tenfold.py", SWEEPER)
    retina.edit("src/models/retina_net.py", "else epochs", "else learning_rate")
    insert_statements(retina, marker, 0.1, "raise ValueError('NaN loss')")
    retina.commit()
    chosen = "hydra.sweeper._target_=hydra_plugins.tenfold.TenfoldSweeper"
    result = run("run", "-m", "+experiment=retina_quick", chosen, "--yes", "--json")
    assert result.code == 3, result.stderr
    document = json.loads(result.stdout.splitlines()[-1])
    parent = document["parent"]
    assert [job["status"] for job in document["jobs"]] == ["Uploaded", "Uploaded", "Failed"]

    retina.edit("src/hydra_plugins/tenfold.py", '"0.01")', '"0.02")')
    retina.commit()
    assert run("run", "--resume", parent).code == 3
    output = capfd.readouterr().err
    assert "model_config.learning_rate=0.02` as job 1, which was `" in output
    assert f"start a new sweep; dml nested {parent} shows" in output

    retina.edit("src/hydra_plugins/tenfold.py", '"0.02")', '"0.01")')
    retina.commit()
    marker.unlink()
    assert resume(parent)["status"] == "Uploaded"
    assert [len(rids) for rids in children(sample.catalog, parent).values()] == [1, 1, 2]


def test_jobs_do_not_start_when_dml_run_has_ended(retina: RetinaProject, sample: SampleCatalog, tmp_path: Path) -> None:
    document = json.loads(assert_succeeded(run("run", "--yes", "--json")).stdout.splitlines()[-1])
    before = set(executions(sample.catalog))
    request = tmp_path / "request.json"
    sweep = {"target": str(sample.catalog.target), "parent": document["execution"], "done": [], "starter": 1}
    sweep["workspace"] = str(sample.catalog.target.default_workspace)
    words = {"config_directory": str(retina.configs), "config_name": "deriva_model", "overrides": [], "flags": []}
    request.write_text(
        json.dumps({**words, "hydra_overrides": [], "is_sweep": True, "jobs": [{"sequence": 0}], "sweep": sweep})
    )
    command = [sys.executable, "-m", "dml.experiment.run_jobs", str(request)]
    done = subprocess.run(command, cwd=retina.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"hint: dml run --resume {document['execution']}" in done.stderr, done.stderr
    assert set(executions(sample.catalog)) == before


KILLER = """
import os

import {module} as module

insert_rows = module.insert


def insert_and_die(catalog, table, *given, **more):
    dies = os.environ.get("DML_SEQUENCE") == "2" and table == {table!r} and Path({marker!r}).exists()
    if dies and not {after}:
        os.killpg(os.getpgrp(), 9)
    rows = insert_rows(catalog, table, *given, **more)
    if dies:
        os.killpg(os.getpgrp(), 9)
    return rows


module.insert = insert_and_die
"""
BEFORE_ROW = ("dml.execution.finish_creation", "deriva-ml:Execution", False)
AFTER_ROW = ("dml.execution.finish_creation", "deriva-ml:Execution", True)
BEFORE_NESTING = ("dml.nesting.edit", "deriva-ml:Execution_Execution", False)
AFTER_NESTING = ("dml.nesting.edit", "deriva-ml:Execution_Execution", True)


def kill_while_creating(
    retina: RetinaProject, sample: SampleCatalog, marker: Path, point: tuple[str, str, bool]
) -> tuple[str, str]:
    """Start a sweep and kill every process while job 2 is created; return the RIDs of the parent and of that job."""
    module, table, after = point
    path = retina.root / "src" / "models" / "retina_net.py"
    text = KILLER.format(module=module, table=table, marker=str(marker), after=after)
    path.write_text(path.read_text() + text)
    retina.commit()
    before = set(executions(sample.catalog))
    process = start_run("+multirun=lr_sweep", "--no-preflight")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    marker.unlink()
    parent = new_parent(sample, before)
    listed = json.loads(assert_succeeded(run("exec", "list", "--json", *catalog_options(sample))).stdout)["executions"]
    known = {str(row["rid"]) for row in listed} - before - {parent}
    (child,) = known - {rid for place in (0, 1) for rid in children(sample.catalog, parent)[place]}
    assert (2 in children(sample.catalog, parent)) == (point == AFTER_NESTING)
    return parent, child


@pytest.mark.parametrize("point", [BEFORE_ROW, AFTER_ROW, BEFORE_NESTING, AFTER_NESTING])
def test_job_killed_during_creation_is_nested_once_on_resume(
    retina: RetinaProject, sample: SampleCatalog, marker: Path, point: tuple[str, str, bool]
) -> None:
    parent, child = kill_while_creating(retina, sample, marker, point)
    assert resume(parent)["status"] == "Uploaded"
    after, rows = children(sample.catalog, parent), executions(sample.catalog)
    assert [len(after[place]) for place in range(4)] == [1, 1, 2, 1]
    assert child in after[2]
    assert rows[child]["Status"] == "Aborted"
    assert "its process ended before it started" in str(rows[child]["Status_Detail"])
    assert [sum(rows[rid]["Status"] == "Uploaded" for rid in after[place]) for place in range(4)] == [1, 1, 1, 1]
    again = resume(parent)
    assert again["status"] == "Uploaded"
    assert children(sample.catalog, parent) == after


def test_job_killed_during_creation_is_nested_by_its_own_resume(
    retina: RetinaProject, sample: SampleCatalog, marker: Path
) -> None:
    parent, child = kill_while_creating(retina, sample, marker, BEFORE_NESTING)
    output = assert_succeeded(run("exec", "resume", child, *catalog_options(sample)))
    assert "Finished its creation." in output.stdout + output.stderr
    assert children(sample.catalog, parent)[2] == [child]
    assert resume(parent)["status"] == "Uploaded"
    assert [len(rids) for rids in children(sample.catalog, parent).values()] == [1, 1, 2, 1]


def test_job_aborted_after_it_was_killed_is_nested(retina: RetinaProject, sample: SampleCatalog, marker: Path) -> None:
    parent, child = kill_while_creating(retina, sample, marker, BEFORE_NESTING)
    assert_succeeded(run("exec", "abort", child, *catalog_options(sample)))
    assert 2 not in children(sample.catalog, parent)
    assert resume(parent)["status"] == "Uploaded"
    after = children(sample.catalog, parent)
    assert len(after[2]) == 2
    assert child in after[2]
