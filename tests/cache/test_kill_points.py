"""A fetch that is killed at any step leaves nothing incomplete that counts as cached, and fetches no byte twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_a_fetch_that_was_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    stride = "1" if os.environ.get("DML_TEST_FULL") else "7"
    directory = tmp_path / "killed"
    directory.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "cache.kill_points", str(directory), stride],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["points"] > 20
    assert set(result["kinds"]) >= {"open", "mkdir", "rename", "replace", "fsync", "chmod", "write"}
