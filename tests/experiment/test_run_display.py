"""The progress of a run: how it is read from the registry, and how it is displayed on a terminal and elsewhere."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import pytest

from cli.runner import DML
from dml.cli.run_status import BottomLine, StatusLines, run_display, sentence
from dml.execution.finish_creation import NESTED_IN
from dml.experiment.run_monitor import RunMonitor, RunProgress
from dml.target import Target
from dml.workspace.executions import insert_execution
from dml.workspace.session import WorkspaceSession
from dml.workspace.status_change import compare_and_set_status
from experiment.runs import executions
from experiments import RetinaProject
from preflight.sample_catalog import SampleCatalog
from terminal import on_terminal

TARGET = Target("data.example.org", "7")


class RecordingDisplay:
    """A run_display that remembers."""

    def __init__(self) -> None:
        self.views: list[RunProgress] = []
        self.closed = False

    def show(self, progress: RunProgress) -> None:
        self.views.append(progress)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (RunProgress(2.0), "starting · 2 s"),
        (RunProgress(12.0, "4VP", "running", "epoch 3/50"), "4VP running · 12 s · epoch 3/50"),
        (
            RunProgress(75.0, "4VP", "committing", "epoch 50/50", files=3, files_sent=1, bytes=4096, bytes_sent=1024),
            "4VP committing · 1 min · 1 of 3 files, 1.0 KiB of 4.0 KiB",
        ),
        (
            RunProgress(12.0, "6A4", "running", parent="6A0", jobs=2, jobs_done=1),
            "6A0 · 1 of 2 jobs uploaded · 6A4 running · 12 s",
        ),
        (RunProgress(1.0, "4VP", "running", "\x1b[31mred\x07"), "4VP running · 1 s · ␛[31mred␇"),
    ],
)
def test_progress_as_text(progress: RunProgress, text: str) -> None:
    assert sentence(progress) == text


def test_progress_is_read_from_the_registry(tmp_path: Path) -> None:
    saved, workspace = tmp_path / "execution.json", tmp_path / "workspace"
    display = RecordingDisplay()
    with RunMonitor(display, TARGET, workspace, saved, interval=0.0):
        with WorkspaceSession.writing(TARGET, workspace) as session:
            insert_execution(session.registry, "4-VP", config_json="{}", status="Running", status_detail="epoch 1")
        saved.write_text('{"execution_rid": "4-VP"}')
    assert display.closed
    assert display.views[-1].rid == "4-VP"
    assert (display.views[-1].phase, display.views[-1].detail) == ("running", "epoch 1")


def test_only_jobs_of_the_sweep_are_monitored(tmp_path: Path) -> None:
    display = RecordingDisplay()
    with (
        WorkspaceSession.writing(TARGET, tmp_path / "workspace") as session,
        RunMonitor(display, TARGET, tmp_path / "workspace", tmp_path / "none", parent="6-A0", interval=0.0),
    ):
        for rid, parent in (("6-A2", "6-A0"), ("6-A4", "6-A0"), ("9-Z9", "9-Z0")):
            insert_execution(session.registry, rid, config_json="{}", extra={NESTED_IN: parent})
        compare_and_set_status(session.registry, "6-A2", "Created", "Uploaded")
    assert (display.views[-1].jobs, display.views[-1].jobs_done) == (2, 1)
    assert (display.views[-1].rid, display.views[-1].phase) == ("6-A4", "downloading inputs")


def test_lines_are_printed_on_changes_and_periodically() -> None:
    lines: list[str] = []
    now = [0.0]
    progress = SimpleNamespace(message=lines.append)
    lines_display = StatusLines(progress, clock=lambda: now[0], interval=30.0)  # type: ignore[arg-type]
    for seconds, phase in ((0, "starting"), (1, "running"), (2, "running"), (31, "running"), (40, "Uploaded")):
        now[0] = seconds
        lines_display.show(RunProgress(float(seconds), "4VP", phase))
    assert lines == ["4VP starting · 0 s", "4VP running · 1 s", "4VP running · 31 s", "4VP Uploaded · 40 s"]


@pytest.mark.parametrize(
    ("progress", "json", "verbosity"), [("auto", True, 0), ("auto", False, -1), ("none", False, 0)]
)
def test_no_display_with_json_quiet_or_none(progress: str, json: bool, verbosity: int) -> None:
    invocation = SimpleNamespace(
        settings={"progress": progress}, json=json, console=SimpleNamespace(verbosity=verbosity)
    )
    assert run_display(invocation) is None  # type: ignore[arg-type]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """A terminal of 40 columns and 10 rows: the descriptor to read its output from, and the stream to write to."""
    reading, writing = os.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    monkeypatch.setenv("TERM", "xterm-256color")
    with os.fdopen(writing, "w") as stream:
        yield reading, stream
    os.close(reading)


def test_bottom_row_is_reserved_and_released(screen: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    reading, stream = screen
    monkeypatch.setattr(sys, "stderr", stream)
    assert BottomLine.is_possible()
    line = BottomLine()
    line.show(RunProgress(3.0, "4VP", "running", "a detail that is longer than the terminal is wide"))
    lines_display = os.read(reading, 4096).decode()
    assert "\x1b[1;9r" in lines_display, "the rows above scroll among themselves"
    assert "\x1b[10;1H" in lines_display
    assert "4VP running · 3 s · a detail" in lines_display
    assert "wide" not in lines_display
    line.show(RunProgress(4.0, "4VP", "running"))
    assert "\x1b[1;9r" not in os.read(reading, 4096).decode()
    line.close()
    assert "\x1b[r" in os.read(reading, 4096).decode()


def test_dumb_terminal_gets_lines(screen: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen[1])
    monkeypatch.setenv("TERM", "dumb")
    invocation = SimpleNamespace(settings={"progress": "auto"}, json=False, console=SimpleNamespace(verbosity=0))
    assert isinstance(run_display(invocation), StatusLines)  # type: ignore[arg-type]


def test_interrupted_run_on_a_terminal(retina: RetinaProject, sample: SampleCatalog, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waits = f"    open({str(gate)!r}).read()\n    if learning_rate == fail_at:"
    retina.edit("src/models/retina_net.py", "    if learning_rate == fail_at:", waits)
    retina.commit()
    with on_terminal([*DML, "run", "+experiment=retina_quick"]) as session:
        session.wait_for("Run it now?")
        session.type("y\r")
        session.wait_for(" running · ")
        rid = session.shown.rpartition(" running · ")[0].split()[-1].rpartition("K")[2]
        session.type("\x03")
        session.wait_for(f"dml exec show {rid}")
        assert session.ended() == 130
    assert f"{rid} Failed." in session.shown
    assert "Traceback" not in session.shown
    assert session.shown.count("\x1b[1;23r") == 1
    assert session.shown.count("\x1b[r") == 1
    assert str(executions(sample.catalog)[rid]["Status_Detail"]) == "KeyboardInterrupt"
