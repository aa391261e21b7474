"""Files that change or are swapped, disks that fill, homes that cannot be written: F4, F5, F12, F13, F15, F16, F22."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from catalog.scripted import Script
from dml.catalog.connection import Catalog
from dml.catalog.rows import insert, select
from dml.deriva_ml import DerivaML
from dml.errors import DmlError, RetryableError, UnsafePathError
from dml.execution.workflow import Workflow
from dml.workspace import assets, connection
from dml.workspace.executions import list_executions
from dml.workspace.layout import Workspace
from faults.boundaries import ERRORS
from faults.conftest import COMMIT, Ran, Staged, begin, refusal_of
from workspace.directory_state import directory_state

Change = Callable[[Path], None]


def grown(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def shortened(path: Path) -> None:
    os.truncate(path, 10)


def overwritten(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[::-1])
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def deleted(path: Path) -> None:
    path.unlink()


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


CHANGES = (grown, shortened, overwritten, deleted, a_directory, a_pipe, a_dangling_link)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_file_that_is_changed_while_it_is_sent_is_never_called_uploaded(
    staged: Staged, script: Script, change: Change, method: str
) -> None:
    path = staged.path("large.bin")
    original = path.read_bytes()

    def meddle(request: Any, forward: Callable[[], Any]) -> Any:
        change(path)
        return forward()

    script.on(method, ";upload", meddle, times=1)
    with pytest.raises(DmlError) as caught:
        staged.commit()
    assert "large.bin" in str(caught.value)
    assert assets.find_asset(staged.ml.session.registry, staged.rid, "Execution_Asset/large.bin").status != "uploaded"  # type: ignore[union-attr]
    restore(path, original)
    staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_changed_while_it_is_hashed_is_named(
    staged: Staged, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    path, read, done = staged.path("large.bin"), os.read, []
    original = path.read_bytes()

    def meddling(descriptor: int, count: int) -> bytes:
        content = read(descriptor, count)
        if not done and len(content) == len(original):
            done.append(1)
            change(path)
        return content

    monkeypatch.setattr("dml.workspace.hashing.os.read", meddling)
    refused = refusal_of(staged.commit)
    assert refused is None or "large.bin" in str(refused)
    monkeypatch.undo()
    assert done
    restore(path, original)
    staged.commit()
    staged.assert_uploaded_once()


def restore(path: Path, content: bytes) -> None:
    """Put a file back, whatever took its place."""
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_each_failure_of_a_disk_is_named_and_the_same_command_goes_on(
    chosen: None, staged: Staged, dml: Callable[..., Ran], name: str
) -> None:
    staged.ml.session.close()
    process = begin(f"sql:9+:{name}", *COMMIT, staged.rid)
    out, err = process.communicate(timeout=120)
    assert process.returncode in (1, 5), out + err
    assert (process.returncode == 5) == (name in ("enospc", "edquot"))
    assert "Traceback" not in err
    assert "hint:" in err
    assert dml(*COMMIT, staged.rid).code == 0
    staged.assert_uploaded_once()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE])
def test_a_file_that_cannot_be_staged_is_not_recorded(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    source = tmp_path / "more.bin"
    source.write_bytes(b"more")
    with monkeypatch.context() as patch:
        patch.setattr("dml.asset.placement.shutil.copyfileobj", _failing(number))
        with pytest.raises(DmlError) as caught:
            staged.execution.asset_file_path("Execution_Asset", source, asset_types=[], copy_file=True)
    assert isinstance(caught.value, RetryableError) == (number in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE))
    assert os.strerror(number) in str(caught.value) or "full" in str(caught.value)
    assert not list(staged.path("more.bin").parent.glob(".dml-*"))
    assert assets.find_asset(staged.ml.session.registry, staged.rid, "Execution_Asset/more.bin") is None
    staged.commit()
    staged.assert_uploaded_once()


def _failing(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_bytes_are_durable_before_the_name(
    chosen: None, staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("fsync", "link", "rename"):
        monkeypatch.setattr(os, name, _noting(order, name, getattr(os, name)))
    source = tmp_path / "more.bin"
    source.write_bytes(b"more")
    staged.execution.asset_file_path("Execution_Asset", source, asset_types=[], copy_file=True)
    assert order == ["fsync", "link"]


class PowerLost(BaseException):
    """Nothing runs any more, not even what handles errors."""


def lose_power(script: Script, workspace: Workspace, method: str, pattern: str, *, skip: int = 0) -> Path:
    """At a request the server acts and the power goes; returns where the registry is, as it then was on the disk."""
    kept = workspace.root.with_name("on the disk")

    def act(_request: Any, forward: Callable[[], Any]) -> Any:
        kept.mkdir()
        for path in (workspace.registry_path, workspace.registry_path.with_name("main.db-wal")):
            shutil.copy(path, kept / path.name)
        forward().close()
        raise PowerLost

    script.on(method, pattern, act, skip=skip)
    return kept


def come_back(workspace: Workspace, kept: Path) -> None:
    """The registry is what was on the disk."""
    workspace.registry_path.with_name("main.db-shm").unlink(missing_ok=True)
    for path in kept.iterdir():
        shutil.copy(path, workspace.registry_path.with_name(path.name))


@pytest.mark.parametrize(
    ("method", "pattern", "skip"),
    [
        ("PUT", "^/hatrac/Execution_Asset/[^;]*$", 0),
        ("POST", ";upload", 0),
        ("PUT", ";upload/.+/1$", 0),
        ("POST", ";upload/[^?]+$", 0),
        ("POST", "/entity/deriva-ml:Execution_Asset\\?", 0),
        ("POST", "/entity/deriva-ml:Execution_Asset_Execution", 0),
        ("PUT", "/attributegroup/", 0),
        ("PUT", "/attributegroup/", 1),
    ],
)
def test_what_a_request_writes_is_on_the_disk_before_and_is_written_once_when_the_power_goes(
    staged: Staged, script: Script, method: str, pattern: str, skip: int
) -> None:
    place = staged.ml.session
    kept = lose_power(script, place.workspace, method, pattern, skip=skip)
    with pytest.raises(PowerLost):
        staged.commit()
    place.close()
    come_back(place.workspace, kept)
    staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize("pattern", ["/entity/deriva-ml:Execution\\?", "/entity/deriva-ml:Execution_Metadata\\?"])
def test_an_execution_whose_row_was_written_when_the_power_went_is_finished_and_not_made_again(
    ml: DerivaML, workflow: Workflow, script: Script, dml: Callable[..., Ran], pattern: str
) -> None:
    first = ml.create_execution(workflow=workflow, description="before")
    kept = lose_power(script, ml.session.workspace, "POST", pattern)
    with pytest.raises(PowerLost):
        ml.create_execution(workflow=workflow, description="when the power went")
    ml.session.close()
    come_back(ml.session.workspace, kept)
    (rid,) = {row.rid for row in list_executions(ml.session.registry)} - {first.execution_rid}
    assert dml("exec", "resume", rid).code == 0
    (row,) = select(ml.catalog, "deriva-ml:Execution", where={"Description": "when the power went"})
    assert (row["RID"], row["Status"]) == (rid, "Created")


def _noting(order: list[str], name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def noting(*given: Any, **more: Any) -> Any:
        order.append(name)
        return original(*given, **more)

    return noting


def test_every_commit_of_the_live_registry_is_synced(staged: Staged) -> None:
    registry = staged.ml.session.registry
    with registry.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


# Names and links from outside --------------------------------------------------------------------------------------

HOSTILE = [
    "../escaped",
    "..",
    "/etc/escaped",
    "a/../../escaped",
    "%2e%2e%2fescaped",
    "%252e%252e%252fescaped",
    "..\\escaped",
    "with\x00nul",
    "line\nbreak",
    "x" * 256,
    "\u202egnp.exe",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_name_of_the_catalog_makes_nothing(
    ml: DerivaML, workflow: Workflow, patient_catalog: Catalog, tmp_path: Path, name: str
) -> None:
    row = {"URL": f"/hatrac/Execution_Asset/{len(name)}", "Filename": name, "Length": 1, "MD5": "0" * 32}
    (stored,) = insert(
        patient_catalog, "deriva-ml:Execution_Asset", [{**row, "Filename": name.replace("\x00", "\x01")}]
    )
    execution = ml.create_execution(workflow=workflow, assets=[stored["RID"]])
    before = set(directory_state(tmp_path))
    with pytest.raises(UnsafePathError):
        execution.execution_start()
    made = {path for path in set(directory_state(tmp_path)) - before if not path.endswith(("-wal", "-shm", ".lock"))}
    assert made <= {str(ml.session.workspace.locks_directory.relative_to(tmp_path))}
    assert execution.status == "Created"


@pytest.mark.parametrize("part", ["assets", "assets/Execution_Asset", "asset-type", "asset-type/deriva-ml"])
def test_a_link_planted_in_the_workspace_is_not_followed(
    ml: DerivaML, workflow: Workflow, tmp_path: Path, part: str
) -> None:
    execution = ml.create_execution(workflow=workflow)
    outside = tmp_path / "outside"
    outside.mkdir()
    planted = ml.session.workspace.execution_directory(execution.execution_rid) / part
    if planted.exists():
        planted.rename(tmp_path / "aside")
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(outside)
    source = tmp_path / "source.bin"
    source.write_bytes(b"content")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        execution.asset_file_path("Execution_Asset", source, asset_types=[], copy_file=True)
    assert list(outside.iterdir()) == []


def test_a_staged_file_swapped_for_a_link_is_seen_before_it_is_sent(staged: Staged, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not to be sent")
    path = staged.path("small1.bin")
    content = path.read_bytes()
    path.unlink()
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to(tmp_path)
    with pytest.raises(DmlError):
        staged.commit()
    assert select(staged.ml.catalog, "deriva-ml:Execution_Asset", where={"Filename": "secret"}) == []
    path.parent.unlink()
    path.parent.with_name("moved").rename(path.parent)
    path.write_bytes(content)
    staged.commit()
    staged.assert_uploaded_once()


# The cache ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["wrong", "short", "gone", "a directory", "a link elsewhere"])
def test_damaged_bytes_in_the_cache_are_never_given_to_a_run(
    staged: Staged, workflow: Workflow, tmp_path: Path, damage: str
) -> None:
    staged.commit()
    rid = staged.execution.uploaded_assets["Execution_Asset"][0].asset_rid
    (row,) = select(staged.ml.catalog, "deriva-ml:Execution_Asset", where={"RID": rid})
    first = staged.ml.create_execution(workflow=workflow, assets=[f"{rid}:cache"])
    first.execution_start()
    (cached,) = [path for path in staged.ml.session.cache.rglob(row["Filename"]) if path.is_file()]
    content = cached.read_bytes()
    cached.chmod(0o600)
    if damage == "wrong":
        cached.write_bytes(content[::-1])
    elif damage == "short":
        cached.write_bytes(content[:-1])
    else:
        cached.unlink()
    if damage == "a directory":
        cached.mkdir()
    if damage == "a link elsewhere":
        (tmp_path / "elsewhere").write_bytes(content[::-1])
        cached.symlink_to(tmp_path / "elsewhere")
    second = staged.ml.create_execution(workflow=workflow, assets=[f"{rid}:cache"])
    refused = refusal_of(second.execution_start)
    if refused is not None:
        assert cached.name in str(refused)
        assert second.status == "Created"
        return
    (given,) = second.asset_paths["Execution_Asset"]
    assert hashlib.md5(given.read_bytes(), usedforsecurity=False).hexdigest() == row["MD5"]


# Places where little works -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_file_locks_a_commit_still_has_its_lock(
    staged: Staged, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    # Of the workspace only: the embedded store, which has locks of its own, lies on a disk that knows them.
    known = {name: getattr(fcntl, name) for name in ("LOCK_EX", "LOCK_NB", "LOCK_SH")}
    monkeypatch.setattr("dml.workspace.file_lock.fcntl", SimpleNamespace(flock=unknown, **known))
    staged.commit()
    staged.assert_uploaded_once()
    rows = staged.ml.session.registry.read(lambda connection: connection.execute("SELECT * FROM dml_locks").fetchall())
    assert rows == []


@pytest.mark.parametrize("there", [False, True])
def test_a_file_system_without_a_write_ahead_log_is_refused_with_advice(
    staged: Staged, dml: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    # SQLite's own way of locking by files has no shared memory, as file systems without mmap have none.
    place = staged.ml.session
    registry = place.registry.path if there else tmp_path / "other" / "main.db"
    original = connection._uri
    place.close()
    before = place.registry.path.read_bytes()
    monkeypatch.setattr(connection, "_uri", lambda path: f"{original(path)}?vfs=unix-dotfile&ignored=")
    refused = dml("exec", "sync", *([] if there else ["--workspace", registry.parent]))
    assert refused.code == 1, refused.out + refused.err
    assert "hint:" in refused.err
    assert "--workspace" in refused.err
    assert "write-ahead log" in refused.err
    assert place.registry.path.read_bytes() == before
    monkeypatch.undo()
    staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize("state", ["missing", "read-only"])
def test_a_home_that_cannot_be_written_is_an_error_with_advice_and_reading_works(tmp_path: Path, state: str) -> None:
    # No permission counts for root's capabilities: the child gives them up (Linux, capset) and stays the owner of
    # its files, so that whatever stands above them may be closed to others.
    base = tmp_path / "closed"
    base.mkdir()
    home = base / "barred"
    if state == "read-only":
        home.mkdir(mode=0o555)
    else:
        base.chmod(0o555)
    program = (
        "import ctypes, os, sys\n"
        "from dml.cli.__main__ import main\n"
        "if os.geteuid() == 0:\n"
        "    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "    sys.exit('capset') if ctypes.CDLL(None).capset(header, none) else None\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    environment = {
        **os.environ,
        "HOME": str(home),
        "DML_HOST": "example.org",
        "DML_CATALOG": "7",
        **{f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "CACHE", "STATE", "DATA")},
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    listed = run("exec", "list")
    assert listed.returncode == 0, listed.stderr
    refused = run("exec", "sync")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "hint:" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert state == "missing" or list(home.iterdir()) == []
    assert state == "read-only" or not home.exists()
