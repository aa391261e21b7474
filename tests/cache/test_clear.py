"""Clearing: a plan with reasons, nothing that is needed or pinned, nothing half gone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dml.cache import clear as clear_module
from dml.cache import records
from dml.cache.assets import asset_records, find_asset_row, warm_asset
from dml.cache.bags import warm_bag
from dml.cache.clear import Plan, Selection, clear, open_for_clearing, plan_clearing
from dml.cache.disk_usage import measure
from dml.cache.index import Index
from dml.cache.inventory import Kind, take_inventory
from dml.cache.layout import Cache
from dml.cache.link import link_file
from dml.cache.locks import entry_lock
from dml.cache.pins import pin, unpin
from dml.cache.usage import usage_of
from dml.errors import ConflictError, DmlError, RetryableError
from dml.workspace import connection
from dml.workspace.executions import compare_and_set_status, insert_execution
from dml.workspace.inputs import InputRecord, declare_inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry

from .gallery import Gallery, contents

NOW = datetime(2030, 6, 1, tzinfo=UTC)


@pytest.fixture
def filled(gallery: Gallery, cache: Cache) -> Index:
    """Two versions that share four files, fetched a day apart, and an asset of the day after."""
    day = [NOW]
    index = Index.writing(cache, clock=lambda: day[0])
    warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    day[0] += timedelta(days=1)
    warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    day[0] += timedelta(days=1)
    warm_asset(index, gallery.catalog, find_asset_row(gallery.catalog, gallery.images[0]))
    return index


def plan(index: Index, workspace: Workspace, selection: Selection) -> Plan:
    usage = usage_of(workspace, index.cache, links=True)
    return plan_clearing(index, take_inventory(index, usage, workspace_root=workspace.root), selection)


def names(removals: tuple[clear_module.Removal, ...]) -> list[str]:
    return [one.item.name for one in removals]


def execution(workspace: Workspace, rid: str, status: str, *inputs: InputRecord) -> None:
    with Registry.writing(workspace) as registry:
        insert_execution(registry, rid, status=status, config_json="{}")
        declare_inputs(registry, rid, inputs)


def test_the_least_recently_used_go_first_and_shared_bytes_count_once(
    gallery: Gallery, filled: Index, workspace: Workspace
) -> None:
    old, new = f"{gallery.dataset}@1.0.0", f"{gallery.dataset}@1.1.0"
    everything = plan(filled, workspace, Selection(everything=True))
    assert names(everything.removals) == [old, new, gallery.images[0]]
    first, second, third = everything.removals
    assert second.bytes - first.bytes > 5 * 2000 - 200, "the last holder of the shared files gives them back"
    assert third.bytes == 2000
    kept = everything.bytes - first.bytes
    assert names(plan(filled, workspace, Selection(keep=kept)).removals) == [old]
    assert names(plan(filled, workspace, Selection(keep=kept - 1)).removals) == [old, new]
    assert plan(filled, workspace, Selection(keep=everything.bytes)).removals == ()
    before = plan(filled, workspace, Selection(before=NOW + timedelta(hours=12)))
    assert names(before.removals) == [old]


def test_clearing_one_version_leaves_the_other_whole(gallery: Gallery, filled: Index, workspace: Workspace) -> None:
    done = clear(filled, plan(filled, workspace, Selection(names=(f"{gallery.dataset}@1.0.0",))))
    assert len(done.removed) == 1
    (record,) = records.bag_records(filled)
    assert record.version == "1.1.0"
    bag = filled.cache.bag_directory(record.key, gallery.dataset)
    assert contents(bag) == gallery.content
    assert [path.name for path in filled.cache.bags_directory.iterdir()] == [record.key]
    gallery.catalog.traffic.reset()
    again = warm_bag(filled, gallery.catalog, f"{gallery.dataset}@1.0.0")
    assert (again.made, again.fetched.files, again.fetched.shared) == (True, 0, 4)


def test_what_is_pinned_stays(gallery: Gallery, filled: Index, workspace: Workspace) -> None:
    assert pin(filled, gallery.dataset, "1.0.0")
    assert not pin(filled, gallery.dataset, "1.0.0")
    assert pin(filled, gallery.images[0])
    found = plan(filled, workspace, Selection(everything=True))
    assert names(found.removals) == [f"{gallery.dataset}@1.1.0"]
    assert {one.reason for one in found.kept} == {"pinned"}
    assert unpin(filled, gallery.dataset, "1.0.0")
    assert not unpin(filled, gallery.dataset, "1.0.0")


@pytest.mark.parametrize("status", ["Created", "Running", "Stopped", "Pending_Upload", "Initializing"])
def test_what_an_open_execution_needs_stays(gallery: Gallery, filled: Index, workspace: Workspace, status: str) -> None:
    inputs = [InputRecord("dataset", gallery.dataset, "1.1.0"), InputRecord("asset", gallery.images[0])]
    execution(workspace, "4VP", status, *inputs)
    found = plan(filled, workspace, Selection(everything=True))
    assert names(found.removals) == [f"{gallery.dataset}@1.0.0"]
    assert [one.reason for one in found.kept] == ["needed by 4VP", "needed by 4VP"]
    with Registry.writing(workspace) as registry:
        compare_and_set_status(registry, "4VP", status, "Uploaded")
    assert len(plan(filled, workspace, Selection(everything=True)).removals) == 3


def test_executions_of_the_other_program_count_by_their_configuration(
    gallery: Gallery, filled: Index, workspace: Workspace
) -> None:
    version = '{"major": 1, "minor": 0, "patch": 0}'
    configuration = f'{{"datasets": [{{"rid": "{gallery.dataset}", "version": {version}}}], "assets": ["2-XYZ"]}}'
    with Registry.writing(workspace) as registry:
        insert_execution(registry, "4W8", status="Running", config_json=configuration)
        insert_execution(registry, "4W9", status="Running", config_json="not json")
    found = plan(filled, workspace, Selection(everything=True))
    assert [(one.item.name, one.reason) for one in found.kept] == [(f"{gallery.dataset}@1.0.0", "needed by 4W8")]


def test_assets_that_a_run_links_to_stay(gallery: Gallery, filled: Index, workspace: Workspace) -> None:
    (record,) = asset_records(filled)
    link = workspace.downloaded_path("4VP", "Image", record.rid, record.filename)
    link.parent.mkdir(parents=True)
    link.symlink_to(filled.cache.asset_directory(record.name) / record.filename)
    found = plan(filled, workspace, Selection(everything=True))
    assert [(one.item.name, one.reason) for one in found.kept] == [(record.rid, "needed by 4VP")]


def test_a_run_keeps_what_it_was_given_when_the_cache_is_cleared(
    gallery: Gallery, filled: Index, workspace: Workspace, tmp_path: Path
) -> None:
    (record,) = asset_records(filled)
    mine = tmp_path / "mine.png"
    link_file(filled.cache.asset_directory(record.name) / record.filename, mine)
    clear(filled, plan(filled, workspace, Selection(everything=True)))
    assert mine.read_bytes() == gallery.content[gallery.images[0]]
    assert [
        item for item in take_inventory(filled, usage_of(workspace, filled.cache)) if item.kind is not Kind.OTHER
    ] == []
    assert all(share.name.startswith(("index.sqlite", "dml-locks")) for share in measure(filled.cache))


def test_what_is_being_worked_on_stays(gallery: Gallery, filled: Index, workspace: Workspace) -> None:
    record = records.find_bag(filled, gallery.dataset, "1.0.0")
    assert record is not None
    selection = Selection(names=(record.name,))
    before = plan(filled, workspace, selection)
    with entry_lock(filled.cache, record.key):
        assert [one.reason for one in plan(filled, workspace, selection).kept] == ["being worked on"]
        late = clear(filled, before)
    assert late.removed == ()
    assert "in the cache is locked by process" in late.kept[0].reason
    assert records.find_bag(filled, gallery.dataset, "1.0.0") == record


def test_a_name_that_is_not_here_is_refused(filled: Index, workspace: Workspace) -> None:
    with pytest.raises(ConflictError, match="9-XYZ is not in the cache"):
        plan(filled, workspace, Selection(names=("9-XYZ",)))


def test_debris_orphans_and_old_layouts_are_named_and_go(filled: Index, workspace: Workspace) -> None:
    cache = filled.cache
    bags = cache.bags_directory
    left = {
        bags / "0123456789abcdef_2-ABCD_staging": "an interrupted extraction",
        bags / "dml-00_2-ABCD.0f0f.trash": "an interrupted deletion",
        bags / "0123456789abcdef_2-EFGH": "an interrupted export",
        bags / "fedcba9876543210_2-EFGH" / "Dataset_1-OLD": "a bag of 1-OLD that the index does not know",
        cache.root / "tmpab12": "an interrupted export",
        cache.root / f"1-OLD_{'a' * 64}": "a bag of 1-OLD in the layout of an older release",
        workspace.root / f"1-OLDER_{'b' * 64}": "a bag of 1-OLDER in the layout of an older release",
    }
    for path in left:
        path.mkdir(parents=True)
        (path / "file").write_bytes(b"12345")
    (cache.root / "notes.txt").write_text("the user's own")
    (bags / "link").symlink_to("/etc")
    found = plan(filled, workspace, Selection(debris=True))
    assert sorted(one.reason for one in found.removals) == sorted(left.values())
    assert {one.bytes for one in found.removals} == {5}
    done = clear(filled, found)
    assert len(done.removed) == len(left)
    assert not any(path.exists() for path in left)
    everything = plan(filled, workspace, Selection(everything=True, names=("notes.txt",)))
    assert [(one.item.name, one.reason) for one in everything.kept] == [
        ("notes.txt", "neither dml nor deriva-ml put it there")
    ]
    assert (bags / "link").is_symlink()


def test_a_symbolic_link_in_an_entry_is_removed_not_followed(
    filled: Index, workspace: Workspace, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    (record, *_) = records.bag_records(filled)
    (filled.cache.entry_directory(record.key) / "planted").symlink_to(outside)
    clear(filled, plan(filled, workspace, Selection(everything=True)))
    assert (outside / "mine").read_text() == "mine"
    assert not filled.cache.entry_directory(record.key).exists()


def test_an_interrupted_removal_leaves_no_half_entry(
    gallery: Gallery, filled: Index, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = Selection(names=(f"{gallery.dataset}@1.0.0",))
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(clear_module.records, "forget_bag", killed)
        with pytest.raises(KeyboardInterrupt):
            clear(filled, plan(filled, workspace, selection))
    items = {item.name: item for item in take_inventory(filled, usage_of(workspace, filled.cache))}
    gone = items[f"{gallery.dataset}@1.0.0"]
    assert (gone.tier, gone.remark) == ("not_cached", "its directory is gone")
    done = clear(filled, plan(filled, workspace, Selection(debris=True)))
    assert [one.item.kind for one in done.removed] == [Kind.BAG]
    assert warm_bag(filled, gallery.catalog, f"{gallery.dataset}@1.0.0").made


def test_a_full_disk_is_made_room_on(
    gallery: Gallery, filled: Index, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = plan(filled, workspace, Selection(everything=True))
    cache, writing = filled.cache, Index.writing
    filled.close()
    first = cache.entry_directory(everything.removals[0].item.key)

    def full(*arguments: object) -> Index:
        if first.exists():
            raise RetryableError("The disk is full")
        return writing(cache)

    monkeypatch.setattr(Index, "writing", full)
    with open_for_clearing(cache, everything) as index:
        assert not first.exists()
        assert len(records.bag_records(index)) == 2, "what the index says of it goes next"
        done = clear(index, everything)
        assert (len(done.removed), done.kept) == (3, ())
        assert records.bag_records(index) == []
        assert asset_records(index) == []


def test_a_full_disk_is_not_taken_for_one_without_a_log(
    filled: Index, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, original = filled.cache, connection._uri
    filled.close()
    # Without shared memory SQLite does not begin a log, as on a disk that cannot hold 32 KiB more.
    monkeypatch.setattr(connection, "_uri", lambda path: f"{original(path)}?vfs=unix-dotfile&ignored=")
    with pytest.raises(DmlError, match="does not carry"):
        Index.writing(cache)
    monkeypatch.setattr(connection, "_LOG_INDEX", 1 << 62)
    with pytest.raises(RetryableError, match="disk is full") as said:
        Index.writing(cache)
    assert "dml cache clear" in said.value.hint


def test_a_listing_walks_no_files(
    gallery: Gallery, filled: Index, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = os.scandir

    def scandir(path: str) -> object:
        asked.append(os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    usage = usage_of(workspace, filled.cache)
    assert len(take_inventory(filled, usage, workspace_root=workspace.root)) == 3
    cache = filled.cache
    assert sorted(asked) == sorted(map(str, (cache.bags_directory, cache.assets_directory, cache.root, workspace.root)))
