"""A dead run is told from a live one, and nobody is declared dead by a clock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dml.workspace import liveness, process
from dml.workspace.liveness import Heartbeat, begin_running, end_running, list_liveness, liveness_of
from dml.workspace.process import ProcessIdentity, current_process, process_state
from dml.workspace.registry import Registry

from .conftest import SetClock


def test_a_live_process_is_running(registry: Registry) -> None:
    begin_running(registry, "1A", current_process("train"))
    found = liveness_of(registry, "1A")
    assert found is not None
    assert (found.state, found.process.pid, found.process.command) == ("running", os.getpid(), "train")
    assert liveness_of(registry, "1B") is None


def test_a_process_that_ended_is_dead_at_once(registry: Registry) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = replace(current_process("x"), pid=child.pid, started=process.start_time(child.pid) or "")
    begin_running(registry, "1A", identity)
    alive = liveness_of(registry, "1A")
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    zombie = liveness_of(registry, "1A")
    child.communicate()
    gone = liveness_of(registry, "1A")
    assert [found.state for found in (alive, zombie, gone) if found] == ["running", "dead", "dead"]


def test_a_reused_pid_is_not_the_process(registry: Registry) -> None:
    begin_running(registry, "1A", replace(current_process(), started="12"))
    found = liveness_of(registry, "1A")
    assert found is not None
    assert found.state == "dead"


@pytest.mark.parametrize(
    ("later", "state"),
    [
        ({"seconds": 0}, "elsewhere"),
        ({"minutes": 5}, "elsewhere"),
        ({"minutes": 7}, "dead"),
        ({"days": 30}, "dead"),
        ({"minutes": -7}, "elsewhere"),
        ({"days": -1}, "elsewhere"),
    ],
)
def test_a_process_elsewhere_is_judged_by_its_heartbeat(
    registry: Registry, clock: SetClock, later: dict[str, float], state: str
) -> None:
    begin_running(registry, "1A", replace(current_process(), boot="another boot", host="lab-7"))
    clock.move(**later)
    found = list_liveness(registry)["1A"]
    assert found.state == state
    assert "lab-7" in found.reason
    assert ("ahead" in found.reason) == (sum(later.values()) < 0)


def test_where_no_boot_can_be_read_the_host_decides(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "boot_id", lambda: "")
    mine = current_process()
    assert mine.boot == ""
    assert process_state(mine) == "alive"
    assert process_state(replace(mine, host="lab-7")) == "elsewhere"


def test_an_ended_run_has_no_liveness_and_a_successor_is_not_ended_by_its_forerunner(registry: Registry) -> None:
    first = current_process()
    second = replace(first, since="later")
    begin_running(registry, "1A", first)
    begin_running(registry, "1A", second)
    end_running(registry, "1A", first)
    assert not liveness.beat(registry, "1A", first)
    assert liveness_of(registry, "1A") is not None
    assert liveness.beat(registry, "1A", second)
    end_running(registry, "1A", second)
    assert liveness_of(registry, "1A") is None


def test_a_heartbeat_beats_and_stops_for_good(
    registry: Registry, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[str] = []
    came = threading.Semaphore(0)
    real: Callable[..., bool] = liveness.beat

    def counted(*arguments: Any) -> bool:
        clock.move(seconds=1)
        done = real(*arguments)
        beats.append(registry.now())
        came.release()
        return done

    monkeypatch.setattr(liveness, "beat", counted)
    with Heartbeat(registry, "1A", command="train", interval=0.001) as heartbeat:
        assert came.acquire(timeout=30)
        assert came.acquire(timeout=30)
        assert liveness_of(registry, "1A") is not None
    seen = len(beats)
    assert liveness_of(registry, "1A") is None
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat-1A"]
    heartbeat.stop()
    assert len(beats) == seen


def test_a_heartbeat_survives_a_registry_that_is_busy(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.errors import LockedError

    tries = threading.Semaphore(0)

    def busy(*_: Any) -> bool:
        tries.release()
        raise LockedError("busy")

    monkeypatch.setattr(liveness, "beat", busy)
    with Heartbeat(registry, "1A", interval=0.001):
        assert all(tries.acquire(timeout=30) for _ in range(3))


def test_an_identity_is_read_back_and_anything_else_is_nobody() -> None:
    mine = current_process("dml exec run --password hunter2 x")
    assert ProcessIdentity.from_json(mine.to_json()) == mine
    assert "hunter2" not in mine.command
    for text in ("", "{}", "null", '{"pid": true}', mine.to_json()[:-5]):
        assert ProcessIdentity.from_json(text) is None
