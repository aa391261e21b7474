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
from dml.workspace.uploads import begin_upload, list_uploads, remember_chunk, tell_bytes
from dml.workspace.waits import forget_waits, list_waits, tell_wait


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


def test_sent_bytes_are_told_within_a_piece_and_forgotten_when_it_is_begun_again(registry: Registry) -> None:
    begin = {"url": "/hatrac/x", "md5": "00", "size": 25, "chunk_size": 10}
    begin_upload(registry, "1-A", "Image/x", **begin)
    remember_chunk(registry, "1-A", "Image/x", "job", 1)
    tell_bytes(registry, "1-A", {"Image/x": 17, "Image/y": 25})
    (first, other) = list_staged(registry, ["1-A"])
    assert (first.sent, first.confirmed, first.is_sent) == (17, 10, False)
    assert (other.sent, other.is_sent) == (0, False)
    begin_upload(registry, "1-A", "Image/x", **begin)
    assert list_staged(registry, ["1-A"])[0].sent == 10
    tell_bytes(registry, "1-A", {"Image/x": 25})
    first = list_staged(registry, ["1-A"])[0]
    assert (first.sent, first.confirmed, first.is_sent) == (25, 10, True)


def test_a_registry_without_the_told_bytes_is_read_as_it_is_and_brought_forward_with_a_backup(
    registry: Registry,
) -> None:
    begin_upload(registry, "1-A", "Image/x", url="/hatrac/x", md5="00", size=25, chunk_size=10)
    remember_chunk(registry, "1-A", "Image/x", "job", 2)
    with registry.transaction() as connection:
        connection.execute("ALTER TABLE dml_uploads DROP COLUMN bytes_done")
        connection.execute("DROP TABLE dml_waits")
    registry.close()
    before = registry.path.read_bytes()
    with Registry.reading(registry.workspace) as looking:
        assert list_staged(looking, ["1-A"])[0].sent == 20
        assert list_uploads(looking)[0].bytes_done == 0
        assert list_waits(looking) == {}
    assert registry.path.read_bytes() == before
    with Registry.writing(registry.workspace) as forward:
        tell_bytes(forward, "1-A", {"Image/x": 23})
        assert list_staged(forward, ["1-A"])[0].sent == 23
    assert len(list(registry.path.parent.glob("*.backup"))) == 1


def test_what_a_commit_waits_for_is_told_without_secrets_and_forgotten(registry: Registry) -> None:
    tell_wait(registry, "1-A", 2, "host answered 503 (token=abcdefghijklmnop); trying again in 5 s")
    waiting = list_waits(registry)["1-A"]
    assert (waiting.repeats, "abcdefghijklmnop" in waiting.note) == (2, False)
    tell_wait(registry, "1-A", 2, "")
    assert list_waits(registry)["1-A"].note == ""
    forget_waits(registry, "1-A")
    assert list_waits(registry) == {}
