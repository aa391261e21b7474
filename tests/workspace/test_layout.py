"""The paths of a workspace are deriva-ml's, and computing them creates nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.target import Target
from dml.workspace.layout import Workspace, find_workspace


def test_the_paths_of_a_workspace(tmp_path: Path) -> None:
    root = tmp_path / "w"
    workspace = Workspace(root, Target("localhost", "44"))
    expected = {
        workspace.registry_path: "catalogs/localhost__44/working/main.db",
        workspace.execution_directory("4T2"): "deriva-ml/execution/4T2",
        workspace.staged_path(
            "4T2", "Execution_Asset", "model.bin"
        ): "deriva-ml/execution/4T2/assets/Execution_Asset/model.bin",
        workspace.types_file("4T2", "deriva-ml", "File"): "deriva-ml/execution/4T2/asset-type/deriva-ml/File.jsonl",
        workspace.downloaded_path(
            "4T2", "Image", "1AB", "a.png"
        ): "deriva-ml/execution/4T2/downloaded-assets/Image/1AB/a.png",
        workspace.upload_directory("4T2"): "upload/4T2",
        workspace.cache_directory: "cache",
        workspace.bag_directory("abc", "1-2"): "cache/bags/abc/Dataset_1-2",
        workspace.table_path("s", "t"): "deriva-ml/table/s/t/t.csv",
        workspace.schema_cache_path: "schema-cache.json",
    }
    assert {path.relative_to(root).as_posix() for path in expected} == set(expected.values())
    assert not root.exists()


@pytest.mark.parametrize(
    ("target", "directory"),
    [
        (Target("host:8443", "7"), "host_8443__7"),
        (Target("local", "demo", "2-ABCD-EFGH"), "local__demo@2-ABCD-EFGH"),
    ],
)
def test_the_registry_of_a_target(tmp_path: Path, target: Target, directory: str) -> None:
    assert Workspace(tmp_path, target).working_directory == tmp_path / "catalogs" / directory / "working"


def test_the_workspace_of_a_target_or_directory(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("example.org", "7")
    assert find_workspace(target).root == home / ".deriva-ml" / "example.org" / "7"
    assert find_workspace(target, "~/mine").root == home / "mine"
    monkeypatch.chdir(tmp_path)
    assert find_workspace(target, Path("here")).root == tmp_path / "here"
    assert list(home.iterdir()) == []
