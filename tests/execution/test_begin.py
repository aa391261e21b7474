"""Starting an execution: one function for every caller, which fetches nothing when the start is refused."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.deriva_ml import DerivaML
from dml.errors import DmlError, IllegalTransitionError, LockedError
from dml.execution import creation, lifecycle
from dml.execution.load_features import load_values
from dml.execution.workflow import Workflow
from dml.workspace import liveness
from dml.workspace.execution_lock import execution_lock
from dml.workspace.pending import Pending, pending_work
from dml.workspace.process import ProcessIdentity, current_process
from dml.workspace.status_change import compare_and_set_status
from execution.conftest import Ran

SOURCE = Path(__file__).parent.parent.parent / "src" / "dml"


@pytest.fixture
def asset(ml: DerivaML, execution: Execution) -> str:
    """RID of an asset of the catalog."""
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "model.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    return str(execution.uploaded_assets["Execution_Asset"][0].asset_rid)


@pytest.fixture
def with_input(ml: DerivaML, workflow: Workflow, asset: str) -> Execution:
    """A created execution with an input asset."""
    return ml.create_execution(workflow=workflow, assets=[asset])


def fetched(execution: Execution) -> bool:
    """Whether anything was fetched into the directory of an execution."""
    return (execution.working_dir / "downloaded-assets").exists()


def refuse(execution: Execution, reason: str) -> type[DmlError]:
    """Make the start of an execution illegal, or have another process run it; the expected error."""
    registry, rid = execution.session.registry, execution.execution_rid
    if reason == "status":
        compare_and_set_status(registry, rid, "Created", "Aborted", sync_pending=False)
        return IllegalTransitionError
    here = current_process("train.py")
    liveness.begin_running(registry, rid, ProcessIdentity(**{**vars(here), "host": "lab-7", "boot": "another"}))
    return LockedError


CALLERS: dict[str, Callable[[Execution], object]] = {
    "with": lambda execution: execution.__enter__(),
    "execution_start": lambda execution: execution.execution_start(),
    "update_status": lambda execution: execution.update_status("Running"),
    "begin": lambda execution: lifecycle.begin(execution.session, execution.execution_rid),
}


@pytest.mark.parametrize("reason", ["status", "runner"])
@pytest.mark.parametrize("caller", CALLERS)
def test_python_fetches_nothing_when_the_start_is_refused(with_input: Execution, caller: str, reason: str) -> None:
    error = refuse(with_input, reason)
    traffic = with_input.session.catalog.traffic
    traffic.reset()
    with pytest.raises(error):
        CALLERS[caller](with_input)
    assert not fetched(with_input)
    assert traffic.log == []


def test_nothing_is_fetched_while_another_process_holds_the_lock(with_input: Execution) -> None:
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with execution_lock(with_input.session.registry, with_input.execution_rid):
            locked.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert locked.wait(20)
        with pytest.raises(LockedError, match="is locked by"):
            with_input.execution_start()
    finally:
        release.set()
        thread.join()
    assert not fetched(with_input)
    with_input.execution_start()
    assert fetched(with_input)


@pytest.mark.parametrize("reason", ["status", "runner"])
def test_exec_start_fetches_nothing_when_it_is_refused(
    with_input: Execution, dml: Callable[..., Ran], reason: str
) -> None:
    refuse(with_input, reason)
    assert dml("exec", "start", with_input.execution_rid).code == 7
    assert not fetched(with_input)


def test_a_dry_run_fetches_nothing_when_it_is_refused(ml: DerivaML, workflow: Workflow, asset: str) -> None:
    dry = ml.create_execution(workflow=workflow, assets=[asset], dry_run=True)
    refuse(dry, "status")
    with pytest.raises(IllegalTransitionError):
        dry.execution_start()
    assert not fetched(dry)


@pytest.fixture
def aborted_at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Executions that are created from now on are aborted before they can be started."""
    created: list[str] = []
    create = creation.create

    def create_and_abort(session: Any, *arguments: Any) -> Any:
        row = create(session, *arguments)
        compare_and_set_status(session.registry, row.rid, "Created", "Aborted", sync_pending=False)
        created.append(row.rid)
        return row

    monkeypatch.setattr(creation, "create", create_and_abort)
    monkeypatch.setattr("dml.execution.load_features.create", create_and_abort)
    return created


def test_exec_run_fetches_nothing_and_runs_nothing_when_the_start_is_refused(
    ml: DerivaML, asset: str, dml: Callable[..., Ran], tmp_path: Path, aborted_at_once: list[str]
) -> None:
    options = ["--workflow-name", "Train", "--workflow-type", "Training", "--workflow-url", "https://example.org/x.py"]
    program = ["--", sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"]
    ran = dml("exec", "run", *options, "--workflow-checksum", asset, "--asset", asset, *program)
    assert ran.code == 7, ran.err
    (rid,) = aborted_at_once
    assert not (ml.session.workspace.execution_directory(rid) / "downloaded-assets").exists()
    assert not (tmp_path / "ran").exists()


def test_loading_values_stages_nothing_when_the_start_is_refused(
    ml: DerivaML, workflow: Workflow, asset: str, aborted_at_once: list[str]
) -> None:
    ml.create_feature("Execution_Asset", "Refused", terms=["Asset_Type"])
    feature = ml.lookup_feature("Execution_Asset", "Refused")
    with pytest.raises(IllegalTransitionError):
        load_values(ml.session, feature, [{"Execution_Asset": asset, "Asset_Type": "Model_File"}], workflow)
    (rid,) = aborted_at_once
    assert pending_work(ml.session.registry, [rid]).get(rid, Pending()).features == 0


def test_a_start_costs_a_request_for_the_status_and_three_for_an_input(
    ml: DerivaML, workflow: Workflow, with_input: Execution
) -> None:
    ml.catalog.traffic.reset()
    with_input.execution_start()
    assert [method for method, _, _ in ml.catalog.traffic.log] == ["GET", "GET", "GET", "PUT"]
    without_input = ml.create_execution(workflow=workflow)
    ml.catalog.traffic.reset()
    without_input.execution_start()
    assert [method for method, _, _ in ml.catalog.traffic.log] == ["PUT"]


def test_only_begin_fetches_the_inputs_of_an_execution() -> None:
    """Notebooks and jobs therefore start with it too: they have no other way to their inputs."""
    importers = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "dml.execution.fetch_inputs":
                importers |= {path.name for alias in node.names if alias.name == "fetch_inputs"}
    assert importers == {"lifecycle.py"}
