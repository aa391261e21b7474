"""Warming dataset versions: what comes, what is found again, at what cost, and what an interruption leaves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from bdbag import bdbag_api

from dml.cache import records
from dml.cache.bags import place_bag, warm_bag
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.tiers import Tier
from dml.catalog.connection import Catalog
from dml.catalog.rows import update
from dml.dataset.bag import DatasetBag
from dml.dataset.members import add_members
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError, DmlError, NotFoundError, RetryableError

from .gallery import Gallery, contents, objects_fetched


def test_a_version_comes_whole_and_read_only(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    assert done.made
    assert (done.fetched.files, done.fetched.bytes) == (4, 8000)
    assert done.record.tier is Tier.MATERIALIZED
    assert contents(done.path) == {rid: gallery.content[rid] for rid in gallery.images[:-1]}
    bdbag_api.validate_bag(str(done.path), fast=False)
    assert done.path == index.cache.root / "bags" / done.record.key / f"Dataset_{gallery.dataset}"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in done.path.rglob("*") if path.is_file()}
    assert modes == {0o444}
    assert sorted(path.name for path in done.path.parent.iterdir()) == [done.path.name]
    assert str(DatasetBag(done.path).version) == "1.0.0"


def test_a_hit_costs_nothing_and_an_open_version_one_request(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    warm_bag(index, catalog, gallery.dataset)
    catalog.traffic.reset()
    again = warm_bag(index, catalog, f"{gallery.dataset}@1.1.0")
    assert (again.made, again.fetched.files, catalog.traffic.requests) == (False, 0, 0)
    assert str(DatasetBag(again.path).version) == "1.1.0"
    assert not warm_bag(index, catalog, f"{gallery.dataset}@1.1").made
    assert catalog.traffic.requests == 0
    assert not warm_bag(index, catalog, gallery.dataset).made
    assert catalog.traffic.requests == 1


def test_metadata_alone_then_the_files(gallery: Gallery, index: Index) -> None:
    first = warm_bag(index, gallery.catalog, gallery.dataset, metadata_only=True)
    assert first.record.tier is Tier.METADATA_ONLY
    assert (first.record.missing, first.record.missing_bytes) == (5, 10000)
    assert contents(first.path) == {}
    as_asked = warm_bag(index, gallery.catalog, DatasetSpec(gallery.dataset, "1.1.0", materialize=False))
    assert as_asked.record.tier is Tier.METADATA_ONLY
    second = warm_bag(index, gallery.catalog, gallery.dataset)
    assert not second.made
    assert second.record.tier is Tier.MATERIALIZED
    assert contents(second.path) == gallery.content


def test_a_dataset_without_files_is_whole_at_once(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, gallery.plain, metadata_only=True)
    assert done.record.tier is Tier.MATERIALIZED


def test_versions_and_options_have_entries_of_their_own_and_share_bytes(gallery: Gallery, index: Index) -> None:
    old = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    gallery.catalog.traffic.reset()
    new = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert (new.fetched.files, new.fetched.shared) == (1, 4)
    assert len(objects_fetched(gallery.catalog)) == 1
    assert contents(new.path) == gallery.content
    narrow = DatasetSpec(gallery.dataset, "1.1.0", exclude_tables={"Image"})
    without = warm_bag(index, gallery.catalog, narrow)
    assert without.record.tier is Tier.MATERIALIZED
    assert without.record.excluded == ("Image",)
    assert len({old.record.key, new.record.key, without.record.key}) == 3
    assert records.find_bag(index, gallery.dataset, "1.1.0") == new.record


def test_equal_content_is_fetched_once(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    from dml.catalog.rows import insert, select
    from dml.dataset.curation import create_dataset

    row = select(catalog, gallery.image_table, where={"RID": gallery.images[0]})[0]
    twin = {name: row[name] for name in ("Filename", "Length", "MD5")} | {"URL": row["URL"] + "?twin"}
    second = insert(catalog, gallery.image_table, [twin])[0]["RID"]
    members = {gallery.image_table: [gallery.images[0], second]}
    dataset = create_dataset(catalog, description="Twins", members=members).rid
    catalog.traffic.reset()
    done = warm_bag(index, catalog, dataset)
    assert (done.fetched.files, done.fetched.shared) == (1, 1)
    assert len(objects_fetched(catalog)) == 1
    assert set(contents(done.path).values()) == {gallery.content[gallery.images[0]]}


def test_a_development_version_is_found_while_nothing_changed(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    from dml.catalog.rows import delete

    where = {"Dataset": gallery.dataset, "Image": gallery.images[0]}
    add_members(catalog, gallery.dataset, [gallery.plain])
    first = warm_bag(index, catalog, gallery.dataset)
    assert first.is_development
    assert not warm_bag(index, catalog, gallery.dataset).made
    delete(catalog, f"{gallery.schema}:Dataset_Image", where)
    second = warm_bag(index, catalog, gallery.dataset)
    assert second.made
    assert len(contents(second.path)) == len(contents(first.path)) - 1


def test_what_is_missing_or_wrong_is_said(gallery: Gallery, index: Index) -> None:
    with pytest.raises(NotFoundError, match=r"no version 9\.0\.0"):
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@9.0.0")
    with pytest.raises(NotFoundError, match="not a dataset"):
        warm_bag(index, gallery.catalog, gallery.images[0])
    assert not list(index.cache.bags_directory.glob("*"))


def test_files_removed_or_cut_on_disk_come_again(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, gallery.dataset)
    files = sorted((done.path / "data" / "asset").rglob("*.png"))
    files[0].unlink()
    files[1].chmod(0o644)
    files[1].write_bytes(b"cut")
    gallery.catalog.traffic.reset()
    again = warm_bag(index, gallery.catalog, gallery.dataset)
    assert (again.made, again.fetched.files) == (False, 2)
    assert len(objects_fetched(gallery.catalog)) == 2
    assert contents(again.path) == gallery.content


def test_a_bag_removed_by_hand_is_made_again(gallery: Gallery, index: Index) -> None:
    import shutil

    done = warm_bag(index, gallery.catalog, gallery.dataset)
    shutil.rmtree(done.path)
    again = warm_bag(index, gallery.catalog, gallery.dataset)
    assert again.made
    assert contents(again.path) == gallery.content


def test_a_run_has_a_bag_of_its_own(gallery: Gallery, index: Index, tmp_path: Path) -> None:
    done = warm_bag(index, gallery.catalog, gallery.dataset)
    mine = tmp_path / "run" / "bag"
    mine.parent.mkdir()
    assert place_bag(done, mine) == sum(path.is_file() for path in done.path.rglob("*"))
    import shutil

    shutil.rmtree(done.path)
    assert contents(mine) == gallery.content
    bdbag_api.validate_bag(str(mine), fast=False)
    with pytest.raises(ConflictError, match="exists already"):
        place_bag(done, mine)


def test_too_little_room_is_noticed_before_a_byte_is_fetched(
    gallery: Gallery, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.cache import fetch

    warm_bag(index, gallery.catalog, gallery.dataset, metadata_only=True)
    monkeypatch.setattr(fetch, "free_bytes", lambda _: 64 << 20)
    gallery.catalog.traffic.reset()
    with pytest.raises(RetryableError, match=r"not enough disk space: .* to download, 64 MiB free") as raised:
        warm_bag(index, gallery.catalog, gallery.dataset)
    assert "dml cache clear --keep" in raised.value.hint
    assert objects_fetched(gallery.catalog) == []


def test_a_file_gone_from_the_store_does_not_keep_the_others_away(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    lost = gallery.images[1]
    update(catalog, gallery.image_table, [{"RID": lost, "URL": "/hatrac/Image/none.png"}], columns=["URL"])
    from dml.dataset.releases import mark_dev, release

    mark_dev(catalog, gallery.dataset)
    release(catalog, gallery.dataset)
    with pytest.raises(NotFoundError, match=lost):
        warm_bag(index, catalog, gallery.dataset)
    record = records.find_bag(index, gallery.dataset, "1.2.0")
    assert record is not None
    assert (record.tier, record.missing) == (Tier.INCOMPLETE, 1)


def test_nothing_is_left_when_the_catalog_cannot_be_read(
    gallery: Gallery, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.dataset import bag_export

    def broken(*_: object) -> None:
        raise RetryableError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(bag_export, "reach", broken)
        with pytest.raises(DmlError, match="the server is gone"):
            warm_bag(index, gallery.catalog, gallery.dataset)
    assert records.bag_records(index) == []
    assert warm_bag(index, gallery.catalog, gallery.dataset).made


def test_another_catalog_in_the_same_cache_is_another_entry(gallery: Gallery, index: Index, catalog: Catalog) -> None:
    from dml.target import Target

    done = warm_bag(index, catalog, gallery.dataset)
    other = Cache(index.cache.root, Target("data.example.org", "7"))
    with Index.reading(other) as view:
        assert records.find_bag(view, gallery.dataset, "1.1.0") is None
    assert done.path.is_dir()
