"""Writing a registry: creation, upgrade and refusal, durability, one connection per thread and none across a fork."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from dml.errors import DmlError, IntegrityError, LockedError, RetryableError
from dml.workspace import assets, executions, upgrade
from dml.workspace import connection as connections
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.sqlite_errors import Database
from dml.workspace.status_change import set_status_detail

from .directory_state import directory_state


def _columns(path: Path, table: str) -> list[tuple[str, str, int, int]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
    connection.close()
    return [(row[1], row[2], row[3], row[5]) for row in rows]


def _indexes(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    connection.close()
    return {row[0] for row in rows}


def test_a_new_registry_has_the_tables_of_deriva_ml_column_for_column(workspace: Workspace, older: Workspace) -> None:
    Registry.writing(workspace).close()
    new, old = workspace.registry_path, older.registry_path
    for table in ("execution_state__assets", "execution_state__feature_records", "schema_meta"):
        assert _columns(new, table) == _columns(old, table)
    executions_now = _columns(new, "execution_state__executions")
    added = {"duration", "download_duration", "upload_duration"}
    assert [column for column in executions_now if column[0] not in added] == _columns(
        old, "execution_state__executions"
    )
    names = [column[0] for column in executions_now]
    assert names[names.index("stop_time") + 1 :][:4] == [
        "duration",
        "download_duration",
        "upload_duration",
        "last_activity",
    ]
    shared = {name for name in _indexes(old) if not name.startswith(("ix_pending", "ix_directory"))}
    assert shared <= _indexes(new)


def test_an_older_registry_is_upgraded_after_a_backup(older: Workspace) -> None:
    original = older.registry_path.read_bytes()
    with Registry.writing(older) as registry:
        assert registry.is_writable
        row = executions.update_execution(registry, "4VP", duration="0.0H 0.0min 1.5sec", description="changed")
        assert row.duration == "0.0H 0.0min 1.5sec"
        assert len(executions.list_executions(registry)) == 5
    backups = list(older.working_directory.glob("*.backup"))
    assert len(backups) == 1
    with sqlite3.connect(backups[0]) as copy, sqlite3.connect(":memory:") as before:
        before.deserialize(original[:18] + b"\x01\x01" + original[20:])
        assert list(copy.iterdump()) == list(before.iterdump())
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    before.close()
    Registry.writing(older).close()
    assert list(older.working_directory.glob("*.backup")) == backups
    assert not list(older.working_directory.glob("*.tmp"))


def test_a_failed_upgrade_leaves_the_old_registry(older: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _columns(older.registry_path, "execution_state__executions")
    create = upgrade.create_missing

    def fail(connection: sqlite3.Connection, *rest: object) -> None:
        create(connection, *rest)  # type: ignore[arg-type]
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(upgrade, "create_missing", fail)
    with pytest.raises(DmlError):
        Registry.writing(older)
    assert _columns(older.registry_path, "execution_state__executions") == before
    monkeypatch.undo()
    with Registry.writing(older) as registry:
        assert len(executions.list_executions(registry)) == 5


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE execution_state__executions ADD COLUMN colour TEXT",
        "ALTER TABLE execution_state__assets DROP COLUMN metadata",
        "INSERT INTO schema_meta (version) VALUES (2)",
        "CREATE TABLE dml_tomorrow (a TEXT)",
    ],
)
def test_a_registry_of_an_unknown_release_is_read_and_not_written(older: Workspace, change: str) -> None:
    with sqlite3.connect(older.registry_path) as connection:
        connection.execute(change)
    connection.close()
    before = directory_state(older.root)
    with Registry.writing(older) as registry:
        assert not registry.is_writable
        assert len(executions.list_executions(registry)) == 5
        assert len(assets.list_assets(registry)) == 17
        with pytest.raises(DmlError, match="written by an unknown release") as refused:
            set_status_detail(registry, "4W8", "x")
        assert refused.value.hint
    assert directory_state(older.root) == before


def test_commits_are_durable_and_keys_are_checked(registry: Registry) -> None:
    with registry.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_commit_that_need_not_be_durable_does_not_sync_and_the_next_one_does(registry: Registry) -> None:
    with registry.transaction(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1
        with registry.transaction():
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1
    with registry.transaction():
        with registry.transaction(durable=False) as inner:
            assert inner.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert inner.execute("PRAGMA synchronous").fetchone()[0] == 2
    with pytest.raises(KeyError), registry.transaction(durable=False):
        raise KeyError("mine")
    with registry.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_an_exception_rolls_back_and_is_raised(registry: Registry) -> None:
    def fail() -> None:
        with registry.transaction():
            executions.insert_execution(registry, "1A", config_json="{}")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert executions.find_execution(registry, "1A") is None


def test_an_error_of_the_caller_is_not_translated(registry: Registry) -> None:
    def fail() -> None:
        with registry.transaction():
            raise FileNotFoundError("mine")

    with pytest.raises(FileNotFoundError, match="mine"):
        fail()


def test_each_thread_has_its_own_connection(registry: Registry) -> None:
    connections_used: list[int] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        executions.insert_execution(registry, f"1{number}", config_json="{}")
        with registry.transaction() as connection:
            connections_used.append(id(connection))
        barrier.wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(connections_used)) == 4
    assert len(executions.list_executions(registry)) == 4


def _write_in_child(registry: Registry) -> None:
    executions.insert_execution(registry, "1B", config_json="{}")
    registry.close()


def test_a_forked_child_opens_its_own_connection(registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    child = multiprocessing.get_context("fork").Process(target=_write_in_child, args=(registry,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    executions.insert_execution(registry, "1C", config_json="{}")
    assert sorted(row.rid for row in executions.list_executions(registry)) == ["1A", "1B", "1C"]


def test_a_busy_registry_is_reported_after_the_timeout(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.0)
    with Registry.writing(workspace) as registry:
        other = sqlite3.connect(registry.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="busy"), registry.transaction():
            pass
        other.close()


def test_a_full_disk_is_retryable_and_loses_nothing(registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    with registry.transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RetryableError, match="full"):
        executions.insert_execution(registry, "1B", config_json="x" * 100_000)
    assert [row.rid for row in executions.list_executions(registry)] == ["1A"]
    set_status_detail(registry, "1A", "still here")


def test_a_workspace_that_cannot_be_created_is_an_error_with_a_hint(workspace: Workspace) -> None:
    workspace.root.parent.mkdir(exist_ok=True)
    workspace.root.write_text("a file")
    with pytest.raises(DmlError) as refused:
        Registry.writing(workspace)
    assert not isinstance(refused.value, IntegrityError)
    assert "--workspace" in refused.value.hint


def test_two_processes_create_the_same_registry(workspace: Workspace) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    children = [context.Process(target=_create, args=(workspace, barrier, f"1{number}")) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    with Registry.reading(workspace) as registry:
        assert len(executions.list_executions(registry)) == 3


def _database(path: Path) -> Database:
    return Database(path, "registry", "move it", "repair it")


def test_opening_a_new_file_waits_while_another_process_begins_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # with this lock SQLite fails at once, whatever the busy timeout
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr(connections.time, "sleep", sleep)
    connection = connections.open_for_writing(_database(path))
    assert len(waited) == 3
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    connections.close_writer(path, connection)
    other.close()


def test_opening_a_new_file_that_stays_locked_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.0)
    with sqlite3.connect(tmp_path / "new.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="busy"):
            connections.open_for_writing(_database(tmp_path / "new.db"))
    other.close()


def _create(workspace: Workspace, barrier: object, rid: str) -> None:
    barrier.wait(30)  # type: ignore[attr-defined]
    with Registry.writing(workspace) as registry:
        executions.insert_execution(registry, rid, config_json="{}")
    os._exit(0)
