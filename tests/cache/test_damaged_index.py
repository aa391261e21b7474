"""An index that is damaged or gone: pins stay, what is needed is not cleared, what is on disk is found again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from dml.cache.assets import asset_records, find_asset_row, warm_asset
from dml.cache.bags import WarmBag, warm_bag
from dml.cache.clear import Plan, Selection, plan_clearing
from dml.cache.index import Index, put_aside_if_damaged
from dml.cache.inventory import Kind, take_inventory
from dml.cache.kept_pins import kept_pins
from dml.cache.layout import Cache
from dml.cache.pins import pin, pins, unpin
from dml.cache.records import bag_records
from dml.cache.usage import usage_of
from dml.cache.verify import verify_item
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
        warm_asset(index, gallery.catalog, find_asset_row(gallery.catalog, gallery.images[0]))
        pin(index, gallery.dataset, "1.1.0")
        pin(index, gallery.images[0])
    return warm


def damage(cache: Cache, how: str) -> None:
    path = cache.index_path
    content = path.read_bytes()
    match how:
        case "garbage":
            path.write_bytes(b"not a database, but long enough to be looked at" * 200)
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "cut in the header":
            path.write_bytes(content[:60])
        case "overwritten inside":
            path.write_bytes(content[:4096] + b"\xa5" * 16384 + content[20480:])


@pytest.mark.parametrize("how", ["garbage", "truncated", "cut in the header", "overwritten inside"])
def test_the_index_is_made_anew_from_the_disk_and_pins_stay(
    gallery: Gallery, filled: WarmBag, cache: Cache, how: str
) -> None:
    damage(cache, how)
    with Index.reading(cache) as broken:
        with pytest.raises(IntegrityError, match="The cache index") as said:
            take_inventory(broken, usage_of(Workspace(cache.root.parent, cache.target), cache))
        assert "dml cache verify --repair" in said.value.hint
        aside = put_aside_if_damaged(broken)
        assert aside is not None
        assert aside.name.endswith(".damaged")
    with Index.writing(cache) as index:
        wanted = {(gallery.dataset, "1.1.0"), (gallery.images[0], "")}
        assert pins(index) == wanted
        for item in take_inventory(index, usage_of(Workspace(cache.root.parent, cache.target), cache)):
            if item.kind in (Kind.ORPHAN, Kind.ASSET):
                assert verify_item(index, item).is_right
        assert {(record.name, record.pinned) for record in bag_records(index)} == {(f"{gallery.dataset}@1.1.0", True)}
        assert {(record.rid, record.pinned) for record in asset_records(index)} == {(gallery.images[0], True)}
        gallery.catalog.traffic.reset()
        assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 0
        assert gallery.catalog.traffic.requests == 0


def test_an_empty_file_in_its_place_is_a_new_index_with_the_pins(
    gallery: Gallery, filled: WarmBag, cache: Cache
) -> None:
    cache.index_path.write_bytes(b"")
    with Index.writing(cache) as index:
        assert pins(index) == {(gallery.dataset, "1.1.0"), (gallery.images[0], "")}


def plan(cache: Cache, workspace: Workspace, selection: Selection) -> Plan:
    with Index.reading(cache) as index:
        usage = usage_of(workspace, cache, links=True)
        return plan_clearing(index, take_inventory(index, usage, workspace_root=workspace.root), selection)


def test_without_an_index_what_is_pinned_or_needed_is_not_cleared(
    gallery: Gallery, filled: WarmBag, cache: Cache, workspace: Workspace
) -> None:
    with Index.writing(cache) as index:
        plain = warm_bag(index, gallery.catalog, gallery.plain)
        unpin(index, gallery.images[0])
    with Registry.writing(workspace) as registry:
        insert_execution(registry, "4VP", status="Running", config_json="{}")
        declare_inputs(registry, "4VP", [InputRecord("dataset", gallery.plain, "1.0.0")])
    cache.index_path.unlink()
    for selection in (Selection(everything=True), Selection(debris=True), Selection(keep=0)):
        found = plan(cache, workspace, selection)
        assert {(one.item.key, one.reason) for one in found.kept if one.item.kind is Kind.ORPHAN} == {
            (filled.record.key, "pinned"),
            (plain.record.key, "needed by 4VP"),
        }
        assert {one.item.kind for one in found.removals} <= {Kind.ASSET}


def test_files_that_a_new_index_only_measured_are_read_before_they_serve(
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
        unpin(index, gallery.dataset, "1.1.0")
    cache.index_path.unlink()
    with Index.writing(cache) as index:
        assert pins(index) == {(gallery.images[0], "")}


def test_a_pin_that_cannot_be_kept_is_not_made(
    gallery: Gallery, filled: WarmBag, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.cache import kept_pins

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with Index.writing(cache) as index:
        with monkeypatch.context() as patch:
            patch.setattr(kept_pins, "write_atomically", full)
            with pytest.raises(DmlError, match=r"dml-pins\.json"):
                pin(index, gallery.plain, "1.0.0")
        assert (gallery.plain, "1.0.0") not in pins(index)
        assert pin(index, gallery.plain, "1.0.0")


def test_pins_of_an_index_without_the_file_are_written_when_it_is_opened(
    gallery: Gallery, filled: WarmBag, cache: Cache
) -> None:
    cache.pins_path.unlink()
    Index.writing(cache).close()
    kept = json.loads(cache.pins_path.read_text())["pins"]
    assert {(one["rid"], one["version"]) for one in kept} == {(gallery.dataset, "1.1.0"), (gallery.images[0], "")}


def test_a_damaged_file_of_pins_stops_nothing(filled: WarmBag, cache: Cache) -> None:
    for content in ("", "[", "[]", '{"pins": 7}', '{"pins": [7]}', '{"pins": [{"rid": "1-A"}]}'):
        cache.pins_path.write_text(content)
        with Index.writing(cache) as index:
            assert len(pins(index)) == 2, "the index has them"
        assert kept_pins(cache) == []
    cache.index_path.unlink()
    with Index.writing(cache) as index:
        assert pins(index) == set()


def test_an_index_of_an_earlier_state_is_brought_up_to_date(gallery: Gallery, filled: WarmBag, cache: Cache) -> None:
    with closing(sqlite3.connect(cache.index_path)) as connection:
        connection.execute("ALTER TABLE dml_files DROP COLUMN changed")
        connection.commit()
    with Index.reading(cache) as index:
        assert len(bag_records(index)) == 1
    with Index.writing(cache) as index:
        assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 0
