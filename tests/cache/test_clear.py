"""Clearing gives a reason for each entry, keeps what is needed or pinned, and leaves nothing half deleted."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dml.cache import clear as clear_module
from dml.cache.asset_records import asset_records
from dml.cache.bag_records import bag_records, find_bag
from dml.cache.clear import Cleared, clear
from dml.cache.clear_plan import ClearPlan, Decision, Selection, plan_clearing
from dml.cache.disk_usage import measure
from dml.cache.entries import EntryKind
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.link import link_file
from dml.cache.locks import entry_lock
from dml.cache.pins import add_pin, remove_pin
from dml.cache.session import CacheSession
from dml.cache.warm_asset import warm_asset
from dml.cache.warm_bag import warm_bag
from dml.errors import ConflictError, DmlError, RetryableError
from dml.workspace import connection, sqlite_errors
from dml.workspace.executions import insert_execution
from dml.workspace.inputs import InputRecord, declare_inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.status_change import compare_and_set_status

from .gallery import Gallery, contents

NOW = datetime(2030, 6, 1, tzinfo=UTC)


@pytest.fixture
def filled(gallery: Gallery, workspace: Workspace, cache: Cache) -> CacheSession:
    """Two versions that share four files, fetched a day apart, and an asset fetched the day after."""
    day = [NOW]
    index = Index.writing(cache, clock=lambda: day[0])
    warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    day[0] += timedelta(days=1)
    warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    day[0] += timedelta(days=1)
    warm_asset(index, gallery.catalog, gallery.images[0])
    return CacheSession(workspace, cache, index)


def plan(session: CacheSession, **selection: object) -> ClearPlan:
    return plan_clearing(session, Selection(**selection))  # type: ignore[arg-type]


def clear_selected(session: CacheSession, **selection: object) -> Cleared:
    return clear(session.cache, plan(session, **selection))


def names(decisions: tuple[Decision, ...]) -> list[str]:
    return [decision.entry.name for decision in decisions]


def reasons(decisions: tuple[Decision, ...]) -> list[tuple[str, str]]:
    return [(decision.entry.name, decision.reason) for decision in decisions]


def add_execution(workspace: Workspace, rid: str, status: str, *inputs: InputRecord) -> None:
    with Registry.writing(workspace) as registry:
        insert_execution(registry, rid, status=status, config_json="{}")
        declare_inputs(registry, rid, inputs)


def test_the_least_recently_used_go_first_and_shared_bytes_count_once(gallery: Gallery, filled: CacheSession) -> None:
    old, new = f"{gallery.dataset}@1.0.0", f"{gallery.dataset}@1.1.0"
    everything = plan(filled, everything=True)
    assert names(everything.removed) == [old, new, gallery.images[0]]
    first, second, third = everything.removed
    assert second.bytes - first.bytes > 5 * 2000 - 200, "the shared files are freed with their last holder"
    assert third.bytes == 2000
    rest = everything.bytes - first.bytes
    assert names(plan(filled, keep=rest).removed) == [old]
    assert names(plan(filled, keep=rest - 1).removed) == [old, new]
    assert plan(filled, keep=everything.bytes).removed == ()
    assert names(plan(filled, before=NOW + timedelta(hours=12)).removed) == [old]


def test_clearing_one_version_leaves_the_other_complete(gallery: Gallery, filled: CacheSession) -> None:
    done = clear_selected(filled, names=(f"{gallery.dataset}@1.0.0",))
    assert len(done.removed) == 1
    (record,) = bag_records(filled.index)
    assert record.version == "1.1.0"
    assert contents(record.path(filled.cache)) == gallery.content
    assert [path.name for path in filled.cache.bags_directory.iterdir()] == [record.key]
    gallery.catalog.traffic.reset()
    again = warm_bag(filled.index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    assert (again.metadata_fetched, again.fetched.files, again.fetched.reused) == (True, 0, 4)


def test_pinned_entries_are_kept(gallery: Gallery, filled: CacheSession) -> None:
    assert add_pin(filled.index, gallery.dataset, "1.0.0")
    assert not add_pin(filled.index, gallery.dataset, "1.0.0")
    assert add_pin(filled.index, gallery.images[0])
    planned = plan(filled, everything=True)
    assert names(planned.removed) == [f"{gallery.dataset}@1.1.0"]
    assert {decision.reason for decision in planned.kept} == {"pinned"}
    assert remove_pin(filled.index, gallery.dataset, "1.0.0")
    assert not remove_pin(filled.index, gallery.dataset, "1.0.0")


@pytest.mark.parametrize("status", ["Created", "Running", "Stopped", "Pending_Upload", "Initializing"])
def test_inputs_of_an_open_execution_are_kept(
    gallery: Gallery, filled: CacheSession, workspace: Workspace, status: str
) -> None:
    inputs = [InputRecord("dataset", gallery.dataset, "1.1.0"), InputRecord("asset", gallery.images[0])]
    add_execution(workspace, "4VP", status, *inputs)
    planned = plan(filled, everything=True)
    assert names(planned.removed) == [f"{gallery.dataset}@1.0.0"]
    assert [decision.reason for decision in planned.kept] == ["needed by 4VP", "needed by 4VP"]
    with Registry.writing(workspace) as registry:
        compare_and_set_status(registry, "4VP", status, "Uploaded")
    assert len(plan(filled, everything=True).removed) == 3


def test_configured_inputs_of_deriva_ml_executions_are_kept(
    gallery: Gallery, filled: CacheSession, workspace: Workspace
) -> None:
    version = '{"major": 1, "minor": 0, "patch": 0}'
    configuration = f'{{"datasets": [{{"rid": "{gallery.dataset}", "version": {version}}}], "assets": ["2-XYZ"]}}'
    with Registry.writing(workspace) as registry:
        insert_execution(registry, "4W8", status="Running", config_json=configuration)
        insert_execution(registry, "4W9", status="Running", config_json="not json")
    assert reasons(plan(filled, everything=True).kept) == [(f"{gallery.dataset}@1.0.0", "needed by 4W8")]


def test_assets_that_an_execution_links_to_are_kept(filled: CacheSession, workspace: Workspace) -> None:
    (record,) = asset_records(filled.index)
    link = workspace.downloaded_path("4VP", "Image", record.rid, record.filename)
    link.parent.mkdir(parents=True)
    link.symlink_to(record.path(filled.cache))
    assert reasons(plan(filled, everything=True).kept) == [(record.rid, "needed by 4VP")]


def test_a_run_keeps_its_files_when_the_cache_is_cleared(
    gallery: Gallery, filled: CacheSession, tmp_path: Path
) -> None:
    (record,) = asset_records(filled.index)
    copy = tmp_path / "copy.png"
    link_file(record.path(filled.cache), copy)
    clear_selected(filled, everything=True)
    assert copy.read_bytes() == gallery.content[gallery.images[0]]
    assert [entry for entry in filled.entries() if entry.kind is not EntryKind.OTHER] == []
    assert all(part.part.startswith(("index.sqlite", "dml-locks")) for part in measure(filled.cache).parts)


def test_entries_in_use_are_kept(gallery: Gallery, filled: CacheSession) -> None:
    record = find_bag(filled.index, gallery.dataset, "1.0.0")
    assert record is not None
    before = plan(filled, names=(record.name,))
    with entry_lock(filled.cache, record.key):
        assert reasons(plan(filled, names=(record.name,)).kept) == [(record.name, "in use")]
        late = clear(filled.cache, before)
    assert late.removed == ()
    assert "is locked by process" in late.kept[0].reason
    assert find_bag(filled.index, gallery.dataset, "1.0.0") == record


def test_an_unknown_name_is_refused(filled: CacheSession) -> None:
    with pytest.raises(ConflictError, match="9-XYZ is not in the cache"):
        plan(filled, names=("9-XYZ",))


def test_leftovers_are_described_and_removed(filled: CacheSession, workspace: Workspace) -> None:
    cache = filled.cache
    bags = cache.bags_directory
    leftovers = {
        bags / "0123456789abcdef_2-ABCD_staging": "interrupted extraction",
        bags / "dml-00_2-ABCD.0f0f.trash": "interrupted deletion",
        bags / "0123456789abcdef_2-EFGH": "interrupted export",
        bags / "fedcba9876543210_2-EFGH" / "Dataset_1-OLD": "bag of 1-OLD, not in the index",
        cache.root / "tmpab12": "interrupted export",
        cache.root / f"1-OLD_{'a' * 64}": "bag of 1-OLD in an older layout",
        workspace.root / f"1-OLDER_{'b' * 64}": "bag of 1-OLDER in an older layout",
    }
    for path in leftovers:
        path.mkdir(parents=True)
        (path / "file").write_bytes(b"12345")
    (cache.root / "notes.txt").write_text("the user's own")
    (bags / "link").symlink_to("/etc")
    planned = plan(filled, debris=True)
    assert sorted(decision.reason for decision in planned.removed) == sorted(leftovers.values())
    assert {decision.bytes for decision in planned.removed} == {5}
    assert len(clear(filled.cache, planned).removed) == len(leftovers)
    assert not any(path.exists() for path in leftovers)
    everything = plan(filled, everything=True, names=("notes.txt",))
    assert reasons(everything.kept) == [("notes.txt", "not created by dml or deriva-ml")]
    assert (bags / "link").is_symlink()


def test_a_symbolic_link_in_an_entry_is_removed_but_not_followed(filled: CacheSession, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (record, *_) = bag_records(filled.index)
    (filled.cache.entry_directory(record.key) / "planted").symlink_to(outside)
    clear_selected(filled, everything=True)
    assert (outside / "file").read_text() == "kept"
    assert not filled.cache.entry_directory(record.key).exists()


def test_an_interrupted_removal_leaves_nothing_half_deleted(
    gallery: Gallery, filled: CacheSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(clear_module, "forget_bag", killed)
        with pytest.raises(KeyboardInterrupt):
            clear_selected(filled, names=(f"{gallery.dataset}@1.0.0",))
    entries = {entry.name: entry for entry in filled.entries()}
    deleted = entries[f"{gallery.dataset}@1.0.0"]
    assert (deleted.tier, deleted.note) == ("not_cached", "directory missing")
    done = clear_selected(filled, debris=True)
    assert [decision.entry.kind for decision in done.removed] == [EntryKind.BAG]
    assert warm_bag(filled.index, gallery.catalog, f"{gallery.dataset}@1.0.0").metadata_fetched


def test_on_a_full_disk_bytes_are_deleted_before_the_index_is_written(
    filled: CacheSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = plan(filled, everything=True)
    cache, writing = filled.cache, Index.writing
    filled.index.close()
    first = cache.entry_directory(everything.removed[0].entry.key)
    attempts: list[bool] = []

    def write_when_there_is_space(*_: object) -> Index:
        attempts.append(first.exists())
        if first.exists():
            raise RetryableError("The disk is full")
        return writing(cache)

    monkeypatch.setattr(Index, "writing", write_when_there_is_space)
    done = clear(cache, everything)
    assert attempts == [True, False]
    assert (len(done.removed), done.kept) == (3, ())
    with writing(cache) as index:
        assert bag_records(index) == []
        assert asset_records(index) == []


def test_a_full_disk_is_not_mistaken_for_one_without_write_ahead_log(
    filled: CacheSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, original = filled.cache, connection._uri
    filled.index.close()
    # Without shared memory SQLite does not begin a log, as on a disk that cannot hold 32 KiB more.
    monkeypatch.setattr(connection, "_uri", lambda path: f"{original(path)}?vfs=unix-dotfile&ignored=")
    with pytest.raises(DmlError, match="does not support"):
        Index.writing(cache)
    monkeypatch.setattr(sqlite_errors, "_LOG_INDEX_BYTES", 1 << 62)
    with pytest.raises(RetryableError, match="disk is full") as raised:
        Index.writing(cache)
    assert "dml cache clear" in raised.value.hint


def test_listing_scans_no_directory_of_an_entry(
    filled: CacheSession, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[str] = []
    real = os.scandir

    def scandir(path: str) -> object:
        scanned.append(os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(filled.entries()) == 3
    cache = filled.cache
    directories = (cache.bags_directory, cache.assets_directory, cache.root, workspace.root)
    assert sorted(scanned) == sorted(map(str, directories))
