"""On a real terminal: leaving and being killed lose nothing, and an upload that was begun there goes on."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from dml.api.execution import Execution
from dml.workspace.executions import get_execution
from dml.workspace.registry import Registry
from targets import Place
from terminal import on_terminal
from tui.conftest import Run

DML = (sys.executable, "-m", "dml.cli")


def _environment(place: Place, root: Path) -> dict[str, str]:
    return {**os.environ, "DML_CATALOG": str(place.target), "DML_WORKSPACE": str(root)}


def test_an_upload_survives_the_death_of_the_dashboard(
    place: Place, root: Path, execution: Execution, run: Run, tmp_path: Path
) -> None:
    rid = execution.execution_rid
    model = tmp_path / "model.bin"
    model.write_bytes(os.urandom(3_000_000))
    run("exec", "start", rid)
    run("exec", "stage", rid, model)
    run("exec", "stop", rid)
    with on_terminal([*DML, "tui"], environment=_environment(place, root)) as session:
        session.wait_for("Stopped")
        session.type("c")
        session.wait_for("runs as process")
        session.kill()
        assert session.ended() < 0
    with Registry.reading(execution.session.workspace) as registry:
        limit = time.monotonic() + 60
        while get_execution(registry, rid).status != "Uploaded":
            assert time.monotonic() < limit, "the upload did not go on"
            run("exec", "show", rid)
    with closing(sqlite3.connect(execution.session.workspace.registry_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_q_leaves_with_success_and_gives_the_terminal_back(place: Place, root: Path, execution: Execution) -> None:
    with on_terminal([*DML, "tui"], environment=_environment(place, root)) as session:
        session.wait_for(execution.execution_rid)
        session.type("q")
        assert session.ended() == 0
        assert "\x1b[?1049l" in session.shown


def test_a_signal_ends_it_and_gives_the_terminal_back(place: Place, root: Path, execution: Execution) -> None:
    with on_terminal([*DML, "tui"], environment=_environment(place, root)) as session:
        session.wait_for(execution.execution_rid)
        os.kill(session.pid, 15)
        assert session.ended() == 143
        assert "\x1b[?1049l" in session.shown
