"""How long work is shown: on a terminal, in a log, to a program."""

from __future__ import annotations

import json
import threading

import pytest

from cli.runner import Terminal
from dml.cli.app.output import Console
from dml.cli.app.progress import Bars, JsonLines, Lines, showing
from dml.progress import SILENT, Progress


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def work(progress: Progress) -> None:
    progress.begin("Model/w.pt", 2048)
    progress.advance("Model/w.pt", 1024)
    progress.message("waiting for the server")
    progress.advance("Model/w.pt", 1024)
    progress.finish("Model/w.pt", "uploaded")


def test_silence_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    work(SILENT)
    assert capsys.readouterr() == ("", "")


def test_off_a_terminal_there_is_a_line_every_thirty_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    lines.begin("a", 4096)
    for _ in range(8):
        clock.now += 10
        lines.advance("a", 512)
    assert capsys.readouterr().err.splitlines() == [
        "0 of 1 items, 1.5 KiB of 4.0 KiB",
        "0 of 1 items, 3.0 KiB of 4.0 KiB",
    ]


def test_an_item_begun_again_counts_anew(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    lines.begin("a", 100)
    lines.advance("a", 90)
    lines.begin("a", 100)
    clock.now += 31
    lines.finish("a")
    assert capsys.readouterr().err == "1 of 1 items, 0 B of 100 B\n"


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    work(JsonLines(Clock()))
    out, err = capsys.readouterr()
    assert not out
    records = [json.loads(line) for line in err.splitlines()]
    assert {record["schema"] for record in records} == {"dml.progress/1"}
    assert [record["event"] for record in records] == ["begin", "advance", "message", "finish"]
    assert records[-1] | {"schema": ""} == {
        "schema": "",
        "event": "finish",
        "item": "Model/w.pt",
        "done": 2048,
        "outcome": "uploaded",
    }


def test_bars_leave_a_line_for_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    bars = Bars()
    bars.begin("Model/[red]\x1b[2J", 10)
    bars.advance("Model/[red]\x1b[2J", 10)
    bars.message("waiting [/x]")
    bars.finish("Model/[red]\x1b[2J", "uploaded")
    bars.finish("never begun")
    bars.close()
    assert "Model/[red]" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()
    assert "waiting [/x]" in screen.getvalue()


@pytest.mark.parametrize("make", [lambda: Lines(Clock()), lambda: JsonLines(Clock())], ids=["lines", "json"])
def test_many_threads_may_report(make: object, capsys: pytest.CaptureFixture[str]) -> None:
    progress = make()  # type: ignore[operator]

    def report(name: str) -> None:
        progress.begin(name, 1000)
        for _ in range(1000):
            progress.advance(name, 1)
        progress.finish(name)

    threads = [threading.Thread(target=report, args=(f"item {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress._totals.bytes_done == 8000


@pytest.mark.parametrize(
    ("how", "terminal", "verbosity", "kind"),
    [
        ("auto", True, 0, "Bars"),
        ("auto", False, 0, "Lines"),
        ("auto", True, -1, "_Silent"),
        ("bar", False, 0, "Bars"),
        ("json", True, 0, "JsonLines"),
        ("none", True, 0, "_Silent"),
    ],
)
def test_the_choice(monkeypatch: pytest.MonkeyPatch, how: str, terminal: bool, verbosity: int, kind: str) -> None:
    if terminal:
        monkeypatch.setattr("sys.stderr", Terminal())
    with showing(how, Console(verbosity=verbosity)) as progress:
        assert type(progress).__name__ == kind
