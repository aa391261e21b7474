"""Reading a registry changes no byte, whatever state it is in."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dml.errors import DmlError, IntegrityError
from dml.workspace import assets, execution_lock, executions, features, intents, journal, liveness
from dml.workspace.layout import Workspace
from dml.workspace.pending import pending_work
from dml.workspace.registry import Registry

from .directory_state import directory_state


def _read_everything(registry: Registry) -> list[str]:
    rows = executions.list_executions(registry)
    for row in rows:
        assets.list_assets(registry, row.rid)
        execution_lock.lock_state(registry.workspace, row.rid, registry)
    pending_work(registry)
    features.list_features(registry)
    intents.find_intents(registry)
    journal.entries(registry)
    liveness.list_liveness(registry)
    return sorted(row.rid for row in rows)


def test_a_workspace_of_deriva_ml_is_read_without_changing_it(older: Workspace) -> None:
    before = directory_state(older.root)
    with Registry.reading(older) as registry:
        assert _read_everything(registry) == ["4T2", "4V4", "4VP", "4W8", "4WT"]
        statuses = {row.rid: row.status for row in executions.list_executions(registry)}
        pending = pending_work(registry)
        failed = executions.get_execution(registry, "4WT")
        keys = [row.key for row in assets.list_assets(registry, "4VP", statuses=["pending"])]
    assert directory_state(older.root) == before
    assert statuses == {"4T2": "Uploaded", "4V4": "Created", "4VP": "Stopped", "4W8": "Running", "4WT": "Failed"}
    assert {rid: work.files for rid, work in pending.items()} == {"4VP": 2, "4W8": 2, "4WT": 2}
    assert (failed.error, failed.duration, failed.sync_pending) == ("ValueError: bad batch", None, False)
    assert failed.start_time is not None
    assert failed.start_time.isoformat() == "2026-11-20T23:59:54.359697+00:00"
    assert keys == ["Execution_Asset/weights.bin", "Execution_Metadata/metrics.jsonl"]


def test_a_missing_workspace_is_empty_and_is_not_created(workspace: Workspace) -> None:
    with Registry.reading(workspace) as registry:
        assert _read_everything(registry) == []
        assert not registry.exists
        with pytest.raises(DmlError, match="opened for reading"), registry.transaction():
            pass
    assert not workspace.root.exists()


def test_a_read_only_directory_is_read(older: Workspace) -> None:
    """Run as a user other than root, which may write anywhere."""
    for path in [older.root.parent, *older.root.parent.parents]:
        if path == Path("/tmp") or len(path.parts) < 3:
            break
        path.chmod(path.stat().st_mode | 0o755)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from dml.target import Target\n"
        "from dml.workspace.layout import Workspace\n"
        "from dml.workspace.registry import Registry\n"
        "from dml.workspace.executions import list_executions\n"
        "os.setuid(65534) if os.getuid() == 0 else None\n"
        "registry = Registry.reading(Workspace(Path(sys.argv[1]), Target('localhost', '44')))\n"
        "print(len(list_executions(registry)))\n"
    )
    for path in [older.root, *older.root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = directory_state(older.root)
    done = subprocess.run([sys.executable, "-c", program, str(older.root)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("5", 0), done.stderr
    assert directory_state(older.root) == before


_READER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from dml.target import Target\n"
    "from dml.workspace.layout import Workspace\n"
    "from dml.workspace.registry import Registry\n"
    "from dml.workspace.executions import list_executions\n"
    "registry = Registry.reading(Workspace(Path(sys.argv[1]), Target('example.org', '7')))\n"
    "print(*sorted(row.rid for row in list_executions(registry)))\n"
)


def _read_in_another_process(workspace: Workspace) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _READER, str(workspace.root)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_reader_next_to_a_writer_reads_what_is_committed_and_changes_nothing(
    workspace: Workspace, registry: Registry
) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    with registry.transaction():
        executions.insert_execution(registry, "1B", config_json="{}")
        before = directory_state(workspace.root)
        assert _read_in_another_process(workspace) == ["1A"]
        assert directory_state(workspace.root) == before
    before = directory_state(workspace.root)
    assert _read_in_another_process(workspace) == ["1A", "1B"]
    assert directory_state(workspace.root) == before


def test_a_reader_in_the_process_of_a_writer_reads_what_is_committed(workspace: Workspace, registry: Registry) -> None:
    executions.insert_execution(registry, "1A", config_json="{}")
    with Registry.reading(workspace) as reader, registry.transaction():
        executions.insert_execution(registry, "1B", config_json="{}")
        assert _read_everything(reader) == ["1A"]
    with Registry.reading(workspace) as reader:
        assert _read_everything(reader) == ["1A", "1B"]


@pytest.mark.parametrize("keep_shared_memory", [True, False])
def test_the_log_of_a_killed_writer_is_read_and_kept(
    tmp_path: Path, workspace: Workspace, keep_shared_memory: bool
) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from dml.target import Target\n"
        "from dml.workspace.layout import Workspace\n"
        "from dml.workspace.registry import Registry\n"
        "from dml.workspace.executions import insert_execution\n"
        "registry = Registry.writing(Workspace(Path(sys.argv[1]), Target('example.org', '7')))\n"
        "for number in range(40): insert_execution(registry, f'1{number}', config_json='{}', description='x' * 500)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(workspace.root)], check=False)
    log = workspace.registry_path.with_name("main.db-wal")
    assert log.stat().st_size > 10_000
    if not keep_shared_memory:
        workspace.registry_path.with_name("main.db-shm").unlink()
    before = directory_state(workspace.root)
    with Registry.reading(workspace) as reader:
        assert len(_read_everything(reader)) == 40
    assert directory_state(workspace.root) == before
    with Registry.writing(workspace) as writer:
        assert len(_read_everything(writer)) == 40


def test_an_incomplete_log_contributes_its_complete_transactions(
    workspace: Workspace, registry: Registry, tmp_path: Path
) -> None:
    """The log is cut between frames and at every 97th byte of its last frame."""
    counts = []
    for number in range(5):
        executions.insert_execution(registry, f"1{number}", config_json="{}")
    database = workspace.registry_path.read_bytes()
    log = workspace.registry_path.with_name("main.db-wal").read_bytes()
    frame = 24 + 4096
    borders = list(range(32, len(log), frame))[-24:]
    inside = list(range(len(log) - frame, len(log), 97))
    copy = Workspace(tmp_path / "copy", workspace.target)
    copy.registry_path.parent.mkdir(parents=True)
    for cut in sorted({*borders, *inside, len(log)}):
        copy.registry_path.write_bytes(database)
        copy.registry_path.with_name("main.db-wal").write_bytes(log[:cut])
        with Registry.reading(copy) as reader:
            rids = sorted(row.rid for row in executions.list_executions(reader))
        assert rids == [f"1{number}" for number in range(len(rids))]
        counts.append(len(rids))
        # SQLite itself reads the same from the same files.
        connection = sqlite3.connect(copy.registry_path)
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE name = 'execution_state__executions'"
        ).fetchall()
        rows = (
            connection.execute("SELECT rid FROM execution_state__executions ORDER BY rid").fetchall() if tables else []
        )
        connection.close()
        assert [row[0] for row in rows] == rids
        shutil.rmtree(copy.registry_path.parent)
        copy.registry_path.parent.mkdir()
    assert counts == sorted(counts)
    assert counts[-1] == 5


def test_a_truncated_file_is_reported_as_corrupt(older: Workspace) -> None:
    whole = older.registry_path.read_bytes()
    for cut in [0, 1, 50, 99, 100, 1000, *range(4096, len(whole), 4096), len(whole) - 1]:
        older.registry_path.write_bytes(whole[:cut])
        for open_registry in (Registry.reading, Registry.writing):
            with pytest.raises(IntegrityError, match="corrupt") as refused, open_registry(older) as registry:
                executions.list_executions(registry)
            assert str(older.registry_path) in refused.value.message
            assert refused.value.hint
            assert "locked" not in refused.value.message
        assert older.registry_path.read_bytes() == whole[:cut]


def test_damaged_pages_are_reported_as_corrupt(older: Workspace) -> None:
    content = bytearray(older.registry_path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = os.urandom(64)
    older.registry_path.write_bytes(bytes(content))
    for open_registry in (Registry.reading, Registry.writing):
        with pytest.raises(IntegrityError, match="corrupt"), open_registry(older) as registry:
            _read_everything(registry)


def test_another_kind_of_file_is_reported_as_corrupt(older: Workspace) -> None:
    older.registry_path.write_bytes(b"not a database" * 1000)
    with pytest.raises(IntegrityError, match="corrupt"), Registry.reading(older) as registry:
        executions.list_executions(registry)


def test_an_empty_file_in_a_new_workspace_is_a_new_registry(workspace: Workspace) -> None:
    workspace.registry_path.parent.mkdir(parents=True)
    workspace.registry_path.touch()
    with Registry.reading(workspace) as reader:
        assert executions.list_executions(reader) == []
    with Registry.writing(workspace) as writer:
        executions.insert_execution(writer, "1A", config_json="{}")


def test_a_workspace_that_is_not_a_directory_is_an_error_with_a_hint(workspace: Workspace) -> None:
    workspace.root.write_text("a file")
    with Registry.reading(workspace) as reader, pytest.raises(DmlError) as refused:
        executions.list_executions(reader)
    assert "--workspace" in refused.value.hint
