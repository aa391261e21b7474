"""A damaged or deleted index is rebuilt from the disk; pins survive, and what is needed is not cleared."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from dml.cache.asset_records import asset_records
from dml.cache.bag_records import bag_records
from dml.cache.clear_plan import ClearPlan, Selection, plan_clearing
from dml.cache.entries import EntryKind
from dml.cache.index import Index, set_aside_if_damaged
from dml.cache.inventory import list_entries
from dml.cache.layout import Cache
from dml.cache.pins import add_pin, list_pins, read_pins_file, remove_pin
from dml.cache.session import CacheSession
from dml.cache.usage import read_usage
from dml.cache.verify import verify_entry
from dml.cache.warm_asset import warm_asset
from dml.cache.warm_bag import WarmBag, warm_bag
from dml.errors import DmlError, IntegrityError
from dml.workspace.executions import insert_execution
from dml.workspace.inputs import InputRecord, declare_inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry

from .gallery import Gallery, contents, objects_fetched


@pytest.fixture
def filled(gallery: Gallery, cache: Cache) -> WarmBag:
    """A pinned version and a pinned asset; the index is closed."""
    with Index.writing(cache) as index:
        warm = warm_bag(index, gallery.catalog, gallery.dataset)
        warm_asset(index, gallery.catalog, gallery.images[0])
        add_pin(index, gallery.dataset, "1.1.0")
        add_pin(index, gallery.images[0])
    return warm


def damage(cache: Cache, damage_kind: str) -> None:
    path = cache.index_path
    content = path.read_bytes()
    match damage_kind:
        case "garbage":
            path.write_bytes(b"not a database, but long enough to be looked at" * 200)
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "cut in the header":
            path.write_bytes(content[:60])
        case "overwritten inside":
            path.write_bytes(content[:4096] + b"\xa5" * 16384 + content[20480:])


@pytest.mark.parametrize("how", ["garbage", "truncated", "cut in the header", "overwritten inside"])
def test_the_index_is_rebuilt_from_the_disk_and_keeps_its_pins(
    gallery: Gallery, filled: WarmBag, cache: Cache, how: str
) -> None:
    damage(cache, how)
    with Index.reading(cache) as broken:
        with pytest.raises(IntegrityError, match="the cache index") as raised:
            list_entries(broken, read_usage(Workspace(cache.root.parent, cache.target), cache))
        assert "dml cache verify --repair" in raised.value.hint
        aside = set_aside_if_damaged(broken)
        assert aside is not None
        assert aside.name.endswith(".damaged")
    with Index.writing(cache) as index:
        assert list_pins(index) == {(gallery.dataset, "1.1.0"), (gallery.images[0], "")}
        for entry in list_entries(index, read_usage(Workspace(cache.root.parent, cache.target), cache)):
            if entry.kind in (EntryKind.ORPHAN, EntryKind.ASSET):
                assert verify_entry(index, entry).is_intact
        assert {(record.name, record.pinned) for record in bag_records(index)} == {(f"{gallery.dataset}@1.1.0", True)}
        assert {(record.rid, record.pinned) for record in asset_records(index)} == {(gallery.images[0], True)}
        gallery.catalog.traffic.reset()
        assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 0
        assert gallery.catalog.traffic.requests == 0


def test_an_empty_file_becomes_a_new_index_with_the_pins(gallery: Gallery, filled: WarmBag, cache: Cache) -> None:
    cache.index_path.write_bytes(b"")
    with Index.writing(cache) as index:
        assert list_pins(index) == {(gallery.dataset, "1.1.0"), (gallery.images[0], "")}


def plan(cache: Cache, workspace: Workspace, selection: Selection) -> ClearPlan:
    with Index.reading(cache) as index:
        return plan_clearing(CacheSession(workspace, cache, index), selection)


def test_without_an_index_pinned_and_needed_entries_are_kept(
    gallery: Gallery, filled: WarmBag, cache: Cache, workspace: Workspace
) -> None:
    with Index.writing(cache) as index:
        plain = warm_bag(index, gallery.catalog, gallery.plain)
        remove_pin(index, gallery.images[0])
    with Registry.writing(workspace) as registry:
        insert_execution(registry, "4VP", status="Running", config_json="{}")
        declare_inputs(registry, "4VP", [InputRecord("dataset", gallery.plain, "1.0.0")])
    cache.index_path.unlink()
    for selection in (Selection(everything=True), Selection(debris=True), Selection(keep=0)):
        planned = plan(cache, workspace, selection)
        assert {(kept.entry.key, kept.reason) for kept in planned.kept if kept.entry.kind is EntryKind.ORPHAN} == {
            (filled.record.key, "pinned"),
            (plain.record.key, "needed by 4VP"),
        }
        assert {removed.entry.kind for removed in planned.removed} <= {EntryKind.ASSET}


def test_files_that_a_new_index_only_measured_are_verified_before_use(
    gallery: Gallery, filled: WarmBag, cache: Cache
) -> None:
    file = next((filled.path / "data" / "asset").rglob("*.png"))
    file.chmod(0o644)
    file.write_bytes(b"X" * 2000)
    cache.index_path.unlink()
    with Index.writing(cache) as index:
        gallery.catalog.traffic.reset()
        assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 1
        assert len(objects_fetched(gallery.catalog)) == 1
    assert contents(filled.path) == gallery.content


def test_an_unpinned_version_does_not_come_back(gallery: Gallery, filled: WarmBag, cache: Cache) -> None:
    with Index.writing(cache) as index:
        remove_pin(index, gallery.dataset, "1.1.0")
    cache.index_path.unlink()
    with Index.writing(cache) as index:
        assert list_pins(index) == {(gallery.images[0], "")}


def test_a_pin_that_cannot_be_written_to_the_file_is_rolled_back(
    gallery: Gallery, filled: WarmBag, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.cache import pins

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with Index.writing(cache) as index:
        with monkeypatch.context() as patch:
            patch.setattr(pins, "write_atomically", full)
            with pytest.raises(DmlError, match=r"dml-pins\.json"):
                add_pin(index, gallery.plain, "1.0.0")
        assert (gallery.plain, "1.0.0") not in list_pins(index)
        assert add_pin(index, gallery.plain, "1.0.0")


def test_a_missing_pins_file_is_written_when_the_index_is_opened(
    gallery: Gallery, filled: WarmBag, cache: Cache
) -> None:
    cache.pins_path.unlink()
    Index.writing(cache).close()
    rows = json.loads(cache.pins_path.read_text())["pins"]
    assert {(row["rid"], row["version"]) for row in rows} == {(gallery.dataset, "1.1.0"), (gallery.images[0], "")}


def test_a_damaged_pins_file_is_ignored(filled: WarmBag, cache: Cache) -> None:
    for content in ("", "[", "[]", '{"pins": 7}', '{"pins": [7]}', '{"pins": [{"rid": "1-A"}]}'):
        cache.pins_path.write_text(content)
        with Index.writing(cache) as index:
            assert len(list_pins(index)) == 2, "the index has them"
        assert read_pins_file(cache) == []
    cache.index_path.unlink()
    with Index.writing(cache) as index:
        assert list_pins(index) == set()


def test_a_missing_column_is_added(gallery: Gallery, filled: WarmBag, cache: Cache) -> None:
    with closing(sqlite3.connect(cache.index_path)) as connection:
        connection.execute("ALTER TABLE dml_files DROP COLUMN changed")
        connection.commit()
    with Index.reading(cache) as index:
        assert len(bag_records(index)) == 1
    with Index.writing(cache) as index:
        assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 0
