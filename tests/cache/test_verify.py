"""Verifying finds every changed byte, repairs what can be repaired, and adds what the index lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bdbag import bdbag_api

from dml.cache.asset_records import AssetToCache, asset_records
from dml.cache.bag_records import bag_records, forget_bag
from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.index import Index, set_aside_if_damaged
from dml.cache.inventory import list_entries
from dml.cache.resolve_name import find_asset
from dml.cache.tiers import Tier
from dml.cache.usage import Usage
from dml.cache.verify import Verified, verify_entry
from dml.cache.warm_asset import warm_asset
from dml.cache.warm_bag import WarmBag, warm_bag
from dml.catalog.connection import Catalog
from dml.errors import IntegrityError

from .gallery import Gallery, contents, objects_fetched


def entries(index: Index) -> list[CacheEntry]:
    return list_entries(index, Usage())


def verify_all(index: Index, catalog: Catalog | None = None) -> list[Verified]:
    return [verify_entry(index, entry, catalog=catalog) for entry in entries(index)]


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.fixture
def warm(gallery: Gallery, index: Index) -> WarmBag:
    """A complete version."""
    return warm_bag(index, gallery.catalog, gallery.dataset)


def test_an_intact_bag_has_no_faults(warm: WarmBag, index: Index) -> None:
    (result,) = verify_all(index)
    assert result.is_intact
    assert result.files == sum(path.is_file() for path in warm.path.rglob("*")) - 1  # the tag manifest itself
    (entry,) = entries(index)
    assert entry.verified_at is not None


def test_every_kind_of_damage_to_files_is_found_and_repaired(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    files = sorted((warm.path / "data" / "asset").rglob("*.png"))
    overwrite(files[0], bytes([files[0].read_bytes()[0] ^ 1]) + files[0].read_bytes()[1:])
    overwrite(files[1], b"short")
    files[2].unlink()
    files[3].unlink()
    files[3].symlink_to("/etc/hostname")
    (result,) = verify_all(index)
    problems = {fault.path.rpartition("/")[2]: fault.problem for fault in result.faults}
    names = [path.name for path in files]
    assert problems == {
        names[0]: "wrong checksum",
        names[1]: "wrong length",
        names[2]: "missing",
        names[3]: "symbolic link",
    }
    record = bag_records(index)[0]
    assert (record.tier, record.missing) == (Tier.INCOMPLETE, 4)
    gallery.catalog.traffic.reset()
    (repaired,) = verify_all(index, gallery.catalog)
    assert repaired.is_intact
    assert len(objects_fetched(gallery.catalog)) == 4
    assert contents(warm.path) == gallery.content
    assert not files[3].is_symlink()
    assert Path("/etc/hostname").exists()
    bdbag_api.validate_bag(str(warm.path), fast=False)


def test_one_call_finds_and_repairs_damage(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    file = next((warm.path / "data" / "asset").rglob("*.png"))
    overwrite(file, b"X" * 2000)
    (result,) = verify_all(index, gallery.catalog)
    assert [fault.repaired for fault in result.faults] == [True]
    assert contents(warm.path) == gallery.content


def test_damaged_metadata_is_exported_again(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    table = warm.path / "data" / gallery.schema / "Image.csv"
    overwrite(table, table.read_bytes().replace(b"image 1.png", b"image X.png"))
    (warm.path / "data" / "extra.csv").write_text("planted")
    (warm.path / "bag-info.txt").unlink()
    (result,) = verify_all(index)
    assert {(fault.path, fault.problem) for fault in result.faults} == {
        (f"data/{gallery.schema}/Image.csv", "wrong checksum"),
        ("data/extra.csv", "not in the manifest"),
        ("bag-info.txt", "missing"),
    }
    (repaired,) = verify_all(index, gallery.catalog)
    assert repaired.is_intact
    assert verify_all(index)[0].faults == ()
    bdbag_api.validate_bag(str(warm.path), fast=False)


def test_manifests_that_were_changed_with_the_files_are_found(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    from dml.dataset.bagit import file_md5

    table = warm.path / "data" / gallery.schema / "Image.csv"
    before = file_md5(table)
    overwrite(table, table.read_bytes().replace(b"image 1.png", b"image X.png"))
    for name, path in (("manifest-md5.txt", table), ("tagmanifest-md5.txt", warm.path / "manifest-md5.txt")):
        text = (warm.path / name).read_text()
        old = before if name == "manifest-md5.txt" else text.split("  manifest-md5.txt")[0].rsplit("\n", 1)[-1]
        overwrite(warm.path / name, text.replace(old, file_md5(path)).encode())
    (result,) = verify_all(index)
    assert [fault.path for fault in result.faults] == ["tagmanifest-md5.txt"]
    assert verify_all(index, gallery.catalog)[0].is_intact
    assert file_md5(table) == before


def test_a_manifest_cannot_make_the_repair_reach_outside(
    gallery: Gallery, warm: WarmBag, index: Index, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("kept")
    up = "../" * len(warm.path.parts)
    manifest = warm.path / "manifest-md5.txt"
    overwrite(manifest, manifest.read_bytes() + f"{'0' * 32}  data/{up}{outside.relative_to('/')}\n".encode())
    result = verify_all(index, gallery.catalog)[0]
    assert any(fault.problem == "unsafe path" for fault in result.faults)
    assert outside.read_text() == "kept"
    assert verify_all(index)[0].faults == ()


def test_a_damaged_fetch_txt_is_repaired_before_the_files(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    file = next((warm.path / "data" / "asset").rglob("*.png"))
    fetch = warm.path / "fetch.txt"
    overwrite(file, b"X" * 2000)
    path = file.relative_to(warm.path).as_posix().replace(" ", "%20")
    lines = [
        line.replace("/hatrac/Image/", "/hatrac/Image/none-") if line.endswith(path) else line
        for line in fetch.read_text().split("\n")
    ]
    overwrite(fetch, "\n".join(lines).encode())
    record = bag_records(index)[0]
    assert record.tag_md5
    catalog = gallery.catalog
    (entry,) = entries(index)
    result = verify_entry(index, entry, catalog=catalog)
    assert result.is_intact, "fetch.txt is replaced first, then the file is fetched from the right URL"
    assert contents(warm.path) == gallery.content


def test_an_asset_is_verified_and_repaired(gallery: Gallery, index: Index) -> None:
    asset = find_asset(gallery.catalog, gallery.images[0])
    path = warm_asset(index, gallery.catalog, asset).path
    overwrite(path, b"X" * 2000)
    (result,) = verify_all(index)
    assert [fault.problem for fault in result.faults] == ["wrong checksum"]
    (repaired,) = verify_all(index, gallery.catalog)
    assert repaired.is_intact
    assert path.read_bytes() == gallery.content[gallery.images[0]]


def test_an_asset_that_was_changed_on_disk_is_fetched_again(gallery: Gallery, index: Index) -> None:
    asset = find_asset(gallery.catalog, gallery.images[0])
    path = warm_asset(index, gallery.catalog, asset).path
    gallery.catalog.traffic.reset()
    assert warm_asset(index, gallery.catalog, asset).fetched.files == 0
    assert gallery.catalog.traffic.requests == 0
    overwrite(path, b"X" * 2000)
    assert warm_asset(index, gallery.catalog, asset).fetched.files == 1
    assert path.read_bytes() == gallery.content[gallery.images[0]]


def test_assets_of_deriva_ml_are_added_when_they_are_intact(gallery: Gallery, index: Index) -> None:
    asset = find_asset(gallery.catalog, gallery.images[0])
    for rid, content in (("1-GOOD", gallery.content[asset.rid]), ("1-BAD", b"cut")):
        directory = index.cache.assets_directory / f"{rid}_{asset.md5}"
        directory.mkdir(parents=True)
        (directory / "a.png").write_bytes(content)
    assert {entry.name: (entry.origin, entry.tier) for entry in entries(index)} == {
        "1-GOOD": ("deriva-ml", None),
        "1-BAD": ("deriva-ml", None),
    }
    results = {result.entry.name: result for result in verify_all(index)}
    assert results["1-GOOD"].note == "added to the index"
    assert [fault.problem for fault in results["1-BAD"].faults] == ["wrong checksum"]
    assert [record.rid for record in asset_records(index)] == ["1-GOOD"]


def test_a_bag_missing_in_the_index_is_added(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    forget_bag(index, warm.record.key)
    (entry,) = entries(index)
    assert (entry.kind, entry.rid) == (EntryKind.ORPHAN, gallery.dataset)
    (result,) = verify_all(index)
    assert (result.is_intact, result.note) == (True, "added to the index")
    gallery.catalog.traffic.reset()
    assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files == 0
    assert gallery.catalog.traffic.requests == 0


def test_a_bag_with_a_wrong_key_is_not_added(warm: WarmBag, index: Index) -> None:
    other = warm.path.parent.with_name("dml-0000_live")
    shutil.copytree(warm.path.parent, other)
    results = {result.entry.key: result for result in verify_all(index)}
    assert not results["dml-0000_live"].is_intact
    assert "clear it" in results["dml-0000_live"].faults[0].problem


def test_a_damaged_index_is_reported_and_rebuilt(gallery: Gallery, warm: WarmBag, index: Index) -> None:
    index.close()
    path = index.cache.index_path
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    path.write_bytes(bytes(content))
    with pytest.raises(IntegrityError, match="the cache index") as raised, Index.reading(index.cache) as reader:
        bag_records(reader)
    assert "dml cache verify --repair" in raised.value.hint
    with Index.reading(index.cache) as reader:
        assert set_aside_if_damaged(reader) is not None
    with Index.writing(index.cache) as rebuilt:
        (result,) = verify_all(rebuilt)
        assert (result.is_intact, result.note) == (True, "added to the index")
        assert set_aside_if_damaged(rebuilt) is None


def test_unsafe_file_names_of_assets_are_refused(gallery: Gallery, index: Index) -> None:
    from dml.errors import UnsafePathError

    asset = find_asset(gallery.catalog, gallery.images[0])
    for name in ("../x", "a/b", "%2e%2e", "%252e%252e", "-rf", "a\x00b", "a\nb", "x" * 256, "..", "\u202egnp.exe"):
        hostile = AssetToCache(asset.rid, asset.url, name, asset.length, asset.md5)
        with pytest.raises(UnsafePathError):
            warm_asset(index, gallery.catalog, hostile)
    assert not index.cache.assets_directory.exists()
