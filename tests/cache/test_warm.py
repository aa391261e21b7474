"""Warming dataset versions: what is fetched, what is reused, the number of requests, and interruptions."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from bdbag import bdbag_api

from dml.cache.bag_records import bag_records, find_bag
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.link import link_bag
from dml.cache.tiers import Tier
from dml.cache.warm_bag import warm_bag
from dml.catalog.connection import Catalog
from dml.catalog.rows import update
from dml.dataset.bag import DatasetBag
from dml.dataset.members import add_members
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError, DmlError, NotFoundError, RetryableError

from .gallery import Gallery, contents, objects_fetched


def test_a_version_is_complete_and_read_only(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    assert done.metadata_fetched
    assert (done.fetched.files, done.fetched.bytes) == (4, 8000)
    assert done.record.tier is Tier.MATERIALIZED
    assert contents(done.path) == {rid: gallery.content[rid] for rid in gallery.images[:-1]}
    bdbag_api.validate_bag(str(done.path), fast=False)
    assert done.path == index.cache.root / "bags" / done.record.key / f"Dataset_{gallery.dataset}"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in done.path.rglob("*") if path.is_file()}
    assert modes == {0o444}
    assert sorted(path.name for path in done.path.parent.iterdir()) == [done.path.name]
    assert str(DatasetBag(done.path).version) == "1.0.0"


def test_a_cached_version_takes_no_request_and_an_unnamed_one_takes_one(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    warm_bag(index, catalog, gallery.dataset)
    catalog.traffic.reset()
    again = warm_bag(index, catalog, f"{gallery.dataset}@1.1.0")
    assert (again.metadata_fetched, again.fetched.files, catalog.traffic.requests) == (False, 0, 0)
    assert str(DatasetBag(again.path).version) == "1.1.0"
    assert not warm_bag(index, catalog, f"{gallery.dataset}@1.1").metadata_fetched
    assert catalog.traffic.requests == 0
    assert not warm_bag(index, catalog, gallery.dataset).metadata_fetched
    assert catalog.traffic.requests == 1


def test_metadata_first_and_files_later(gallery: Gallery, index: Index) -> None:
    first = warm_bag(index, gallery.catalog, gallery.dataset, metadata_only=True)
    assert first.record.tier is Tier.METADATA_ONLY
    assert (first.record.missing, first.record.missing_bytes) == (5, 10000)
    assert contents(first.path) == {}
    by_spec = warm_bag(index, gallery.catalog, DatasetSpec(gallery.dataset, "1.1.0", materialize=False))
    assert by_spec.record.tier is Tier.METADATA_ONLY
    second = warm_bag(index, gallery.catalog, gallery.dataset)
    assert not second.metadata_fetched
    assert second.record.tier is Tier.MATERIALIZED
    assert contents(second.path) == gallery.content


def test_a_dataset_without_files_is_materialized_by_its_metadata(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, gallery.plain, metadata_only=True)
    assert done.record.tier is Tier.MATERIALIZED


def test_versions_and_options_have_separate_entries_that_share_files(gallery: Gallery, index: Index) -> None:
    old = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    gallery.catalog.traffic.reset()
    new = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert (new.fetched.files, new.fetched.reused) == (1, 4)
    assert len(objects_fetched(gallery.catalog)) == 1
    assert contents(new.path) == gallery.content
    narrow = DatasetSpec(gallery.dataset, "1.1.0", exclude_tables={"Image"})
    without = warm_bag(index, gallery.catalog, narrow)
    assert without.record.tier is Tier.MATERIALIZED
    assert without.record.excluded == ("Image",)
    assert len({old.record.key, new.record.key, without.record.key}) == 3
    assert find_bag(index, gallery.dataset, "1.1.0") == new.record


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
    assert (done.fetched.files, done.fetched.reused) == (1, 1)
    assert len(objects_fetched(catalog)) == 1
    assert set(contents(done.path).values()) == {gallery.content[gallery.images[0]]}


def test_a_development_version_is_reused_until_the_catalog_changes(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    from dml.catalog.rows import delete

    where = {"Dataset": gallery.dataset, "Image": gallery.images[0]}
    add_members(catalog, gallery.dataset, [gallery.plain])
    first = warm_bag(index, catalog, gallery.dataset)
    assert first.is_development
    assert not warm_bag(index, catalog, gallery.dataset).metadata_fetched
    delete(catalog, f"{gallery.schema}:Dataset_Image", where)
    second = warm_bag(index, catalog, gallery.dataset)
    assert second.metadata_fetched
    assert len(contents(second.path)) == len(contents(first.path)) - 1


def test_missing_versions_and_other_rows_are_refused(gallery: Gallery, index: Index) -> None:
    with pytest.raises(NotFoundError, match=r"no version 9\.0\.0"):
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@9.0.0")
    with pytest.raises(NotFoundError, match="not a dataset"):
        warm_bag(index, gallery.catalog, gallery.images[0])
    assert not list(index.cache.bags_directory.glob("*"))


def test_deleted_and_truncated_files_are_fetched_again(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, gallery.dataset)
    files = sorted((done.path / "data" / "asset").rglob("*.png"))
    files[0].unlink()
    files[1].chmod(0o644)
    files[1].write_bytes(b"cut")
    gallery.catalog.traffic.reset()
    again = warm_bag(index, gallery.catalog, gallery.dataset)
    assert (again.metadata_fetched, again.fetched.files) == (False, 2)
    assert len(objects_fetched(gallery.catalog)) == 2
    assert contents(again.path) == gallery.content


def test_a_bag_deleted_by_hand_is_exported_again(gallery: Gallery, index: Index) -> None:
    import shutil

    done = warm_bag(index, gallery.catalog, gallery.dataset)
    shutil.rmtree(done.path)
    again = warm_bag(index, gallery.catalog, gallery.dataset)
    assert again.metadata_fetched
    assert contents(again.path) == gallery.content


def test_a_linked_bag_is_independent_of_the_cache(gallery: Gallery, index: Index, tmp_path: Path) -> None:
    done = warm_bag(index, gallery.catalog, gallery.dataset)
    linked = tmp_path / "run" / "bag"
    linked.parent.mkdir()
    assert link_bag(done.path, linked) == sum(path.is_file() for path in done.path.rglob("*"))
    import shutil

    shutil.rmtree(done.path)
    assert contents(linked) == gallery.content
    bdbag_api.validate_bag(str(linked), fast=False)
    with pytest.raises(ConflictError, match="already exists"):
        link_bag(done.path, linked)


def test_disk_space_is_checked_before_any_request(
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


def test_a_file_missing_from_the_store_does_not_stop_the_others(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    lost = gallery.images[1]
    update(catalog, gallery.image_table, [{"RID": lost, "URL": "/hatrac/Image/none.png"}], columns=["URL"])
    from dml.dataset.releases import mark_dev, release

    mark_dev(catalog, gallery.dataset)
    release(catalog, gallery.dataset)
    with pytest.raises(NotFoundError, match=lost):
        warm_bag(index, catalog, gallery.dataset)
    record = find_bag(index, gallery.dataset, "1.2.0")
    assert record is not None
    assert (record.tier, record.missing) == (Tier.INCOMPLETE, 1)


def test_a_failed_export_leaves_nothing(gallery: Gallery, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.dataset import bag_export

    def broken(*_: object) -> None:
        raise RetryableError("the server failed")

    with monkeypatch.context() as patch:
        patch.setattr(bag_export, "collect_rows", broken)
        with pytest.raises(DmlError, match="the server failed"):
            warm_bag(index, gallery.catalog, gallery.dataset)
    assert bag_records(index) == []
    assert warm_bag(index, gallery.catalog, gallery.dataset).metadata_fetched


def test_catalogs_in_the_same_cache_have_separate_entries(gallery: Gallery, index: Index, catalog: Catalog) -> None:
    from dml.target import Target

    done = warm_bag(index, catalog, gallery.dataset)
    other = Cache(index.cache.root, Target("data.example.org", "7"))
    with Index.reading(other) as reader:
        assert find_bag(reader, gallery.dataset, "1.1.0") is None
    assert done.path.is_dir()
