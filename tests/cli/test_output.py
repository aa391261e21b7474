"""What is printed: JSON documents, foreign text, colour, quietness."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

import pytest

from cli.runner import Terminal, run
from dml.cli.app.output import Cell, Console, document
from dml.target import Target


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Model:
    when: datetime
    where: Path
    which: Colour


def test_a_document_is_one_ascii_line_with_its_schema() -> None:
    text = document("exec.list", {"name": "zürich\n\u202e", "where": Path("/x")})
    assert "\n" not in text
    assert text.isascii()
    assert json.loads(text) == {"schema": "dml.exec.list/1", "name": "zürich\n\u202e", "where": "/x"}


def test_models_and_values_have_a_plain_form() -> None:
    when = datetime(2026, 1, 2, 5, 4, 5, 6000, tzinfo=timezone(timedelta(hours=2)))
    found = json.loads(document("x", Model(when, Path("/a"), Colour.RED)))
    assert found == {"schema": "dml.x/1", "when": "2026-01-02T03:04:05.006000Z", "where": "/a", "which": "red"}
    more = {"naive": datetime(2026, 1, 2), "day": date(2026, 1, 2), "set": {"b", "a"}, "target": Target("a.org", "7")}  # noqa: DTZ001
    assert json.loads(document("x", more)) == {
        "schema": "dml.x/1",
        "naive": "2026-01-02T00:00:00Z",
        "day": "2026-01-02",
        "set": ["a", "b"],
        "target": "a.org/7",
    }


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes"])
def test_what_has_no_json_form_is_a_defect(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        document("x", {"value": value})


def test_a_result_must_be_a_mapping_or_a_model() -> None:
    with pytest.raises(TypeError):
        document("x", [1, 2])


def test_with_json_nothing_else_reaches_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(json=True)
    console.print("for people")
    console.say("talk")
    console.record("exec.log", "entry", {"n": 1})
    console.record("exec.log", "result", {"n": 2})
    out, err = capsys.readouterr()
    assert [json.loads(line)["record"] for line in out.splitlines()] == ["entry", "result"]
    assert err == "talk\n"


def test_quiet_keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(verbosity=-1)
    console.say("talk")
    console.warn("careful", hint="do this")
    assert capsys.readouterr().err == "warning: careful\nhint: do this\n"


@pytest.mark.parametrize(("verbosity", "said"), [(0, "a"), (1, "ab"), (2, "abc")])
def test_verbosity(capsys: pytest.CaptureFixture[str], verbosity: int, said: str) -> None:
    console = Console(verbosity=verbosity)
    for level, text in enumerate("abc"):
        console.say(text, level=level)
    assert capsys.readouterr().err.replace("\n", "") == said


def test_foreign_text_is_made_safe_and_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Console().print("a\nb\x1b[31m", Cell("[/x]", "red"))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert "[/x]" in out


def test_colour_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    Console().print(Cell("done", "green"))
    assert screen.getvalue() == "\x1b[32mdone\x1b[0m\n"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
        before = screen.getvalue()
        Console().print(Cell("done", "green"))
        assert screen.getvalue() == before + "done\n"
        monkeypatch.delenv(name)


def test_errors_are_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    result = run("xyzzy", terminal=True)
    assert result.stderr.startswith("\x1b[1;31merror: \x1b[0m")


def test_every_json_time_is_utc() -> None:
    assert datetime(2026, 1, 1, tzinfo=UTC).isoformat() + "" == "2026-01-01T00:00:00+00:00"
    assert '"2026-01-01T00:00:00Z"' in document("x", {"t": datetime(2026, 1, 1, tzinfo=UTC)})
