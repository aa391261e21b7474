"""Reading overrides out of descriptions, and numbers out of metrics files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.metrics.read import ExecutionMetrics, parse_steps
from dml.nesting.differences import differing, parse_overrides, without_overrides
from dml.nesting.execution_summaries import seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("run [overrides: a=1, +b=x.y]", {"a": "1", "b": "x.y"}),
        ("run [overrides: a=[1,2], b={c: 1, d: 2}, e='x, y']", {"a": "[1,2]", "b": "{c: 1, d: 2}", "e": "'x, y'"}),
        ("no overrides here [a]", {}),
        ("[overrides: ]", {}),
        ("[overrides: ~gone, a=]", {"a": ""}),
        ("", {}),
    ],
)
def test_overrides_are_read_as_hydra_writes_them(text: str, found: dict[str, str]) -> None:
    assert parse_overrides(text) == found


def test_the_rest_of_a_description_stays() -> None:
    assert without_overrides("[Job 3] sweep [overrides: a=1]") == "[Job 3] sweep"
    assert without_overrides("plain") == "plain"


@given(st.text())
def test_any_description_can_be_read(text: str) -> None:
    assert isinstance(parse_overrides(f"{text} [overrides: {text}]"), dict)


def test_only_what_differs_becomes_a_column() -> None:
    assert differing({"A": {"lr": "1", "seed": "7"}, "B": {"lr": "2", "seed": "7", "new": "x"}}) == ["lr", "new"]
    assert differing({"A": {"lr": "1"}}) == []


def test_damaged_lines_of_metrics_are_passed_over() -> None:
    text = '{"loss": 2, "val": {"acc": 0.5}}\nnot json\n[1]\n{"loss": NaN, "ok": true}\n{"loss": 1}\n' + "[" * 100_000
    steps = parse_steps(text)
    assert steps == [{"loss": 2.0, "val.acc": 0.5}, {}, {"loss": 1.0}]
    assert ExecutionMetrics(None, tuple(steps)).last == {"loss": 1.0, "val.acc": 0.5}


@pytest.mark.parametrize(
    ("text", "found"),
    [("1.0H 2.0min 3.5sec", 3723.5), ("0H 0min 0.0sec", None), (None, None), ("soon", None), ("1e9H 0min 0sec", None)],
)
def test_durations_are_read(text: str | None, found: float | None) -> None:
    assert seconds(text) == found
