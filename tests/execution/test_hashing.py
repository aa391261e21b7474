"""The checksum of a staged file: of the very file that was looked at, or of one whose path is looked at again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dml.errors import NotFoundError, UnsafePathError
from dml.workspace import hashing
from dml.workspace.file_identity import FileIdentity
from dml.workspace.hashing import digest, file_identity


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """A file in a directory of a root."""
    path = tmp_path / "root" / "assets" / "model.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


def root_of(staged: Path) -> Path:
    """The trusted directory above."""
    return staged.parent.parent


def test_the_file_that_was_looked_at_is_read_without_looking_again(
    staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = file_identity(root_of(staged), staged)

    def walked(*_: object, **__: object) -> int:
        raise AssertionError("the path is walked again")

    monkeypatch.setattr(hashing, "open_regular", walked)
    found = digest(root_of(staged), staged, seen=seen)
    assert found.md5_hex == hashlib.md5(b"weights", usedforsecurity=False).hexdigest()


def test_a_file_that_changed_since_is_looked_at_and_read(staged: Path) -> None:
    seen = file_identity(root_of(staged), staged)
    staged.write_bytes(b"other weights")
    found = digest(root_of(staged), staged, seen=seen)
    assert found.md5_hex == hashlib.md5(b"other weights", usedforsecurity=False).hexdigest()
    assert found.identity != seen


def test_a_directory_that_became_a_link_since_is_not_followed(staged: Path, tmp_path: Path) -> None:
    seen = file_identity(root_of(staged), staged)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / staged.name).write_bytes(b"secrets")
    staged.unlink()
    staged.parent.rmdir()
    staged.parent.symlink_to(elsewhere)
    with pytest.raises(UnsafePathError, match="symbolic link"):
        digest(root_of(staged), staged, seen=seen)


def test_a_pipe_that_took_its_place_is_refused_and_not_waited_for(staged: Path) -> None:
    seen = file_identity(root_of(staged), staged)
    staged.unlink()
    os.mkfifo(staged)
    with pytest.raises(UnsafePathError, match="not a regular file"):
        digest(root_of(staged), staged, seen=seen)
    with pytest.raises(UnsafePathError, match="not a regular file"):
        file_identity(root_of(staged), staged)


@pytest.mark.parametrize("seen", [None, FileIdentity(1, 2, 3)])
def test_a_file_that_is_gone_is_said_to_be_missing(staged: Path, seen: FileIdentity | None) -> None:
    staged.unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        digest(root_of(staged), staged, seen=seen)
    with pytest.raises(NotFoundError, match="is missing"):
        file_identity(root_of(staged), staged)
