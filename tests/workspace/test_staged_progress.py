"""The upload progress of staged files: confirmed and sent bytes, of several executions at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.target import Target
from dml.workspace.assets import mark_failed, mark_uploaded
from dml.workspace.executions import insert_execution
from dml.workspace.file_identity import FileIdentity
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.staged_progress import list_staged_progress
from dml.workspace.staging import StagedAsset, stage_assets
from dml.workspace.uploads import begin_upload, list_uploads, record_bytes_sent, record_chunk
from dml.workspace.waits import clear_wait, list_waits, record_wait


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry.writing(Workspace(tmp_path / "workspace", Target("local", "1")))
    for rid in ("1-A", "1-B"):
        insert_execution(registry, rid, config_json="{}")
        staged = [
            StagedAsset("deriva-ml", "Image", name, source=f"/tmp/{name}", identity=FileIdentity(25, 1, 1))
            for name in ("x", "y")
        ]
        stage_assets(registry, rid, staged)
    return registry


def test_confirmed_bytes_are_those_of_the_confirmed_chunks(registry: Registry) -> None:
    begin_upload(registry, "1-A", "Image/x", url="/hatrac/x", md5="00", size=25, chunk_size=10)
    (first, other) = list_staged_progress(registry, ["1-A"])
    assert (first.is_uploading, first.chunks, first.chunks_done, first.confirmed) == (True, 3, 0, 0)
    assert (other.is_uploading, other.chunks, other.confirmed) == (False, 0, 0)
    record_chunk(registry, "1-A", "Image/x", "job", 2)
    assert list_staged_progress(registry, ["1-A"])[0].confirmed == 20
    record_chunk(registry, "1-A", "Image/x", "job", 3)
    assert list_staged_progress(registry, ["1-A"])[0].confirmed == 25


def test_all_bytes_of_an_uploaded_file_are_confirmed_and_a_failed_one_has_its_error(registry: Registry) -> None:
    mark_uploaded(registry, "1-B", {"Image/x": ("9-X", None)})
    mark_failed(registry, "1-B", {"Image/y": "no space"})
    first, second = list_staged_progress(registry, ["1-B"])
    assert (first.status, first.confirmed) == ("uploaded", 25)
    assert (second.status, second.error, second.confirmed) == ("failed", "no space", 0)


def test_the_files_of_several_executions_are_read_at_once(registry: Registry) -> None:
    assert [(file.execution_rid, file.key) for file in list_staged_progress(registry, ["1-B", "1-A"])] == [
        ("1-A", "Image/x"),
        ("1-A", "Image/y"),
        ("1-B", "Image/x"),
        ("1-B", "Image/y"),
    ]
    assert list_staged_progress(registry, []) == []


def test_sent_bytes_are_recorded_within_a_chunk_and_reset_when_the_upload_is_resumed(registry: Registry) -> None:
    begin = {"url": "/hatrac/x", "md5": "00", "size": 25, "chunk_size": 10}
    begin_upload(registry, "1-A", "Image/x", **begin)
    record_chunk(registry, "1-A", "Image/x", "job", 1)
    record_bytes_sent(registry, "1-A", {"Image/x": 17, "Image/y": 25})
    (first, other) = list_staged_progress(registry, ["1-A"])
    assert (first.sent, first.confirmed, first.is_sent) == (17, 10, False)
    assert (other.sent, other.is_sent) == (0, False)
    begin_upload(registry, "1-A", "Image/x", **begin)
    assert list_staged_progress(registry, ["1-A"])[0].sent == 10
    record_bytes_sent(registry, "1-A", {"Image/x": 25})
    first = list_staged_progress(registry, ["1-A"])[0]
    assert (first.sent, first.confirmed, first.is_sent) == (25, 10, True)


def test_a_registry_without_the_newest_tables_is_read_unchanged_and_upgraded_with_a_backup(
    registry: Registry,
) -> None:
    begin_upload(registry, "1-A", "Image/x", url="/hatrac/x", md5="00", size=25, chunk_size=10)
    record_chunk(registry, "1-A", "Image/x", "job", 2)
    with registry.transaction() as connection:
        connection.execute("ALTER TABLE dml_uploads DROP COLUMN bytes_done")
        connection.execute("DROP TABLE dml_waits")
    registry.close()
    before = registry.path.read_bytes()
    with Registry.reading(registry.workspace) as reader:
        assert list_staged_progress(reader, ["1-A"])[0].sent == 20
        assert list_uploads(reader)[0].bytes_done == 0
        assert list_waits(reader) == {}
    assert registry.path.read_bytes() == before
    with Registry.writing(registry.workspace) as upgraded:
        record_bytes_sent(upgraded, "1-A", {"Image/x": 23})
        assert list_staged_progress(upgraded, ["1-A"])[0].sent == 23
    assert len(list(registry.path.parent.glob("*.backup"))) == 1


def test_the_waits_of_a_commit_are_recorded_without_secrets_and_cleared(registry: Registry) -> None:
    record_wait(registry, "1-A", 2, "host answered 503 (token=abcdefghijklmnop); trying again in 5 s")
    waiting = list_waits(registry)["1-A"]
    assert (waiting.repeats, "abcdefghijklmnop" in waiting.note) == (2, False)
    record_wait(registry, "1-A", 2, "")
    assert list_waits(registry)["1-A"].note == ""
    clear_wait(registry, "1-A")
    assert list_waits(registry) == {}
