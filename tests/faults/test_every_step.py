"""Whatever dies or fails, wherever: the same command again ends as if nothing had happened, each row and object once.

After every fault and repeat the driver asserts I1 (catalog and store hold what an undisturbed run leaves, once), I2 and
I4 (what is called uploaded is there, what is not is still on disk), I3 (bytes sent), I5 (every state is listed with its
next command), I6 (no secret in any file, registry or catalog), I7 (nothing outside the roots) and I8 (every run ends).
By default some points of each enumeration are tried, with ``DML_TEST_FULL=1`` all of them, at full size.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.conftest import with_tests

FULL = bool(os.environ.get("DML_TEST_FULL"))

Enumerate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def driver() -> Iterator[subprocess.Popen[str]]:
    """A program that runs enumerations; one for all of them, because its imports take as long as trying ten points."""
    command = [sys.executable, "-m", "faults.driver"]
    with subprocess.Popen(
        command, env=with_tests(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


@pytest.fixture
def enumerate_points(driver: subprocess.Popen[str], tmp_path: Path) -> Enumerate:
    """Has the driver enumerate: ``enumerate_points("commit", "any:kill", "--stride=6")``; returns what it found."""

    def ask(scenario: str, fault: str, *options: str) -> dict[str, Any]:
        assert driver.stdin is not None
        assert driver.stdout is not None
        arguments = [scenario, fault, str(tmp_path / "faults"), *options]
        driver.stdin.write(json.dumps({"arguments": arguments, "environment": with_tests()}) + "\n")
        driver.stdin.flush()
        status, answer = json.loads(driver.stdout.readline())
        assert status == 0, answer
        found: dict[str, Any] = answer
        return found

    return ask


def assert_nothing_is_lost(
    capsys: pytest.CaptureFixture[str],
    enumerate_points: Enumerate,
    scenario: str,
    fault: str,
    stride: int,
    first: int = 1,
    halves: int = 1,
) -> None:
    """Try every ``stride``-th point, or all of them, and tell how many that were."""
    whole = FULL and (scenario, fault) == ("commit", "any:kill")
    steps = halves if FULL else stride
    options = [f"--stride={steps}", f"--first={first}", *(["--whole"] if whole else [])]
    found = enumerate_points(scenario, fault, *options)
    hit, declared = found["points"], found["declared"]
    with capsys.disabled():
        sys.stderr.write(f"\n{scenario} {fault}: {declared} boundaries declared, {hit} points tried\n")
    assert found["differences"] == []
    assert declared > 0
    assert hit == -(-(declared - first + 1) // steps)


@pytest.mark.parametrize(
    ("scenario", "stride"),
    [("create", 8), ("discard", 11), ("start", 3), ("stop", 3), ("abort", 3), ("stage", 12)],
)
def test_killed_at_any_boundary_of_a_step(
    scenario: str, stride: int, enumerate_points: Enumerate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_nothing_is_lost(capsys, enumerate_points, scenario, "any:kill", stride)


@pytest.mark.parametrize("half", [0, 1])
def test_killed_at_any_boundary_of_a_commit(
    half: int, enumerate_points: Enumerate, capsys: pytest.CaptureFixture[str]
) -> None:
    # Two cores share the longest enumeration.
    assert_nothing_is_lost(capsys, enumerate_points, "commit", "any:kill", 6, 1 + half * (1 if FULL else 3), halves=2)


@pytest.mark.parametrize(
    ("scenario", "stride"), [("create", 1), ("start", 1), ("stop", 1), ("abort", 1), ("commit", 1)]
)
def test_the_answer_to_any_writing_request_is_lost(
    scenario: str, stride: int, enumerate_points: Enumerate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_nothing_is_lost(capsys, enumerate_points, scenario, "http:lost", stride)


@pytest.mark.parametrize(
    ("scenario", "fault", "stride"),
    [
        ("commit", "http:refused+", 4),
        ("commit", "http:cut", 3),
        ("commit", "http:cut+", 5),
        ("commit", "http:500+", 4),
        ("commit", "http:503", 5),
        ("commit", "http:503+", 5),
        ("commit", "http:401+", 3),
        ("commit", "http:403", 9),
        ("create", "http:401", 3),
        ("create", "http:500+", 3),
        ("stop", "http:refused+", 1),
        ("abort", "http:503+", 1),
    ],
)
def test_the_server_or_the_network_fails_amid_it(
    scenario: str, fault: str, stride: int, enumerate_points: Enumerate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_nothing_is_lost(capsys, enumerate_points, scenario, fault, stride)


@pytest.mark.parametrize(
    ("scenario", "fault", "stride"),
    [
        ("commit", "sql:enospc", 7),
        ("commit", "sql:eio+", 9),
        ("commit", "sql:erofs", 12),
        ("commit", "file:enospc", 4),
        ("commit", "file:emfile", 11),
        ("create", "sql:enospc+", 9),
        ("create", "file:enospc", 9),
        ("create", "file:edquot+", 13),
        ("create", "file:erofs", 13),
        ("create", "file:eio", 13),
        ("stage", "file:enospc", 10),
        ("stage", "sql:enospc", 12),
        ("stop", "sql:enospc", 3),
    ],
)
def test_the_disk_fails_amid_it(
    scenario: str, fault: str, stride: int, enumerate_points: Enumerate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_nothing_is_lost(capsys, enumerate_points, scenario, fault, stride)
