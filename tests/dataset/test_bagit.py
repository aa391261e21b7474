"""Tag files of bags: bdbag accepts them, and no path that they name leads out of the bag."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dml.dataset.bagit import RemoteFile, payload_path, read_fetch, read_manifest, safe_filename, write_tag_files
from dml.errors import IntegrityError, UnsafePathError

UNSAFE = [
    "/etc/passwd",
    "data",
    "data/",
    "other/file",
    "bagit.txt",
    "data/../../out",
    "data/a/../b",
    "data//a",
    "data/./a",
    "data/%2e%2e/out",
    "data/%2E%2E/out",
    "data/a\\..\\b",
    "data/nul\0",
    "~/x",
    "data/" + "n" * 256,
]


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def make_bag(directory: Path, remotes: list[RemoteFile]) -> None:
    (directory / "data" / "lab").mkdir(parents=True)
    (directory / "data" / "lab" / "Image.csv").write_text("RID\n1-ABC\n")
    write_tag_files(directory, remotes, {"External-Identifier": "host/1@ABC"})


def test_bdbag_accepts_the_bag(tmp_path: Path, home: Path) -> None:
    from bdbag import bdbag_api

    content = b"pixels"
    names = ["plain.png", "two words.png", "größe.png", "50%.png", "a\tb.png"]
    remotes = [
        RemoteFile(f"data/asset/Image/{n}/{name}", f"https://host/hatrac/{n}", len(content), md5(content))
        for n, name in enumerate(names)
    ]
    make_bag(tmp_path / "bag", remotes)
    assert sorted(read_fetch(tmp_path / "bag"), key=lambda remote: remote.url) == remotes
    assert bdbag_api.validate_bag_structure(str(tmp_path / "bag"), skip_remote=True) is None
    for remote in remotes:
        path = payload_path(tmp_path / "bag", remote.path)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    bdbag_api.validate_bag(str(tmp_path / "bag"), fast=False)


@pytest.mark.parametrize("path", UNSAFE)
def test_a_path_out_of_the_payload_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UnsafePathError, match="unsafe path"):
        payload_path(tmp_path, path)


@pytest.mark.parametrize("path", ["data/%2e%2e/%2e%2e/out", "data/%252e%252e/out", "%2Fetc%2Fpasswd", "../out"])
def test_a_path_is_checked_after_it_is_decoded(tmp_path: Path, path: str) -> None:
    make_bag(tmp_path / "bag", [])
    (tmp_path / "bag" / "fetch.txt").write_text(f"https://host/hatrac/x\t1\t{path}\n")
    with pytest.raises(UnsafePathError):
        read_fetch(tmp_path / "bag")


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag", [])
    (tmp_path / "bag" / "data" / "asset").symlink_to(tmp_path)
    with pytest.raises(UnsafePathError, match="symbolic link"):
        payload_path(tmp_path / "bag", "data/asset/Image/1/a.png")


@pytest.mark.parametrize("line", ["https://host/x data/x", "https://host/x - data/x", "one"])
def test_a_malformed_line_is_reported(tmp_path: Path, line: str) -> None:
    make_bag(tmp_path / "bag", [])
    (tmp_path / "bag" / "fetch.txt").write_text(line + "\n")
    with pytest.raises(IntegrityError, match="malformed"):
        read_fetch(tmp_path / "bag")


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="not a bag"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "nul\0", "n" * 256, None, "\ud800"])
def test_unsafe_file_names_are_refused(name: str | None) -> None:
    with pytest.raises(UnsafePathError, match="1-ABC"):
        safe_filename(name, "1-ABC")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_no_accepted_file_name_leads_out_of_its_directory(tmp_path: Path, name: str) -> None:
    try:
        plain = safe_filename(name, "1-ABC")
        path = payload_path(tmp_path, f"data/asset/Image/1-ABC/{plain}")
    except UnsafePathError:
        return
    assert path.parent == tmp_path / "data" / "asset" / "Image" / "1-ABC"
