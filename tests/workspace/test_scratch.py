"""Temporary directories: removed by the process that created them, or by a later one if it was killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dml.workspace.scratch import ScratchDirectory, scratch_root


def test_the_directory_is_below_the_root_and_removed_at_the_end(tmp_path: Path) -> None:
    with ScratchDirectory(scratch_root(tmp_path), "run") as path:
        (path / "file").write_text("x")
        assert path.parent == tmp_path / "scratch"
        assert path.name.startswith("run-")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_leftovers_are_removed_and_locked_or_new_directories_kept(tmp_path: Path) -> None:
    parent = scratch_root(tmp_path)
    locked, leftover, new = ScratchDirectory(parent, "locked"), parent / "left-1", parent / "new-1"
    outside = tmp_path / "outside"
    for path in (leftover / "deep", new, outside):
        path.mkdir(parents=True)
    (parent / "link").symlink_to(outside)
    long_ago = time.time() - 3 * 24 * 3600
    for path in (locked.path, leftover, outside):
        os.utime(path, (long_ago, long_ago))
    with ScratchDirectory(parent, "next") as following:
        assert set(parent.iterdir()) == {locked.path, new, following, parent / "link"}
    assert outside.is_dir()
    locked.cleanup()
    locked.cleanup()
    assert not locked.path.exists()
