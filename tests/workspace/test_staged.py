"""How far staged files are on their way: confirmed bytes by pieces, by status, and of several executions at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.target import Target
from dml.workspace.assets import FileIdentity, StagedAsset, mark_failed, mark_uploaded, stage_assets
from dml.workspace.executions import insert_execution
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.staged import list_staged
from dml.workspace.uploads import begin_upload, remember_chunk


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry.writing(Workspace(tmp_path / "workspace", Target("local", "1")))
    for rid in ("1-A", "1-B"):
        insert_execution(made, rid, config_json="{}")
        staged = [
            StagedAsset("deriva-ml", "Image", name, source=f"/tmp/{name}", identity=FileIdentity(25, 1, 1))
            for name in ("x", "y")
        ]
        stage_assets(made, rid, staged)
    return made


def test_confirmed_bytes_follow_the_pieces(registry: Registry) -> None:
    begin_upload(registry, "1-A", "Image/x", url="/hatrac/x", md5="00", size=25, chunk_size=10)
    (first, other) = list_staged(registry, ["1-A"])
    assert (first.under_way, first.chunks, first.chunks_done, first.confirmed) == (True, 3, 0, 0)
    assert (other.under_way, other.chunks, other.confirmed) == (False, 0, 0)
    remember_chunk(registry, "1-A", "Image/x", "job", 2)
    assert list_staged(registry, ["1-A"])[0].confirmed == 20
    remember_chunk(registry, "1-A", "Image/x", "job", 3)
    assert list_staged(registry, ["1-A"])[0].confirmed == 25


def test_an_uploaded_file_counts_whole_and_a_failed_one_says_why(registry: Registry) -> None:
    mark_uploaded(registry, "1-B", {"Image/x": ("9-X", None)})
    mark_failed(registry, "1-B", {"Image/y": "no space"})
    first, second = list_staged(registry, ["1-B"])
    assert (first.status, first.confirmed) == ("uploaded", 25)
    assert (second.status, second.error, second.confirmed) == ("failed", "no space", 0)


def test_several_executions_come_at_once_and_none_asks_nothing(registry: Registry) -> None:
    assert [(one.execution_rid, one.key) for one in list_staged(registry, ["1-B", "1-A"])] == [
        ("1-A", "Image/x"),
        ("1-A", "Image/y"),
        ("1-B", "Image/x"),
        ("1-B", "Image/y"),
    ]
    assert list_staged(registry, []) == []
