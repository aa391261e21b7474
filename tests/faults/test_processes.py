"""Signals, several processes at once, stale locks, clocks and readers: F2, F10, F11, F14 and I9."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from dml.errors import LockedError
from dml.execution.workflow import Workflow
from dml.workspace import executions
from dml.workspace.execution_lock import lock_state
from dml.workspace.liveness import list_liveness
from dml.workspace.process import current_process
from faults.boundaries import SIGNALS
from faults.conftest import COMMIT, OPTIONS, Ran, Staged, begin, stage
from workspace.directory_state import directory_state


@pytest.fixture
def paused(chosen: None, staged: Staged) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts a commit that is stopped at one of its boundaries, and goes on when SIGCONT comes."""
    started: list[subprocess.Popen[str]] = []
    staged.ml.session.close()

    def start(point: int) -> subprocess.Popen[str]:
        process = begin(f"any:{point}:stop", *COMMIT, staged.rid)
        started.append(process)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), process.communicate()
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            process.communicate()


def finished(process: subprocess.Popen[str]) -> int:
    """Let a stopped process go on to its end."""
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=120)
    return process.returncode


@pytest.mark.parametrize(("name", "code"), [("term", 143), ("int", 130), ("hup", 129)])
@pytest.mark.parametrize("point", [4, 23, 41])
def test_a_signal_amid_a_commit_ends_it_in_a_state_that_goes_on(
    chosen: None, staged: Staged, dml: Callable[..., Ran], name: str, code: int, point: int
) -> None:
    staged.ml.session.close()
    process = begin(f"any:{point}:{name}", *COMMIT, staged.rid)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    shown = json.loads(dml("exec", "show", staged.rid, "--json").out)["execution"]
    assert shown["next"] == f"dml exec commit {staged.rid}"
    assert dml(*COMMIT, staged.rid).code == 0
    staged.assert_uploaded_once()


@pytest.mark.parametrize("name", ["term", "int"])
def test_the_same_signal_again_ends_it_at_once_and_loses_nothing(
    chosen: None, staged: Staged, dml: Callable[..., Ran], name: str
) -> None:
    staged.ml.session.close()
    process = begin(f"any:30+:{name}", *COMMIT, staged.rid)
    process.communicate(timeout=120)
    assert process.returncode in (128 + SIGNALS[name], -SIGNALS[name])
    assert dml(*COMMIT, staged.rid).code == 0
    staged.assert_uploaded_once()


def test_whoever_reads_its_output_may_go_away(chosen: None, staged: Staged) -> None:
    staged.ml.session.close()
    process = begin("any:0:kill", *COMMIT, staged.rid)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.read()
    assert process.wait(timeout=120) in (0, 141)
    staged.assert_uploaded_once()


@pytest.mark.parametrize("point", [12, 20, 44])
def test_the_same_commit_twice_at_once_names_the_other_and_ends_once(
    paused: Callable[[int], subprocess.Popen[str]], staged: Staged, dml: Callable[..., Ran], point: int
) -> None:
    first = paused(point)
    refused = dml("exec", "commit", staged.rid, "--json")
    assert refused.code == 7, refused.out + refused.err
    assert str(first.pid) in refused.err + refused.out
    assert finished(first) == 0
    assert dml("exec", "commit", staged.rid).code == 0
    staged.assert_uploaded_once()


def test_both_run_to_their_end_when_one_waits(chosen: None, staged: Staged) -> None:
    staged.ml.session.close()
    both = [begin("any:0:kill", *COMMIT, staged.rid) for _ in range(2)]
    codes = {process.communicate(timeout=120) and process.returncode for process in both}
    assert codes <= {0, 7}
    assert 0 in codes
    staged.assert_uploaded_once()


def test_two_executions_of_one_workspace_end_as_one_after_the_other(
    chosen: None, staged: Staged, workflow: Workflow
) -> None:
    # Both put out one file with the same bytes and the same name, and others.
    contents = {"small0.bin": staged.contents["small0.bin"], "own.bin": b"of its own " + workflow.name.encode()}
    other = stage(staged.ml, workflow, contents)
    staged.ml.session.close()
    both = [begin("any:0:kill", *COMMIT, one.rid) for one in (staged, other)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    staged.assert_uploaded_once()
    other.assert_uploaded_once()


@pytest.fixture
def on_another_host(monkeypatch: pytest.MonkeyPatch) -> Callable[[], pytest.MonkeyPatch]:
    """Makes this process one of another host, where the file system's locks of the first one do not count."""

    def move() -> pytest.MonkeyPatch:
        monkeypatch.setattr("dml.workspace.process.boot_id", lambda: "another-boot pid:[1]")
        monkeypatch.setattr("dml.workspace.process.socket.gethostname", lambda: "lab-7")
        known = {name: getattr(fcntl, name) for name in ("LOCK_EX", "LOCK_NB", "LOCK_SH")}
        monkeypatch.setattr("dml.workspace.file_lock.fcntl", SimpleNamespace(flock=lambda *_: None, **known))
        return monkeypatch

    return move


@pytest.mark.parametrize("point", [12, 44])
def test_another_host_of_a_shared_workspace_steals_no_lock(
    paused: Callable[[int], subprocess.Popen[str]],
    staged: Staged,
    dml: Callable[..., Ran],
    on_another_host: Callable[[], pytest.MonkeyPatch],
    point: int,
) -> None:
    here = socket.gethostname()
    first = paused(point)
    workspace = staged.ml.session.workspace
    held = workspace.lock_path(staged.rid)
    before = held.read_bytes()
    patch = on_another_host()
    refused = dml("exec", "commit", staged.rid)
    assert refused.code == 7, refused.out + refused.err
    assert f"process {first.pid} on {here}" in refused.err
    assert "6 minutes after its last heartbeat" in refused.err
    assert lock_state(workspace, staged.rid).locked
    assert held.read_bytes() == before
    patch.undo()
    assert finished(first) == 0
    on_another_host()
    assert not lock_state(workspace, staged.rid).locked
    staged.execution.commit_output_assets()
    staged.assert_uploaded_once()


def test_a_holder_on_a_host_that_is_down_is_waited_for_by_its_heartbeat(
    staged: Staged, on_another_host: Callable[[], pytest.MonkeyPatch]
) -> None:
    path = staged.ml.session.workspace.lock_path(staged.rid)
    path.write_text(current_process("a commit on a host that is down").to_json())
    on_another_host()
    with pytest.raises(LockedError, match="a host that is down"):
        staged.commit()
    long_ago = datetime.now(UTC).timestamp() - 7 * 60
    os.utime(path, (long_ago, long_ago))
    staged.commit()
    staged.assert_uploaded_once()


def test_a_run_is_seen_from_another_host_as_running_there(
    chosen: None, staged: Staged, workflow: Workflow, dml: Callable[..., Ran], on_another_host: Callable[[], object]
) -> None:
    execution = staged.ml.create_execution(workflow=workflow)
    rid, here = execution.execution_rid, socket.gethostname()
    with execution.execute():
        on_another_host()
        shown = json.loads(dml("exec", "show", rid, "--json").out)["execution"]
        assert (shown["status"], shown["liveness"]) == ("Running", "elsewhere")
        assert "Running, elsewhere" in dml("exec", "list").out
        for words in (["commit", rid], ["abort", rid], ["resume", rid]):
            refused = dml("exec", *words)
            assert refused.code == 7, (words, refused.out + refused.err)
            assert here in refused.err
        staged.ml.session.registry.clock = lambda: datetime.now(UTC) + timedelta(minutes=7)
        assert list_liveness(staged.ml.session.registry, [rid])[rid].state == "dead"


@pytest.mark.parametrize("point", [10, 44])
def test_looking_while_a_commit_is_under_way_changes_nothing(
    paused: Callable[[int], subprocess.Popen[str]], staged: Staged, dml: Callable[..., Ran], point: int
) -> None:
    first = paused(point)
    root = staged.ml.session.workspace.root
    before = directory_state(root)
    for words in (["list"], ["list", "--json"], ["show", staged.rid], ["log", staged.rid]):
        assert dml("exec", *words).code == 0
    assert lock_state(staged.ml.session.workspace, staged.rid).locked
    assert directory_state(root) == before
    assert finished(first) == 0
    staged.assert_uploaded_once()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b'{"pid": 1}',
        current_process("another command").to_json().encode()[:40],
        current_process("another command").to_json().replace(str(os.getpid()), "4194300").encode(),
    ],
)
def test_a_stale_lock_file_stops_nobody(staged: Staged, content: bytes) -> None:
    path = staged.ml.session.workspace.lock_path(staged.rid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    staged.commit()
    staged.assert_uploaded_once()


def test_a_killed_run_is_told_from_a_live_one_and_taken_up(
    chosen: None, staged: Staged, workflow: Workflow, dml: Callable[..., Ran]
) -> None:
    program = (
        "import os, signal; from dml.deriva_ml import DerivaML\n"
        "e = DerivaML('local', 1).resume_execution({!r}); e.execution_start()\n"
        "e.asset_file_path('Execution_Asset', 'w.bin', asset_types=[]).write_bytes(b'w')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    created = staged.ml.create_execution(workflow=workflow, description="dies")
    staged.ml.session.close()
    done = subprocess.run([sys.executable, "-c", program.format(created.execution_rid)], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    dead = Staged(staged.ml, created, {"w.bin": b"w"})
    shown = json.loads(dml("exec", "show", dead.rid, "--json").out)["execution"]
    assert (shown["status"], shown["liveness"]) == ("Running", "dead")
    assert dml("exec", "resume", dead.rid, "--commit").code == 0
    dead.assert_uploaded_once()


class Steps:
    """A clock that moves by a step at each look."""

    def __init__(self, step: timedelta) -> None:
        self.instant = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.step = step

    def __call__(self) -> datetime:
        self.instant += self.step
        return self.instant


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(days=1), timedelta(0), timedelta(days=-400)])
def test_clocks_that_jump_do_no_harm(staged: Staged, workflow: Workflow, step: timedelta) -> None:
    registry = staged.ml.session.registry
    registry.clock = Steps(step)
    other = stage(staged.ml, workflow, {"other.bin": b"by another clock"})
    row = executions.get_execution(registry, other.rid)
    assert row.duration is not None
    assert "-" not in row.duration
    other.commit()
    other.assert_uploaded_once()


def test_a_living_process_is_not_declared_dead_by_another_clock(staged: Staged, workflow: Workflow) -> None:
    execution = staged.ml.create_execution(workflow=workflow)
    with execution.execute():
        for days in (-400, -1, 1, 400):
            staged.ml.session.registry.clock = lambda days=days: datetime.now(UTC) + timedelta(days=days)  # type: ignore[misc]
            found = list_liveness(staged.ml.session.registry, [execution.execution_rid])
            assert found[execution.execution_rid].state == "running"


def test_threads_that_commit_the_same_execution_end_once(staged: Staged) -> None:
    import threading

    barrier = threading.Barrier(4)
    refused: list[Exception] = []

    def work() -> None:
        barrier.wait()
        try:
            staged.execution.commit_output_assets(options=OPTIONS)
        except LockedError as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) < 4
    staged.assert_uploaded_once()
