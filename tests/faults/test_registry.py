"""Torn records and older registries: F3 and F24. What lies on disk is recovered or called corrupt, never locked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dml.catalog.schema_cache import SchemaCache
from dml.errors import IntegrityError
from dml.target import Target
from dml.workspace import assets, executions
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from faults.conftest import Ran, Staged, with_tests

ARCHIVE = Path(__file__).parents[1] / "data" / "deriva-ml-1.34-workspace.tar.gz"
FULL = bool(os.environ.get("DML_TEST_FULL"))


def test_a_registry_cut_at_any_page_is_called_corrupt_and_never_locked(staged: Staged, tmp_path: Path) -> None:
    whole, page = _closed_copy(staged, tmp_path)
    for size in range(page, len(whole), page * (1 if FULL else 7)):
        with pytest.raises(IntegrityError, match="corrupt"):
            _read(_written(tmp_path / "cut", staged, whole[:size], b""))


def test_a_log_cut_at_any_byte_of_its_last_frame_gives_the_transaction_before(staged: Staged, tmp_path: Path) -> None:
    workspace = staged.ml.session.workspace
    executions.update_execution(staged.ml.session.registry, staged.rid, description="before")
    database, log = workspace.registry_path.read_bytes(), _log(workspace).read_bytes()
    executions.update_execution(staged.ml.session.registry, staged.rid, description="after")
    longer = _log(workspace).read_bytes()
    assert longer.startswith(log)
    last = len(longer) - 24 - 4096
    for size in range(last, len(longer), 1 if FULL else 97):
        torn = _written(tmp_path / "torn", staged, database, longer[:size])
        assert _described(torn, staged.rid) == "before"
    assert _described(_written(tmp_path / "torn", staged, database, longer), staged.rid) == "after"


def test_a_writer_goes_on_after_a_torn_log(staged: Staged, tmp_path: Path) -> None:
    workspace = staged.ml.session.workspace
    executions.update_execution(staged.ml.session.registry, staged.rid, description="last")
    torn = _written(
        tmp_path / "torn", staged, workspace.registry_path.read_bytes(), _log(workspace).read_bytes()[:-1000]
    )
    with Registry.writing(torn) as registry:
        executions.update_execution(registry, staged.rid, description="again")
        assert executions.get_execution(registry, staged.rid).description == "again"


@pytest.mark.parametrize("keep", [0, 1, 40, -1])
def test_torn_state_files_beside_the_registry_do_no_harm(staged: Staged, dml: Callable[..., Ran], keep: int) -> None:
    place = staged.ml.session
    types = place.workspace.types_file(staged.rid, "deriva-ml", "Execution_Asset")
    lock = place.workspace.lock_path(staged.rid)
    for path in (types, lock, SchemaCache(place.target).path):
        assert path.exists()
        path.write_bytes(path.read_bytes()[:keep])
    staged.execution.asset_file_path("Execution_Asset", "late.bin", asset_types=[]).write_bytes(b"late")
    staged.contents["late.bin"] = b"late"
    lines = [json.loads(line) for line in types.read_text().splitlines()]
    assert lines[-1] == {"late.bin": []}
    place.close()
    assert dml("exec", "commit", staged.rid).code == 0
    staged.assert_uploaded_once()


def _closed_copy(staged: Staged, tmp_path: Path) -> tuple[bytes, int]:
    path = tmp_path / "copy.db"
    staged.ml.session.close()
    with (
        closing(sqlite3.connect(staged.ml.session.workspace.registry_path)) as source,
        closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        page = int(copy.execute("PRAGMA page_size").fetchone()[0])
    return path.read_bytes(), page


def _log(workspace: Workspace) -> Path:
    return workspace.registry_path.with_name("main.db-wal")


def _written(root: Path, staged: Staged, database: bytes, log: bytes) -> Workspace:
    """A workspace whose registry holds these bytes."""
    shutil.rmtree(root, ignore_errors=True)
    made = Workspace(root, staged.ml.session.target)
    made.working_directory.mkdir(parents=True)
    made.registry_path.write_bytes(database)
    if log:
        _log(made).write_bytes(log)
    return made


def _read(workspace: Workspace) -> None:
    with Registry.reading(workspace) as registry:
        for row in executions.list_executions(registry):
            assets.list_assets(registry, row.rid)


def _described(workspace: Workspace, rid: str) -> str | None:
    with Registry.reading(workspace) as registry:
        return executions.get_execution(registry, rid).description


# An older registry -------------------------------------------------------------------------------------------------

UPGRADE = """
import sys
from pathlib import Path
from faults import boundaries
from dml.target import Target
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
fault = boundaries.install_from_environment()
Registry.writing(Workspace(Path(sys.argv[1]), Target("localhost", "44"))).close()
print(fault.count)
"""


def test_an_upgrade_killed_at_any_boundary_leaves_the_old_registry_or_the_new_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def workspace() -> Workspace:
        shutil.rmtree(tmp_path / "older", ignore_errors=True)
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(tmp_path / "older", filter="data")
        return Workspace(tmp_path / "older" / "workspace", Target("localhost", "44"))

    def upgrade(point: int, made: Workspace) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", UPGRADE, str(made.root)],
            env=with_tests(DML_FAULT=f"any:{point}:kill"),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    untouched = _rows(workspace())
    declared = int(upgrade(0, workspace()).stdout)
    points = range(1, declared + 1)
    for point in points:
        made = workspace()
        assert upgrade(point, made).returncode == -signal.SIGKILL
        assert _rows(made) == untouched
        again = upgrade(0, made)
        assert again.returncode == 0, again.stderr
        assert _rows(made) == untouched
        assert not list(made.working_directory.glob("*.tmp*")) or point <= declared
    with capsys.disabled():
        sys.stderr.write(f"\nupgrade any:kill: {declared} boundaries declared, {len(points)} points tried\n")


def _rows(workspace: Workspace) -> list[tuple[object, ...]]:
    with Registry.reading(workspace) as registry:
        return [
            (
                row.rid,
                row.status,
                row.description,
                [(one.key, one.status, one.rid) for one in assets.list_assets(registry, row.rid)],
            )
            for row in executions.list_executions(registry)
        ]
