"""The file system beneath a path."""

from __future__ import annotations

import os
from pathlib import Path

from dml.disk import file_system_type, free_bytes, nearest_existing


def test_free_bytes_of_a_path_that_does_not_exist_are_those_of_its_file_system(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    free = free_bytes(tmp_path / "not" / "created" / "yet")
    assert free is not None
    assert abs(free - status.f_bavail * status.f_frsize) < 1 << 30


def test_the_nearest_existing_ancestor(tmp_path: Path) -> None:
    dangling = tmp_path / "link"
    dangling.symlink_to(tmp_path / "nowhere")
    assert nearest_existing(tmp_path / "a" / "b") == tmp_path
    assert nearest_existing(dangling) == dangling


def test_the_innermost_mount_decides(tmp_path: Path) -> None:
    inner = tmp_path / "with space" / "in"
    inner.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    escaped = str(tmp_path / "with space").replace(" ", "\\040")
    mounts.write_text(f"root / ext4 rw 0 0\nserver:/x {escaped} nfs4 rw 0 0\nincomplete\n")
    assert file_system_type(inner, mounts) == "nfs4"
    assert file_system_type(tmp_path / "not created", mounts) == "ext4"
    assert file_system_type(tmp_path, tmp_path / "none") is None
