"""Verifying: every changed byte is found, what can be repaired is, and what the index did not know is entered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bdbag import bdbag_api

from dml.cache import records
from dml.cache.assets import AssetToCache, asset_records, find_asset_row, warm_asset
from dml.cache.bags import WarmBag, warm_bag
from dml.cache.index import Index, put_aside_if_damaged
from dml.cache.inventory import CachedItem, Kind, take_inventory
from dml.cache.tiers import Tier
from dml.cache.usage import Usage
from dml.cache.verify import Verified, verify_item
from dml.catalog.connection import Catalog
from dml.errors import IntegrityError

from .gallery import Gallery, contents, objects_fetched


def items(index: Index) -> list[CachedItem]:
    return take_inventory(index, Usage())


def verify_all(index: Index, catalog: Catalog | None = None) -> list[Verified]:
    return [verify_item(index, item, catalog=catalog) for item in items(index)]


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.fixture
def warm(gallery: Gallery, index: Index) -> WarmBag:
    return warm_bag(index, gallery.catalog, gallery.dataset)


def test_what_is_whole_is_found_right(warm: WarmBag, index: Index) -> None:
    (found,) = verify_all(index)
    assert found.is_right
    assert found.files == sum(path.is_file() for path in warm.path.rglob("*")) - 1  # the tag manifest itself
    (item,) = items(index)
    assert item.verified_at is not None


def test_every_kind_of_damage_to_files_is_found_and_repaired(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    files = sorted((warm.path / "data" / "asset").rglob("*.png"))
    overwrite(files[0], bytes([files[0].read_bytes()[0] ^ 1]) + files[0].read_bytes()[1:])
    overwrite(files[1], b"short")
    files[2].unlink()
    files[3].unlink()
    files[3].symlink_to("/etc/hostname")
    (found,) = verify_all(index)
    problems = {fault.path.rpartition("/")[2]: fault.problem for fault in found.faults}
    names = [path.name for path in files]
    assert problems == {
        names[0]: "wrong bytes",
        names[1]: "wrong length",
        names[2]: "gone",
        names[3]: "a symbolic link",
    }
    record = records.bag_records(index)[0]
    assert (record.tier, record.missing) == (Tier.INCOMPLETE, 4)
    gallery.catalog.traffic.reset()
    (repaired,) = verify_all(index, gallery.catalog)
    assert repaired.is_right
    assert len(objects_fetched(gallery.catalog)) == 4
    assert contents(warm.path) == gallery.content
    assert not files[3].is_symlink()
    assert Path("/etc/hostname").exists()
    bdbag_api.validate_bag(str(warm.path), fast=False)


def test_repairing_one_call_after_the_damage_is_enough(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    file = next((warm.path / "data" / "asset").rglob("*.png"))
    overwrite(file, b"X" * 2000)
    (found,) = verify_all(index, gallery.catalog)
    assert [fault.repaired for fault in found.faults] == [True]
    assert contents(warm.path) == gallery.content


def test_damaged_metadata_is_exported_again(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    table = warm.path / "data" / gallery.schema / "Image.csv"
    overwrite(table, table.read_bytes().replace(b"image 1.png", b"image X.png"))
    (warm.path / "data" / "extra.csv").write_text("planted")
    (warm.path / "bag-info.txt").unlink()
    (found,) = verify_all(index)
    assert {(fault.path, fault.problem) for fault in found.faults} == {
        (f"data/{gallery.schema}/Image.csv", "wrong bytes"),
        ("data/extra.csv", "not in the manifest"),
        ("bag-info.txt", "gone"),
    }
    (repaired,) = verify_all(index, gallery.catalog)
    assert repaired.is_right
    assert verify_all(index)[0].faults == ()
    bdbag_api.validate_bag(str(warm.path), fast=False)


def test_manifests_changed_together_with_the_bytes_are_found(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    from dml.dataset.bagit import file_md5

    table = warm.path / "data" / gallery.schema / "Image.csv"
    before = file_md5(table)
    overwrite(table, table.read_bytes().replace(b"image 1.png", b"image X.png"))
    for name, path in (("manifest-md5.txt", table), ("tagmanifest-md5.txt", warm.path / "manifest-md5.txt")):
        text = (warm.path / name).read_text()
        old = before if name == "manifest-md5.txt" else text.split("  manifest-md5.txt")[0].rsplit("\n", 1)[-1]
        overwrite(warm.path / name, text.replace(old, file_md5(path)).encode())
    (found,) = verify_all(index)
    assert [fault.path for fault in found.faults] == ["tagmanifest-md5.txt"]
    assert verify_all(index, gallery.catalog)[0].is_right
    assert file_md5(table) == before


def test_a_manifest_cannot_make_the_repair_reach_outside(
    gallery: Gallery, warm: WarmBag, index: Index, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    up = "../" * len(warm.path.parts)
    manifest = warm.path / "manifest-md5.txt"
    overwrite(manifest, manifest.read_bytes() + f"{'0' * 32}  data/{up}{outside.relative_to('/')}\n".encode())
    found = verify_all(index, gallery.catalog)[0]
    assert any(fault.problem == "a path that is not safe" for fault in found.faults)
    assert outside.read_text() == "mine"
    assert verify_all(index)[0].faults == ()


def test_what_the_store_no_longer_has_stays_a_fault(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    file = next((warm.path / "data" / "asset").rglob("*.png"))
    fetch = warm.path / "fetch.txt"
    overwrite(file, b"X" * 2000)
    path = file.relative_to(warm.path).as_posix().replace(" ", "%20")
    lines = [
        line.replace("/hatrac/Image/", "/hatrac/Image/none-") if line.endswith(path) else line
        for line in fetch.read_text().split("\n")
    ]
    overwrite(fetch, "\n".join(lines).encode())
    record = records.bag_records(index)[0]
    assert record.tag_md5
    catalog = gallery.catalog
    (item,) = items(index)
    found = verify_item(index, item, catalog=catalog)
    assert found.is_right, "fetch.txt is renewed first, then the file is fetched from the right address"
    assert contents(warm.path) == gallery.content


def test_an_asset_is_verified_and_repaired(gallery: Gallery, index: Index) -> None:
    asset = find_asset_row(gallery.catalog, gallery.images[0])
    place = warm_asset(index, gallery.catalog, asset).path
    overwrite(place, b"X" * 2000)
    (found,) = verify_all(index)
    assert [fault.problem for fault in found.faults] == ["wrong bytes"]
    (repaired,) = verify_all(index, gallery.catalog)
    assert repaired.is_right
    assert place.read_bytes() == gallery.content[gallery.images[0]]


def test_an_asset_touched_on_disk_is_noticed_when_it_is_asked_for(gallery: Gallery, index: Index) -> None:
    asset = find_asset_row(gallery.catalog, gallery.images[0])
    place = warm_asset(index, gallery.catalog, asset).path
    gallery.catalog.traffic.reset()
    assert warm_asset(index, gallery.catalog, asset).fetched.files == 0
    assert gallery.catalog.traffic.requests == 0
    overwrite(place, b"X" * 2000)
    assert warm_asset(index, gallery.catalog, asset).fetched.files == 1
    assert place.read_bytes() == gallery.content[gallery.images[0]]


def test_assets_of_the_other_program_are_entered_when_right(gallery: Gallery, index: Index) -> None:
    asset = find_asset_row(gallery.catalog, gallery.images[0])
    for rid, content in (("1-GOOD", gallery.content[asset.rid]), ("1-BAD", b"cut")):
        directory = index.cache.assets_directory / f"{rid}_{asset.md5}"
        directory.mkdir(parents=True)
        (directory / "a.png").write_bytes(content)
    assert {item.name: (item.origin, item.tier) for item in items(index)} == {
        "1-GOOD": ("deriva-ml", None),
        "1-BAD": ("deriva-ml", None),
    }
    found = {one.item.name: one for one in verify_all(index)}
    assert found["1-GOOD"].remark == "entered into the index"
    assert [fault.problem for fault in found["1-BAD"].faults] == ["wrong bytes"]
    assert [record.rid for record in asset_records(index)] == ["1-GOOD"]


def test_a_bag_the_index_lost_is_entered_again(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    records.forget_bag(index, warm.record.key)
    (item,) = items(index)
    assert (item.kind, item.rid) == (Kind.ORPHAN, gallery.dataset)
    (found,) = verify_all(index)
    assert (found.is_right, found.remark) == (True, "entered into the index")
    gallery.catalog.traffic.reset()
    assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 0
    assert gallery.catalog.traffic.requests == 0


def test_a_bag_under_a_strange_key_is_not_taken_for_what_it_says(warm: WarmBag, index: Index) -> None:
    other = warm.path.parent.with_name("dml-0000_live")
    shutil.copytree(warm.path.parent, other)
    found = {one.item.key: one for one in verify_all(index)}
    assert not found["dml-0000_live"].is_right
    assert "clear it" in found["dml-0000_live"].faults[0].problem


def test_a_damaged_index_is_named_and_made_anew(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    index.close()
    path = index.cache.index_path
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    path.write_bytes(bytes(content))
    with pytest.raises(IntegrityError, match="The cache index") as raised, Index.reading(index.cache) as broken:
        records.bag_records(broken)
    assert "dml cache verify --repair" in raised.value.hint
    with Index.reading(index.cache) as broken:
        assert put_aside_if_damaged(broken) is not None
    with Index.writing(index.cache) as renewed:
        (found,) = verify_all(renewed)
        assert (found.is_right, found.remark) == (True, "entered into the index")
        assert put_aside_if_damaged(renewed) is None


def test_the_file_name_of_an_asset_is_judged(gallery: Gallery, index: Index) -> None:
    from dml.errors import UnsafePathError

    asset = find_asset_row(gallery.catalog, gallery.images[0])
    for name in ("../x", "a/b", "%2e%2e", "%252e%252e", "-rf", "a\x00b", "a\nb", "x" * 256, "..", "\u202egnp.exe"):
        hostile = AssetToCache(asset.rid, asset.url, name, asset.length, asset.md5)
        with pytest.raises(UnsafePathError):
            warm_asset(index, gallery.catalog, hostile)
    assert not index.cache.assets_directory.exists()
