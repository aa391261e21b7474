"""Directories for a while: gone with their maker, and with the next one when the maker was killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dml.workspace.scratch import Scratch, scratch_below


def test_it_is_below_the_root_and_gone_at_the_end(tmp_path: Path) -> None:
    with Scratch(scratch_below(tmp_path), "run") as path:
        (path / "file").write_text("x")
        assert path.parent == tmp_path / "scratch"
        assert path.name.startswith("run-")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_held_or_new_stays(tmp_path: Path) -> None:
    parent = scratch_below(tmp_path)
    held, left, new = Scratch(parent, "held"), parent / "left-1", parent / "new-1"
    outside = tmp_path / "outside"
    for path in (left / "deep", new, outside):
        path.mkdir(parents=True)
    (parent / "link").symlink_to(outside)
    long_ago = time.time() - 3 * 24 * 3600
    for path in (held.path, left, outside):
        os.utime(path, (long_ago, long_ago))
    with Scratch(parent, "next") as following:
        assert set(parent.iterdir()) == {held.path, new, following, parent / "link"}
    assert outside.is_dir()
    held.cleanup()
    held.cleanup()
    assert not held.path.exists()
