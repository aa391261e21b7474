"""Bags whose manifests have other checksums than MD5 are used, verified and repaired like any other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dml.cache.bag_records import bag_records
from dml.cache.index import Index
from dml.cache.inventory import list_entries
from dml.cache.layout import Cache
from dml.cache.usage import Usage
from dml.cache.verify import Verified, verify_entry
from dml.cache.warm_bag import warm_bag
from dml.catalog.connection import Catalog
from dml.dataset.bag import DatasetBag
from dml.dataset.bagit import read_manifest
from dml.dataset.checksums import file_checksum, has_checksum, manifests
from dml.errors import IntegrityError

from .gallery import Gallery, contents

ALGORITHMS = {"sha256": "sha256", "sha512": "sha512", "sha3256": "sha3_256"}


def replace_manifests(bag: Path, gallery: Gallery, name: str, algorithm: str, *, tags: bool = True) -> None:
    """Replace the MD5 manifests of a bag, whether or not its files have been fetched."""
    lines = []
    for path in read_manifest(bag):
        content = gallery.content[path.split("/")[3]] if path.startswith("data/asset/") else (bag / path).read_bytes()
        lines.append(f"{hashlib.new(algorithm, content).hexdigest()}  {path}\n")
    for old in ("manifest-md5.txt", "tagmanifest-md5.txt"):
        (bag / old).unlink()
    (bag / f"manifest-{name}.txt").write_text("".join(lines))
    if tags:
        rows = [f"{hashlib.new(algorithm, p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(bag.glob("*.txt"))]
        (bag / f"tagmanifest-{name}.txt").write_text("".join(rows))


def verify_all(index: Index, catalog: Catalog | None = None) -> list[Verified]:
    return [verify_entry(index, entry, catalog=catalog) for entry in list_entries(index, Usage())]


@pytest.fixture
def bag(gallery: Gallery, deriva_ml_bag: str, cache: Cache) -> Path:
    """A bag that deriva-ml cached."""
    return cache.bag_directory(deriva_ml_bag, gallery.dataset)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_bag_with_other_checksums_is_used_verified_and_repaired(
    gallery: Gallery, bag: Path, cache: Cache, name: str
) -> None:
    replace_manifests(bag, gallery, name, ALGORITHMS[name])
    four = {rid: gallery.content[rid] for rid in gallery.images[:4]}
    with Index.writing(cache) as index:
        (added,) = verify_all(index)
        assert (added.faults, added.missing, added.note) == ((), 4, "added to the index")
        assert warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0").fetched.files == 4
        assert contents(bag) == four
        (whole,) = verify_all(index)
        assert (whole.faults, whole.missing) == ((), 0)
        image = next((bag / "data" / "asset").rglob("*.png"))
        table = next((bag / "data" / gallery.schema).rglob("Image.csv"))
        for path in (image, table):
            path.chmod(0o644)
            path.write_bytes(b"X" * path.stat().st_size)
        (broken,) = verify_all(index, gallery.catalog)
        problems = {fault.path: (fault.problem, fault.repaired) for fault in broken.faults}
        assert problems == {
            image.relative_to(bag).as_posix(): ("wrong checksum", True),
            table.relative_to(bag).as_posix(): ("wrong checksum", False),
        }
        assert contents(bag) == four


def test_the_files_of_asset_rows_are_found(gallery: Gallery, bag: Path, cache: Cache) -> None:
    replace_manifests(bag, gallery, "sha256", "sha256")
    with Index.writing(cache) as index:
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    opened = DatasetBag(bag)
    for row in opened.list_dataset_members()[gallery.image_table]:
        assert opened.asset_path(gallery.image_table, row).read_bytes() == gallery.content[row["RID"]]


def test_a_download_with_the_wrong_checksum_is_discarded(gallery: Gallery, bag: Path, cache: Cache) -> None:
    replace_manifests(bag, gallery, "sha256", "sha256")
    manifest = bag / "manifest-sha256.txt"
    right = hashlib.sha256(gallery.content[gallery.images[0]]).hexdigest()
    manifest.write_text(manifest.read_text().replace(right, "0" * 64))
    with Index.writing(cache) as index:
        with pytest.raises(IntegrityError, match="sha256"):
            warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
        assert bag_records(index)[0].missing == 1
    assert gallery.images[0] not in contents(bag)
    assert [path.name for path in bag.rglob(".*")] == []


def test_a_bag_without_a_tag_manifest_is_accepted(gallery: Gallery, bag: Path, cache: Cache) -> None:
    replace_manifests(bag, gallery, "sha256", "sha256", tags=False)
    with Index.writing(cache) as index:
        assert verify_all(index)[0].faults == ()
        (bag / "data" / "planted.csv").write_text("x")
        assert [fault.problem for fault in verify_all(index)[0].faults] == ["not in the manifest"]


def test_unknown_algorithms_are_reported(gallery: Gallery, bag: Path, cache: Cache) -> None:
    replace_manifests(bag, gallery, "crc32", "md5")
    with Index.writing(cache) as index:
        (result,) = verify_all(index)
        assert [fault.problem for fault in result.faults] == [
            f"the bag {bag.name} has checksums of unknown algorithms only: crc32"
        ]


def test_the_first_manifest_that_lists_a_file_counts(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "manifest-sha256.txt").write_text(f"{file_checksum(tmp_path / 'a', 'sha256:')[7:].upper()}  data/a\n")
    (tmp_path / "manifest-md5.txt").write_text("0cc175b9c0f1b6a831c399e269772661  data/b\n")
    (tmp_path / "manifest-none.txt").write_text("1  data/c\n")
    assert [name for name, _ in manifests(tmp_path)] == ["md5", "sha256"]
    checksums = read_manifest(tmp_path)
    assert set(checksums) == {"data/a", "data/b"}
    assert all(has_checksum(tmp_path / "a", checksum) for checksum in checksums.values())
    assert not has_checksum(tmp_path / "a", "")
