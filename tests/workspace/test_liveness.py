"""Liveness: dead runs are recognized, and clocks that differ do not make a live one dead."""

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
    runner = liveness_of(registry, "1A")
    assert runner is not None
    assert (runner.state, runner.process.pid, runner.process.command) == ("running", os.getpid(), "train")
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
    assert [runner.state for runner in (alive, zombie, gone) if runner] == ["running", "dead", "dead"]


def test_a_reused_pid_is_not_the_process(registry: Registry) -> None:
    begin_running(registry, "1A", replace(current_process(), started="12"))
    runner = liveness_of(registry, "1A")
    assert runner is not None
    assert runner.state == "dead"


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
    runner = list_liveness(registry)["1A"]
    assert runner.state == state
    assert "lab-7" in runner.reason
    assert ("ahead" in runner.reason) == (sum(later.values()) < 0)


def test_without_a_boot_id_the_host_decides(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "boot_id", lambda: "")
    identity = current_process()
    assert identity.boot == ""
    assert process_state(identity) == "alive"
    assert process_state(replace(identity, host="lab-7")) == "elsewhere"


def test_an_ended_run_has_no_liveness_and_does_not_end_its_successor(registry: Registry) -> None:
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


def test_a_heartbeat_renews_itself_until_it_is_stopped(
    registry: Registry, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[str] = []
    renewed = threading.Semaphore(0)
    real: Callable[..., bool] = liveness.beat

    def counted(*arguments: Any) -> bool:
        clock.move(seconds=1)
        done = real(*arguments)
        beats.append(registry.now())
        renewed.release()
        return done

    monkeypatch.setattr(liveness, "beat", counted)
    with Heartbeat(registry, "1A", command="train", interval=0.001) as heartbeat:
        assert renewed.acquire(timeout=30)
        assert renewed.acquire(timeout=30)
        assert liveness_of(registry, "1A") is not None
    number = len(beats)
    assert liveness_of(registry, "1A") is None
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat-1A"]
    heartbeat.stop()
    assert len(beats) == number


def test_a_heartbeat_survives_a_busy_registry(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.errors import LockedError

    tries = threading.Semaphore(0)

    def busy(*_: Any) -> bool:
        tries.release()
        raise LockedError("busy")

    monkeypatch.setattr(liveness, "beat", busy)
    with Heartbeat(registry, "1A", interval=0.001):
        assert all(tries.acquire(timeout=30) for _ in range(3))


def test_an_identity_is_parsed_from_its_json_and_from_nothing_else() -> None:
    identity = current_process("dml exec run --password hunter2 x")
    assert ProcessIdentity.from_json(identity.to_json()) == identity
    assert "hunter2" not in identity.command
    for text in ("", "{}", "null", '{"pid": true}', identity.to_json()[:-5]):
        assert ProcessIdentity.from_json(text) is None
