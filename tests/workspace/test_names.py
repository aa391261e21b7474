"""Names from outside become file names unchanged, or are refused before anything is created."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dml.errors import UnsafePathError
from dml.target import Target
from dml.workspace.files import check_inside, make_directory, open_inside, open_regular, write_atomically
from dml.workspace.layout import Workspace, asset_key, split_asset_key
from dml.workspace.names import safe_file_name

_HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "..\\x",
    "%2e%2e",
    "%2E%2E%2Fx",
    "%252e%252e",
    "%25252e%25252e%25252f",
    "a%2fb",
    "a%5cb",
    "nul\x00",
    "nul%00",
    "line\nbreak",
    "line%0abreak",
    "bell\x07",
    "c1\x9b",
    "sep\u2028",
    "-rf",
    "%2drf",
    "x" * 256,
    "é" * 128,
    "photo\u202egnp.exe",
    "\u2066x",
    "\ud800",
]


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(UnsafePathError) as refused:
        safe_file_name(name)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 250


@pytest.mark.parametrize(
    "name",
    ["model.bin", "100%.txt", "50%25.txt", "été.png", "模型", ".hidden", "a b", "x" * 255, "a..b", "tilde~", "%zz"],
)
def test_ordinary_names_are_unchanged(name: str) -> None:
    assert safe_file_name(name) == name


@given(st.text(st.characters(), max_size=300), st.integers(0, 2))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_an_accepted_name_is_one_component_of_a_path(name: str, times: int) -> None:
    for _ in range(times):
        name = quote(name, safe="", errors="surrogatepass")
    try:
        accepted = safe_file_name(name)
    except UnsafePathError:
        return
    assert accepted == name
    joined = os.path.normpath(os.path.join("/root", name))  # noqa: PTH118
    assert Path(joined).parent == Path("/root")
    assert Path("/root", name).name == name


@pytest.mark.parametrize("name", _HOSTILE)
def test_no_path_of_a_workspace_contains_a_hostile_name(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path, Target("h", "1"))
    for make_path in (
        lambda: workspace.execution_directory(name),
        lambda: workspace.staged_path("1", name, "f"),
        lambda: workspace.staged_path("1", "T", name),
        lambda: workspace.downloaded_path("1", "T", "2", name),
        lambda: workspace.bag_directory(name, "1"),
        lambda: workspace.lock_path(name) if name != "-rf" else workspace.upload_directory(name),
        lambda: asset_key("T", name),
        lambda: split_asset_key(f"T/{name}"),
    ):
        with pytest.raises(UnsafePathError):
            make_path()
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_asset_keys_are_split_again() -> None:
    assert split_asset_key(asset_key("Image", "a b.png")) == ("Image", "a b.png")


class TestInside:
    def test_a_link_within_a_path_is_not_followed(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside"
        root.mkdir()
        outside.mkdir()
        (root / "link").symlink_to(outside)
        for act in (
            lambda: check_inside(root, Path("link/file")),
            lambda: make_directory(root, Path("link/new")),
            lambda: open_inside(root, Path("link/file"), os.O_CREAT | os.O_WRONLY),
            lambda: write_atomically(root, Path("link/file"), b"x"),
        ):
            with pytest.raises(UnsafePathError):
                act()
        assert not list(outside.iterdir())

    def test_a_link_at_the_end_of_a_path_is_not_written_through(self, tmp_path: Path) -> None:
        root, source = tmp_path / "root", tmp_path / "source"
        root.mkdir()
        source.write_text("precious")
        (root / "file").symlink_to(source)
        with pytest.raises(UnsafePathError):
            open_inside(root, Path("file"), os.O_WRONLY | os.O_TRUNC)
        write_atomically(root, Path("file"), b"new")
        assert source.read_text() == "precious"
        assert (root / "file").read_bytes() == b"new"
        assert not (root / "file").is_symlink()

    def test_a_staged_link_is_followed_only_on_request(self, tmp_path: Path) -> None:
        root, source = tmp_path / "root", tmp_path / "source"
        root.mkdir()
        source.write_text("bytes")
        (root / "file").symlink_to(source)
        assert check_inside(root, Path("file"), last_may_be_link=True) == root / "file"
        with os.fdopen(open_regular(root, Path("file"), follow_last=True), "rb") as stream:
            assert stream.read() == b"bytes"
        with pytest.raises(UnsafePathError):
            open_regular(root, Path("file"))

    def test_a_pipe_is_refused_without_blocking(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UnsafePathError, match="regular"):
            open_regular(tmp_path, Path("pipe"))

    def test_leaving_the_root_is_refused(self, tmp_path: Path) -> None:
        for path in (Path("../x"), Path("/etc/passwd"), tmp_path.parent / "x", Path()):
            with pytest.raises(UnsafePathError):
                check_inside(tmp_path, path)

    def test_a_failed_write_leaves_the_old_content(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_atomically(tmp_path, Path("d/file"), b"old")

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_atomically(tmp_path, Path("d/file"), b"new")
        assert (tmp_path / "d/file").read_bytes() == b"old"
        assert [path.name for path in (tmp_path / "d").iterdir()] == ["file"]

    def test_a_root_behind_a_link_is_trusted(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "root").symlink_to(tmp_path / "real")
        write_atomically(tmp_path / "root", Path("file"), b"x")
        assert (tmp_path / "real" / "file").read_bytes() == b"x"
