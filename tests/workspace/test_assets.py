"""Staged files and features in the registry."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dml.errors import ConflictError, NotFoundError, UnsafePathError
from dml.workspace import assets, features
from dml.workspace.file_identity import FileIdentity
from dml.workspace.pending import Pending, pending_work
from dml.workspace.registry import Registry
from dml.workspace.staging import StagedAsset, stage_asset, stage_assets, unstage_asset

from .conftest import SetClock

_IDENTITY = FileIdentity(10, 1_000, 5)


def _staged(filename: str = "f", **changes: object) -> StagedAsset:
    values = {"source": "/data/f", "method": "symlink", "identity": _IDENTITY} | changes
    return StagedAsset("deriva-ml", "Execution_Asset", filename, ("Model_File",), {"Score": 1}, "text", **values)  # type: ignore[arg-type]


def test_a_staged_file_is_stored_as_deriva_ml_reads_it(registry: Registry) -> None:
    stage_asset(registry, "1A", _staged("w.bin"))
    with sqlite3.connect(registry.path) as connection:
        row = connection.execute("SELECT * FROM execution_state__assets").fetchone()
    connection.close()
    now = "2026-03-01T12:00:00.123456+00:00"
    expected = ("1A", "Execution_Asset/w.bin", "Execution_Asset", "deriva-ml", '["Model_File"]', '{"Score": 1}', "text")
    assert row == (*expected, "pending", None, None, None, now, now)


def test_a_second_source_for_a_name_is_refused_with_both_sources(registry: Registry) -> None:
    first = stage_asset(registry, "1A", _staged())
    with pytest.raises(ConflictError) as refused:
        stage_assets(registry, "1A", [_staged("other"), _staged(source="/else/f")])
    assert "/data/f" in refused.value.message
    assert "/else/f" in refused.value.message
    assert assets.list_assets(registry) == [first]
    with pytest.raises(ConflictError, match="/else/f"):
        stage_assets(registry, "1B", [_staged(), _staged(source="/else/f")])
    stage_asset(registry, "1B", _staged(source="/else/f"))


def test_staging_the_same_source_again_keeps_checksum_and_status(registry: Registry, clock: SetClock) -> None:
    first = stage_asset(registry, "1A", _staged())
    assets.record_hashes(registry, "1A", {first.key: (_IDENTITY, "ab" * 16)})
    clock.move(seconds=1)
    again = stage_asset(registry, "1A", _staged())
    assert (again.md5, again.created_at, again.status) == ("ab" * 16, first.created_at, "pending")
    changed = stage_asset(registry, "1A", _staged(identity=FileIdentity(11, 2_000, 5)))
    assert changed.md5 is None


def test_an_uploaded_file_stays_uploaded_until_it_changes(registry: Registry) -> None:
    row = stage_asset(registry, "1A", _staged())
    assets.record_lease(registry, "1A", {row.key: "9X"})
    assets.mark_uploaded(registry, "1A", {row.key: ("9Y", "/hatrac/T/x")})
    same = stage_asset(registry, "1A", _staged())
    assert (same.status, same.rid, same.url) == ("uploaded", "9Y", "/hatrac/T/x")
    changed = stage_asset(registry, "1A", _staged(identity=FileIdentity(11, 2_000, 5)))
    assert (changed.status, changed.rid, changed.url, changed.uploaded_at) == ("pending", None, None, None)


def test_a_lease_survives_a_failure_and_an_upload_is_final(registry: Registry) -> None:
    row = stage_asset(registry, "1A", _staged())
    assets.record_lease(registry, "1A", {row.key: "9X"})
    assets.mark_failed(registry, "1A", {row.key: "refused for Bearer abcdefghijkl"})
    failed = assets.find_asset(registry, "1A", row.key)
    assert failed is not None
    assert (failed.status, failed.rid, failed.error) == ("failed", "9X", "refused for Bearer [hidden]")
    assets.mark_uploaded(registry, "1A", {row.key: ("9X", None)})
    assets.mark_failed(registry, "1A", {row.key: "late"})
    assets.record_lease(registry, "1A", {row.key: "9Z"})
    done = assets.find_asset(registry, "1A", row.key)
    assert done is not None
    assert (done.status, done.rid, done.error) == ("uploaded", "9X", None)


def test_a_file_that_deriva_ml_staged_can_be_staged_again(registry: Registry) -> None:
    row = stage_asset(registry, "1A", _staged(source=None, method=None, identity=None))
    again = stage_asset(registry, "1A", _staged())
    assert (row.key, again.source) == (again.key, "/data/f")


def test_only_a_file_that_is_not_uploaded_can_be_unstaged(registry: Registry) -> None:
    row = stage_asset(registry, "1A", _staged())
    assert unstage_asset(registry, "1A", row.key) == row
    with pytest.raises(NotFoundError, match="Execution_Asset/f"):
        unstage_asset(registry, "1A", row.key)
    stage_asset(registry, "1A", _staged())
    assets.mark_uploaded(registry, "1A", {row.key: ("9Y", None)})
    with pytest.raises(ConflictError, match="9Y"):
        unstage_asset(registry, "1A", row.key)


def test_the_description_of_a_staged_file_can_be_changed(registry: Registry) -> None:
    row = stage_asset(registry, "1A", _staged())
    changed = assets.update_asset(registry, "1A", row.key, asset_types=["A", "B"], metadata={"Score": 2})
    assert (changed.asset_types, changed.metadata, changed.description) == (("A", "B"), {"Score": 2}, "text")
    with pytest.raises(NotFoundError):
        assets.update_asset(registry, "1A", "T/none", description="x")


@given(st.text(max_size=8), st.text(max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_an_unsafe_file_name_is_never_recorded(registry: Registry, table: str, filename: str) -> None:
    try:
        row = stage_asset(registry, "1A", StagedAsset("s", table, filename))
    except UnsafePathError:
        return
    assert row.key == f"{table}/{filename}"
    assert row.key.count("/") == 1
    assert row.filename == filename


def test_pending_work_counts_files_bytes_and_rows(registry: Registry) -> None:
    stage_assets(registry, "1A", [_staged(f"f{n}", identity=FileIdentity(n, 1, n)) for n in range(1, 4)])
    stage_asset(registry, "1A", _staged("unsized", identity=None))
    assets.mark_uploaded(registry, "1A", {"Execution_Asset/f1": ("9Y", None)})
    assets.mark_failed(registry, "1A", {"Execution_Asset/f2": "no"})
    ids = features.stage_features(
        registry, "1B", feature_table="s.F", feature_name="F", target_table="T", records=[{"a": 1}, {"a": 2}, {"a": 1}]
    )
    features.mark_features_uploaded(registry, ids[:1])
    assert pending_work(registry) == {
        "1A": Pending(files=3, bytes=5, unsized=1),
        "1B": Pending(features=1),
    }
    assert list(pending_work(registry, ["1B", "1C"])) == ["1B"]
    assert not Pending()


def test_ten_thousand_files_are_listed_by_one_statement_and_do_not_slow_staging(registry: Registry) -> None:
    stage_assets(registry, "1A", [_staged(f"f{n}", source=f"/data/f{n}") for n in range(10_000)])
    statements: list[str] = []
    with registry.transaction() as connection:
        connection.set_trace_callback(statements.append)
    assert len(assets.list_assets(registry, "1A", statuses=["pending"])) == 10_000
    assert pending_work(registry)["1A"].files == 10_000
    selects = [text for text in statements if text.startswith("SELECT")]
    statements.clear()
    stage_asset(registry, "1A", _staged("one-more"))
    changes = len(statements)
    with registry.transaction() as connection:
        connection.set_trace_callback(None)
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM execution_state__assets WHERE execution_rid = '1A' AND status = 'pending'"
        ).fetchall()
    assert len(selects) == 2
    assert changes < 10
    assert "ix_assets_exec_status" in plan[0]["detail"]


def test_features_are_staged_once_and_stay_pending_after_a_failure(registry: Registry) -> None:
    kind = {"feature_table": "s.F", "feature_name": "F", "target_table": "T"}
    first = features.stage_features(registry, "1A", **kind, records=[{"b": 1, "a": "x"}])
    again = features.stage_features(registry, "1A", **kind, records=[{"a": "x", "b": 1}, {"a": "y", "b": 1}])
    assert again[0] == first[0]
    features.mark_features_failed(registry, {again[1]: "no"})
    rows = features.list_features(registry, "1A", statuses=["pending", "failed"])
    assert [(row.stage_id, row.status, dict(row.record)) for row in rows] == [
        (again[0], "pending", {"a": "x", "b": 1}),
        (again[1], "failed", {"a": "y", "b": 1}),
    ]
    features.mark_features_uploaded(registry, again[:1])
    assert features.unstage_features(registry, "1A") == 1
    assert [row.status for row in features.list_features(registry)] == ["uploaded"]
