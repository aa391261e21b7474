"""The dashboard beside other processes: every change of theirs shows, and looking leaves no trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from dml.api.execution import Execution
from dml.tui.app import Dashboard
from dml.tui.launch import dashboard
from targets import Place
from tui.conftest import Run, Starter
from tui.journey import drive, text_of, until


def test_the_life_of_an_execution_shows_as_other_processes_live_it(
    live: Dashboard, execution: Execution, run: Run, tmp_path: Path
) -> None:
    rid = execution.execution_rid
    model = tmp_path / "model.bin"
    model.write_bytes(b"x" * 5120)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "○ Created" in text_of(live), "it is created")
        await until(
            pilot, lambda: "catalog" in text_of(live) and "no answer" not in text_of(live), "the catalog answers"
        )
        run("exec", "start", rid)
        await until(pilot, lambda: "● Running" in text_of(live), "it runs")
        await until(pilot, lambda: "running 1" in text_of(live))
        run("exec", "stage", rid, model)
        await until(pilot, lambda: "1 file 5.0 KiB" in text_of(live), "its file is counted")
        await until(pilot, lambda: "Execution_Asset/model.bin  5.0 KiB" in text_of(live), "its file is listed")
        await until(pilot, lambda: "staged" in text_of(live), "the journal goes on")
        run("exec", "fail", rid, "--message", "loss is NaN")
        await until(pilot, lambda: "✖ Failed" in text_of(live), "it failed")
        await until(pilot, lambda: "loss is NaN" in text_of(live))
        await until(pilot, lambda: "pending 1 · running 0 · failed 1 · [all 1]" in text_of(live))
        run("exec", "abort", rid, "--reason", "wrong dataset")
        await until(pilot, lambda: "⊘ Aborted" in text_of(live), "it is given up")
        await until(pilot, lambda: "pending 0" in text_of(live))

    drive(live, script, size=(120, 40))


def test_a_run_shows_its_log_and_its_death(live: Dashboard, start: Starter) -> None:
    code = "print('epoch 1 done', flush=True); import time; time.sleep(600)"
    words = "--workflow-name Sleep --workflow-type Training --workflow-url https://example.org/s.py"
    start("exec", "run", *words.split(), "--workflow-checksum", "9f86d081", "--", sys.executable, "-c", code)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "log      epoch 1 done" in text_of(live), "the log shows")
        await until(pilot, lambda: "running 1" in text_of(live), "the list follows")
        alive = live.local.executions[0].liveness
        assert alive is not None
        await until(pilot, lambda: f"pid {alive.process.pid}" in text_of(live))
        os.kill(alive.process.pid, signal.SIGKILL)
        await until(pilot, lambda: "✖ dead" in text_of(live), "its death shows")
        await until(pilot, lambda: "dead 1" in text_of(live), "the bar counts it")

    drive(live, script, size=(120, 40))


def test_actions_do_what_their_commands_do(live: Dashboard, execution: Execution, run: Run) -> None:
    rid = execution.execution_rid
    run("exec", "start", rid)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "● Running?" in text_of(live), "it runs, nobody watches it")
        await pilot.press("s")
        await until(pilot, lambda: "◌ Stopped" in text_of(live), "it is stopped")
        await pilot.press("a")
        await pilot.press("y")
        await until(pilot, lambda: "⊘ Aborted" in text_of(live), "it is given up")
        await pilot.press("g")
        await pilot.press("y")
        await until(pilot, lambda: not execution.working_dir.exists(), "its files are gone")
        await pilot.press("ctrl+s")
        await until(
            pilot,
            lambda: any("every status is synced" in one.message for one in live._notifications),
            "the catalog knows",
        )

    drive(live, script, size=(120, 40))


def test_two_windows_show_the_same(place: Place, root: Path, execution: Execution, run: Run) -> None:
    first, second = dashboard(place.target, root), dashboard(place.target, root)

    async def script(pilot: Pilot[None]) -> None:
        async with second.run_test(size=(80, 24)) as other:
            run("exec", "start", execution.execution_rid)
            for window, pilots in ((first, pilot), (second, other)):
                await until(pilots, lambda window=window: "● Running" in text_of(window), "both show it")

    drive(first, script)


def test_looking_leaves_no_trace(place: Place, tmp_path: Path) -> None:
    nowhere = tmp_path / "no workspace"
    app = dashboard(place.target, nowhere)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "No executions here yet" in text_of(app), "it is empty")
        await until(pilot, lambda: "owner" in text_of(app), "the catalog answers")

    drive(app, script)
    assert not nowhere.exists()


def test_looking_changes_no_byte_of_a_workspace(live: Dashboard, execution: Execution, root: Path) -> None:
    execution.session.close()
    before = _everything(root)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "○ Created" in text_of(live), "it is read")

    drive(live, script)
    assert _everything(root) == before


def _everything(root: Path) -> dict[str, tuple[int, int]]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_the_command_wants_a_terminal(start: Callable[..., subprocess.Popen[str]]) -> None:
    child = start("tui")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "needs a terminal" in err
