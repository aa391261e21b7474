"""Sizes, counts, durations, times, statuses and paths as text for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dml.cli.app.formatting import liveness_cell, status_cell
from dml.formatting import abbreviate_home, format_duration, format_relative_time, format_size, pluralize

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5120, "5.0 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (98 * 1024**2, "98 MiB"),
        (int(1.2 * 1024**3), "1.2 GiB"),
        (744 * 1024**2, "744 MiB"),
        (3 * 1024**6, "3.0 EiB"),
    ],
)
def test_sizes(size: int | None, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0.94, "0.9 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (14, "14 s"),
        (59.7, "1 min"),
        (2460, "41 min"),
        (7440, "2 h 4 min"),
        (7200, "2 h"),
        (3599, "1 h"),
        (86400 * 3 + 7200, "3 d 2 h"),
        (86400, "1 d"),
        (-1, "0.0 s"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(hours=24), "yesterday"),
        (timedelta(days=12), "12 d ago"),
        (timedelta(days=40), "2026-05-06"),
        (timedelta(hours=-3), "in 3 h"),
    ],
)
def test_relative_times(ago: timedelta, text: str) -> None:
    assert format_relative_time(NOW - ago, NOW) == text


def test_a_time_without_a_zone_is_utc_and_none_is_a_dash() -> None:
    assert format_relative_time((NOW - timedelta(hours=2)).replace(tzinfo=None), NOW) == "2 h ago"
    assert format_relative_time(None) == "–"  # noqa: RUF001


@pytest.mark.parametrize("status", ["Created", "Running", "Stopped", "Failed", "Pending_Upload", "Uploaded", "Aborted"])
def test_a_status_has_a_symbol_of_its_own_and_its_word(status: str) -> None:
    symbol, word = str(status_cell(status).text).split()
    assert word == status
    assert symbol != "·"


def test_unknown_statuses_are_shown_as_they_stand() -> None:
    assert status_cell("Completed").text == "· Completed"
    assert status_cell(None).text == "· none"


def test_a_dead_run_is_never_shown_as_running_alone() -> None:
    assert liveness_cell("Running", "dead").text == "✖ Running, dead"
    assert liveness_cell("Running", "elsewhere").text == "● Running, elsewhere"
    assert liveness_cell("Running", "running").text == "● Running"
    assert liveness_cell("Uploaded", "dead").text == "✔ Uploaded"


def test_counts_agree_with_their_nouns() -> None:
    assert [pluralize(1, "file"), pluralize(0, "file"), pluralize(12480, "image")] == [
        "1 file",
        "0 files",
        "12,480 images",
    ]
    assert pluralize(2, "status", "statuses") == "2 statuses"


def test_paths_in_the_home_are_short(home: object, tmp_path: object) -> None:
    from pathlib import Path

    assert abbreviate_home(Path.home() / "x") == "~/x"
    assert abbreviate_home(Path("/srv/x")) == "/srv/x"
