"""Executions in the registry: stored as deriva-ml stores them, and changed by one of several competing processes."""

from __future__ import annotations

import multiprocessing
import sqlite3
from typing import Any

import pytest

from dml.errors import ConflictError, NotFoundError
from dml.workspace import executions, features, journal
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.staging import StagedAsset, stage_asset
from dml.workspace.status_change import compare_and_set_status, set_status_detail, set_sync_pending

from .conftest import SetClock


def test_an_execution_is_stored_as_deriva_ml_reads_it(registry: Registry, clock: SetClock) -> None:
    executions.insert_execution(
        registry, "1A", config_json='{"datasets":[]}', workflow_rid="2B", description="run", start_time=clock.instant
    )
    with sqlite3.connect(registry.path) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM execution_state__executions").fetchone())
    connection.close()
    assert row == {
        "rid": "1A",
        "workflow_rid": "2B",
        "description": "run",
        "config_json": '{"datasets":[]}',
        "status": "Created",
        "mode": "online",
        "working_dir_rel": "execution/1A",
        "start_time": "2026-03-01 12:00:00.123456",
        "stop_time": None,
        "duration": None,
        "download_duration": None,
        "upload_duration": None,
        "last_activity": "2026-03-01 12:00:00.123456",
        "error": None,
        "sync_pending": 0,
        "created_at": "2026-03-01 12:00:00.123456",
    }


def test_stored_fields_are_read_back(registry: Registry, clock: SetClock) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    row = executions.update_execution(
        registry, "1A", stop_time=clock.instant, dirty=True, reason="no", extra={"a": 1}, error="token=abcdefgh"
    )
    again = executions.update_execution(registry, "1A", extra={"b": [2]})
    assert (row.stop_time, row.dirty, row.reason, row.error) == (clock.instant, True, "no", "token=[hidden]")
    assert again.extra == {"a": 1, "b": [2]}
    assert executions.get_execution(registry, "1A") == again
    with pytest.raises(TypeError, match="status"):
        executions.update_execution(registry, "1A", status="Running")


def test_inserting_an_execution_twice_is_refused(registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    with pytest.raises(ConflictError, match="1A"):
        executions.insert_execution(registry, "1A", config_json="{}")


def test_an_unknown_execution_is_an_error_that_names_the_command_to_restore_it(registry: Registry) -> None:
    assert executions.find_execution(registry, "1A") is None
    for act in (
        lambda: executions.get_execution(registry, "1A"),
        lambda: executions.update_execution(registry, "1A", error="x"),
        lambda: compare_and_set_status(registry, "1A", "Created", "Running"),
    ):
        with pytest.raises(NotFoundError, match="1A") as missing:
            act()
        assert "dml exec resume 1A" in missing.value.hint


def test_the_filters_of_the_list(registry: Registry, clock: SetClock) -> None:
    for rid, status in (("1A", "Created"), ("1B", "Stopped"), ("1C", "Odd")):
        executions.insert_execution(registry, rid, config_json="{}", status=status)
        clock.move(minutes=1)
    stage_asset(registry, "1B", StagedAsset("s", "T", "f"))
    features.stage_features(
        registry, "1C", feature_table="s.F", feature_name="F", target_table="T", records=[{"T": "1", "value": 2}]
    )

    def listed(**filters: Any) -> list[str]:
        return [row.rid for row in executions.list_executions(registry, **filters)]

    assert listed() == ["1C", "1B", "1A"]
    assert listed(statuses=["Created", "Odd"]) == ["1C", "1A"]
    assert listed(statuses=[]) == []
    assert listed(rids=["1A"]) == ["1A"]
    assert listed(pending=True) == ["1C", "1B"]
    assert listed(pending=False) == ["1A"]
    clock.move(minutes=-2)
    assert listed(since=clock.instant) == ["1C", "1B"]
    set_sync_pending(registry, "1A", True)
    assert listed(sync_pending=True) == ["1A"]
    assert listed(sync_pending=False) == ["1C", "1B"]


def test_a_status_change_succeeds_once_and_is_journalled(registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    won = compare_and_set_status(registry, "1A", "Created", "Running", error=None)
    lost = compare_and_set_status(registry, "1A", "Created", "Aborted", error="never stored")
    assert (won.won, won.row.status, won.row.sync_pending) == (True, "Running", True)
    assert (lost.won, lost.row.status, lost.row.error) == (False, "Running", None)
    assert lost.by == won.by
    assert lost.by.startswith("process ")
    entries = journal.entries(registry, "1A", kinds=("transition",))
    assert [entry.data for entry in entries] == [{"from": "Created", "to": "Running"}]


def test_a_late_confirmation_does_not_clear_a_newer_mark(registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}", sync_pending=True)
    compare_and_set_status(registry, "1A", "Created", "Running")
    assert not set_sync_pending(registry, "1A", False, if_status="Created")
    assert executions.get_execution(registry, "1A").sync_pending
    assert set_sync_pending(registry, "1A", False, if_status="Running")
    assert not executions.get_execution(registry, "1A").sync_pending


def test_a_progress_message_does_not_change_the_status(registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}", status="Running")
    row = set_status_detail(registry, "1A", "epoch 3 of 10")
    assert (row.status, row.status_detail, row.sync_pending) == ("Running", "epoch 3 of 10", True)
    assert executions.get_execution(registry, "1A") == row


def _race(workspace: Workspace, barrier: Any, results: Any, new: str) -> None:
    with Registry.writing(workspace) as registry:
        executions.get_execution(registry, "1A")
        barrier.wait(30)
        change = compare_and_set_status(registry, "1A", "Running", new)
        results.put((new, change.won, change.row.status, change.by))


def test_of_two_racing_processes_one_wins_and_the_other_learns_which(workspace: Workspace) -> None:
    context = multiprocessing.get_context("spawn")
    with Registry.writing(workspace) as registry:
        executions.insert_execution(registry, "1A", config_json="{}", status="Running")
    barrier, results = context.Barrier(2), context.Queue()
    children = [
        context.Process(target=_race, args=(workspace, barrier, results, new)) for new in ("Stopped", "Aborted")
    ]
    for child in children:
        child.start()
    answers = [results.get(timeout=60) for _ in children]
    for child in children:
        child.join(60)
    winner = [answer for answer in answers if answer[1]]
    assert len(winner) == 1
    pids = {f"process {child.pid}": name for child, name in zip(children, ("Stopped", "Aborted"), strict=True)}
    for _, _, status, by in answers:
        assert status == winner[0][0]
        assert pids[by.partition(" on ")[0]] == winner[0][0]
