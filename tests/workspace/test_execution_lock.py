"""One process at a time: the lock is exclusive, names its holder, and never outlives it."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.errors import DmlError, LockedError, UnsafePathError
from dml.workspace.execution_lock import execution_lock, lock_state
from dml.workspace.layout import Workspace
from dml.workspace.process import ProcessIdentity, current_process
from dml.workspace.registry import Registry

from .conftest import SetClock
from .directory_state import directory_state

_HOLDER = """
import sys
from pathlib import Path
from dml.target import Target
from dml.workspace.layout import Workspace
from dml.workspace.execution_lock import execution_lock
from dml.workspace.registry import Registry
registry = Registry.writing(Workspace(Path(sys.argv[1]), Target('example.org', '7')))
with execution_lock(registry, '1A', command='dml exec commit 1A'):
    print('held', flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(workspace: Workspace, registry: Registry) -> Any:
    """A process that holds the lock of execution 1A until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(workspace.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_holder_is_named(workspace: Workspace, registry: Registry, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockedError) as refused, execution_lock(registry, "1A"):
        pass
    assert f"process {holder.pid}" in refused.value.message
    assert "dml exec commit 1A" in refused.value.message
    before = directory_state(workspace.root)
    state = lock_state(workspace, "1A", registry)
    assert state.locked
    assert state.holder is not None
    assert state.holder.pid == holder.pid
    assert directory_state(workspace.root) == before
    with execution_lock(registry, "1B"):
        pass


def test_a_killed_holder_leaves_nothing_to_clear(
    registry: Registry, workspace: Workspace, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert workspace.lock_path("1A").read_text()
    assert not lock_state(workspace, "1A", registry).locked
    with execution_lock(registry, "1A") as mine:
        assert mine.pid == os.getpid()


def test_waiting_ends_when_the_holder_does_or_at_its_limit(registry: Registry, holder: subprocess.Popen[str]) -> None:
    now, pauses = [0.0], []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    with (
        pytest.raises(LockedError, match="waited 3 s"),
        execution_lock(registry, "1A", wait=3.0, pause=pause, monotonic=lambda: now[0]),
    ):
        pass
    assert sum(pauses) == pytest.approx(3.0)

    def end_the_holder(seconds: float) -> None:
        holder.communicate()

    with execution_lock(registry, "1A", wait=3.0, pause=end_the_holder, monotonic=lambda: 0.0) as mine:
        assert mine.pid == os.getpid()


def test_the_same_thread_may_take_it_again_and_another_may_not(registry: Registry, workspace: Workspace) -> None:
    refused: list[LockedError] = []

    def try_it() -> None:
        try:
            with execution_lock(registry, "1A"):
                pass
        except LockedError as error:
            refused.append(error)

    with execution_lock(registry, "1A") as first:
        with execution_lock(registry, "1A") as second:
            assert second == first
        assert lock_state(workspace, "1A").locked
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert not lock_state(workspace, "1A").locked


def test_a_forked_child_does_not_keep_its_parents_lock(registry: Registry) -> None:
    context = multiprocessing.get_context("fork")
    begun, release = context.Event(), context.Event()
    with execution_lock(registry, "1A"):
        child = context.Process(target=_live_on, args=(begun, release))
        child.start()
        assert begun.wait(60)
    try:
        with execution_lock(registry, "1A"):
            assert child.is_alive()
    finally:
        release.set()
        child.join(60)


def _live_on(begun: Any, release: Any) -> None:
    begun.set()
    release.wait(60)


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', '{"pid": "x"}', "[]", "\x00" * 100, "[" * 100_000])
def test_what_stands_in_a_lock_file_does_not_matter_when_nobody_holds_it(
    registry: Registry, workspace: Workspace, content: str
) -> None:
    path = workspace.lock_path("1A")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    assert not lock_state(workspace, "1A", registry).locked
    with execution_lock(registry, "1A"):
        assert ProcessIdentity.from_json(path.read_text()) is not None


def test_a_holder_whose_name_cannot_be_read_is_still_respected(
    registry: Registry, workspace: Workspace, holder: subprocess.Popen[str]
) -> None:
    workspace.lock_path("1A").write_text('{"pid": 12')
    with pytest.raises(LockedError, match="locked by an unknown process"), execution_lock(registry, "1A"):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_followed(
    registry: Registry, workspace: Workspace, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    workspace.locks_directory.mkdir(parents=True)
    workspace.lock_path("1A").symlink_to(victim)
    with pytest.raises(UnsafePathError), execution_lock(registry, "1A"):
        pass
    assert victim.read_text() == "precious"


def test_a_file_system_that_fails_otherwise_is_an_error(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", _failing_with(errno.EIO))
    with pytest.raises(DmlError, match="cannot lock"), execution_lock(registry, "1A"):
        pass


def _failing_with(number: int) -> Callable[[int, int], None]:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    return flock


class TestWithoutFileLocks:
    """On a file system without flock a row in the registry takes its place."""

    @pytest.fixture(autouse=True)
    def _no_flock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fcntl, "flock", _failing_with(errno.ENOLCK))

    def test_it_is_exclusive_between_threads_and_given_up(self, registry: Registry, workspace: Workspace) -> None:
        refused: list[str] = []

        def try_it() -> None:
            try:
                with execution_lock(registry, "1A"):
                    pass
            except LockedError as error:
                refused.append(error.message)

        with execution_lock(registry, "1A", command="dml exec run"):
            assert lock_state(workspace, "1A", registry).locked
            thread = threading.Thread(target=try_it)
            thread.start()
            thread.join()
        assert len(refused) == 1
        assert "dml exec run" in refused[0]
        assert not lock_state(workspace, "1A", registry).locked
        with execution_lock(registry, "1A"):
            pass

    def _leave_row(self, registry: Registry, **changes: Any) -> None:
        values = {**current_process("left behind").__dict__, **changes}
        identity = ProcessIdentity(**values)
        with registry.transaction() as connection:
            connection.execute(
                "INSERT INTO dml_locks (name, holder, nonce, interval, heartbeat_at) VALUES ('1A', ?, 'n', 10, ?)",
                (identity.to_json(), registry.now()),
            )

    @pytest.mark.parametrize("changes", [{"pid": 2**22 + 1}, {"started": "1"}])
    def test_a_dead_or_reused_pid_is_stale(self, registry: Registry, changes: dict[str, Any]) -> None:
        self._leave_row(registry, **changes)
        with execution_lock(registry, "1A"):
            pass

    def test_another_machines_holder_is_respected_until_it_is_silent_for_long(
        self, registry: Registry, clock: SetClock
    ) -> None:
        self._leave_row(registry, boot="another", host="lab-7")
        with pytest.raises(LockedError, match="lab-7"), execution_lock(registry, "1A"):
            pass
        clock.move(minutes=-10)
        with pytest.raises(LockedError), execution_lock(registry, "1A"):
            pass
        clock.move(hours=1)
        with execution_lock(registry, "1A"):
            pass

    def test_a_row_cut_in_half_is_judged_by_its_heartbeat(self, registry: Registry, clock: SetClock) -> None:
        with registry.transaction() as connection:
            connection.execute(
                "INSERT INTO dml_locks (name, holder, nonce, interval, heartbeat_at) VALUES ('1A', ?, 'n', 10, ?)",
                ('{"pi', registry.now()),
            )
        with pytest.raises(LockedError, match="an unknown process"), execution_lock(registry, "1A"):
            pass
        clock.move(hours=1)
        with execution_lock(registry, "1A"):
            pass


def _contend(workspace: Workspace, barrier: Any, done: Any, results: Any) -> None:
    with Registry.writing(workspace) as registry:
        barrier.wait(30)
        try:
            with execution_lock(registry, "1A"):
                results.put("won")
                done.wait(30)
        except LockedError:
            results.put("lost")
            done.wait(30)


def test_of_processes_that_contend_one_wins(workspace: Workspace) -> None:
    Registry.writing(workspace).close()
    context = multiprocessing.get_context("spawn")
    barrier, done, results = context.Barrier(3), context.Barrier(3), context.Queue()
    children = [context.Process(target=_contend, args=(workspace, barrier, done, results)) for _ in range(3)]
    for child in children:
        child.start()
    answers = sorted(results.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
    assert answers == ["lost", "lost", "won"]
