"""Killed at every step of a fetch: nothing half there reads as whole, and what had come does not come again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_a_fetch_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    stride = "1" if os.environ.get("DML_TEST_FULL") else "7"
    place = tmp_path / "killed"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "cache.killing", str(place), stride],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["points"] > 20
    assert set(found["sites"]) >= {"open", "mkdir", "rename", "replace", "fsync", "chmod", "piece"}
