"""Bags of dataset versions: whole, the same each time, accepted by bdbag, read offline."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from bdbag import bdbag_api

from dml.catalog.connection import Catalog
from dml.catalog.definitions import (
    ColumnDefinition,
    add_dataset_element_type,
    create_asset_table,
    create_feature,
    create_table,
    create_vocabulary,
    reference,
)
from dml.catalog.objects import object_path, upload
from dml.catalog.rows import insert, select
from dml.catalog.vocabulary import add_terms
from dml.dataset.bag import DatasetBag, newest
from dml.dataset.bag_export import export_bag
from dml.dataset.curation import create_dataset
from dml.dataset.denormalized_rows import denormalize
from dml.dataset.download import download_dataset_bag
from dml.dataset.lookup import resolve
from dml.dataset.materialize import materialize, missing_files
from dml.dataset.members import add_members
from dml.dataset.releases import release
from dml.dataset.restructure import restructure_assets
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError, IntegrityError, NotFoundError, UnsafePathError, UsageError

COUNT = 6


class Gallery:
    """Images of subjects, with labels, in a dataset nested in another."""

    def __init__(self, catalog: Catalog, schema: str, folder: Path, count: int = COUNT) -> None:
        self.catalog, self.schema = catalog, schema
        self.image, self.subject = f"{schema}:Image", f"{schema}:Subject"
        kinds = {
            "Name": "text",
            "Age": "int4",
            "Healthy": "boolean",
            "Weight": "float8",
            "Notes": "jsonb",
            "Tags": "text[]",
        }
        create_table(catalog, self.subject, [ColumnDefinition(name, kind) for name, kind in kinds.items()])
        create_asset_table(
            catalog,
            self.image,
            columns=[ColumnDefinition("Subject", "text")],
            foreign_keys=[reference("Subject", self.subject)],
        )
        create_vocabulary(catalog, f"{schema}:Label")
        add_terms(catalog, f"{schema}:Label", {"good": "Sharp", "bad": "Blurred"})
        create_feature(catalog, self.image, "Quality", terms=[f"{schema}:Label"])
        add_dataset_element_type(catalog, self.image)
        subjects = [
            {
                "Name": f'Subject {n}, "quoted"\nand broken',
                "Age": 40 + n,
                "Healthy": [True, False, None][n],
                "Weight": [61.25, 0.1, None][n],
                "Notes": ["plain", {"seen": [n, None, True]}, False][n],
                "Tags": [["a", 'b "c"', "d,e"], [], None][n],
            }
            for n in range(3)
        ]
        self.subjects = [row["RID"] for row in insert(catalog, self.subject, subjects)]
        rows = []
        for number in range(count):
            content = f"pixels {schema} {number}".encode()
            path = folder / f"image {number} größe.png"
            path.write_bytes(content)
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            url = object_path("Image", md5, path.name)
            upload(catalog, path, url, md5_hex=md5)
            rows.append(
                {
                    "URL": url,
                    "Filename": path.name,
                    "Length": len(content),
                    "MD5": md5,
                    "Subject": self.subjects[number % 2],
                }
            )
        self.images = [row["RID"] for row in insert(catalog, self.image, rows)]
        for label, described in (("bad", self.images[:2]), ("good", self.images[1:])):
            run = {"Description": f"Looks for {label}", "Status": "Uploaded"}
            execution = insert(catalog, "deriva-ml:Execution", [run])[0]["RID"]
            values = [
                {"Execution": execution, "Image": rid, "Feature_Name": "Quality", "Label": label} for rid in described
            ]
            insert(catalog, f"{schema}:Execution_Image_Quality", values)
        self.inner = create_dataset(
            catalog, description="Inner", types=["Training"], members={self.image: self.images[: count - 1]}
        ).rid
        self.outer = create_dataset(catalog, description="Outer", members={"deriva-ml:Dataset": [self.inner]}).rid


@pytest.fixture
def gallery(catalog: Catalog, domain: str, tmp_path: Path) -> Gallery:
    return Gallery(catalog, domain, tmp_path)


def test_a_bag_holds_what_belongs_and_no_more(gallery: Gallery, tmp_path: Path) -> None:
    source = resolve(gallery.catalog, gallery.outer)
    add_members(gallery.catalog, gallery.inner, gallery.images[-1:])
    report = export_bag(gallery.catalog, source, tmp_path / "bag")
    assert report.rows[gallery.image] == report.assets == COUNT - 1
    assert report.rows[gallery.subject] == 2
    assert report.rows["deriva-ml:Dataset"] == 2
    assert report.rows[f"{gallery.schema}:Label"] == 2
    bag = DatasetBag(tmp_path / "bag")
    assert (bag.dataset_rid, str(bag.version)) == (gallery.outer, "0.1.0")
    assert bag.nested_datasets() == [gallery.inner]
    assert bag.dataset(gallery.inner).types == ("Training",)
    assert set(bag.list_dataset_members()) == {"deriva-ml:Dataset"}
    members = bag.list_dataset_members(recurse=True)[gallery.image]
    assert [row["RID"] for row in members] == sorted(gallery.images[:-1])
    reader = source.reader(gallery.catalog)
    for table in (gallery.image, gallery.subject, f"{gallery.schema}:Execution_Image_Quality"):
        stored = {row["RID"]: row for row in select(reader, table)}
        assert bag.rows(table) == [stored[row["RID"]] for row in bag.rows(table)]


def test_bdbag_validates_it_once_it_is_filled(gallery: Gallery, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    report = export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    assert len(missing_files(bag)) == report.assets
    done = materialize(gallery.catalog, bag)
    assert (done.fetched, done.fetched_bytes, done.present) == (report.assets, report.asset_bytes, 0)
    bdbag_api.validate_bag(str(bag), fast=False)
    assert missing_files(bag) == []
    opened = DatasetBag(bag)
    for row in opened.rows(gallery.image):
        content = opened.asset_path("Image", row).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == row["MD5"]


def test_only_what_is_missing_or_changed_is_fetched_again(gallery: Gallery, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    materialize(gallery.catalog, bag)
    files = sorted((bag / "data" / "asset").rglob("*.png"))
    files[0].write_bytes(b"X" * files[0].stat().st_size)
    files[1].unlink()
    assert len(missing_files(bag)) == 1
    gallery.catalog.traffic.reset()
    done = materialize(gallery.catalog, bag)
    assert (done.fetched, done.present) == (2, len(files) - 2)
    assert gallery.catalog.traffic.requests == 2
    bdbag_api.validate_bag(str(bag), fast=False)


def test_the_same_version_gives_the_same_bytes(gallery: Gallery, tmp_path: Path) -> None:
    source = resolve(gallery.catalog, gallery.outer)
    for name in ("one", "two"):
        export_bag(gallery.catalog, source, tmp_path / name)
        add_members(gallery.catalog, gallery.inner, gallery.images[-1:])
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two


def test_requests_grow_with_tables_not_rows(catalog: Catalog, domain: str, tmp_path: Path) -> None:
    gallery = Gallery(catalog, domain, tmp_path)
    reader = resolve(catalog, gallery.outer)

    def cost(name: str) -> int:
        catalog.traffic.reset()
        export_bag(catalog, resolve(catalog, gallery.outer), tmp_path / name)
        return int(catalog.traffic.requests)

    few = cost("few")
    rows = [{"URL": f"tag:x,{domain}:{n}", "Filename": f"{n}", "Length": 0, "MD5": "0" * 32} for n in range(1500)]
    more = [row["RID"] for row in insert(catalog, gallery.image, rows)]
    add_members(catalog, gallery.outer, {gallery.image: more})
    assert cost("many") <= 2 * few
    assert len(DatasetBag(tmp_path / "many").rows(gallery.image)) == 1500 + COUNT - 1
    assert reader.rid == gallery.outer


def test_feature_values_and_their_newest(gallery: Gallery, tmp_path: Path) -> None:
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), tmp_path / "bag")
    bag = DatasetBag(tmp_path / "bag")
    values = bag.feature_values("Image", "Quality")
    assert len(values) == COUNT
    chosen = {value.target: value.values["Label"] for value in bag.feature_values("Image", "Quality", selector=newest)}
    assert chosen == {rid: "bad" if rid == gallery.images[0] else "good" for rid in gallery.images[:-1]}
    with pytest.raises(NotFoundError, match="no feature Colour"):
        bag.feature_values("Image", "Colour")


def test_excluded_tables_are_left_out(gallery: Gallery, tmp_path: Path) -> None:
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), tmp_path / "bag", exclude=["Subject"])
    assert gallery.subject not in DatasetBag(tmp_path / "bag").tables


def test_a_failed_export_leaves_nothing(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bags" / "bag"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dml.dataset.bag_export.write_tag_files", full)
        with pytest.raises(Exception, match="No space left"):
            export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), place)
    assert list(place.parent.iterdir()) == []
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), place)
    with pytest.raises(ConflictError, match="exists already"):
        export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), place)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda line: line.replace("https://", "https://evil."), UnsafePathError),
        (lambda line: line.replace("https://", "file:///"), UnsafePathError),
        (lambda line: line.replace("data/asset", "data/../../asset"), UnsafePathError),
        (lambda line: line.replace("data/asset", "data/%2e%2e/asset"), UnsafePathError),
        (lambda line: line.replace("data/asset", "data/asset2"), IntegrityError),
        (lambda line: line.replace("/hatrac/", "/ermrest/"), UnsafePathError),
    ],
)
def test_a_hostile_bag_fetches_nothing(
    gallery: Gallery, tmp_path: Path, change: object, error: type[Exception]
) -> None:
    bag = tmp_path / "bag"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    lines = (bag / "fetch.txt").read_text().splitlines()
    (bag / "fetch.txt").write_text("\n".join([*lines[:-1], change(lines[-1])]) + "\n")  # type: ignore[operator]
    gallery.catalog.traffic.reset()
    with pytest.raises(error):
        materialize(gallery.catalog, bag)
    assert gallery.catalog.traffic.requests == 0
    assert not (bag / "data" / "asset").exists()


def test_bytes_that_do_not_match_are_refused(gallery: Gallery, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    manifest = (bag / "manifest-md5.txt").read_text().splitlines()
    manifest = [f"{'0' * 32}{line[32:]}" if ".png" in line else line for line in manifest]
    (bag / "manifest-md5.txt").write_text("\n".join(manifest) + "\n")
    with pytest.raises(IntegrityError):
        materialize(gallery.catalog, bag, jobs=1)
    assert list((bag / "data" / "asset").rglob("*.png")) == []


def test_what_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="no bag of a dataset"):
        DatasetBag(tmp_path)


def test_wide_rows_join_what_is_referred_to(gallery: Gallery, tmp_path: Path) -> None:
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), tmp_path / "bag")
    bag = DatasetBag(tmp_path / "bag")
    wide = denormalize(bag, "Image", include=["Subject"], features=["Quality"])
    images = bag.rows("Image")
    subjects = {row["RID"]: row for row in bag.rows("Subject")}
    assert [row["Image.RID"] for row in wide] == [row["RID"] for row in images]
    assert [row["Subject.Age"] for row in wide] == [subjects[row["Subject"]]["Age"] for row in images]
    assert [row["Quality.Label"] for row in wide].count("bad") == 1
    assert not any(name.endswith((".RCT", ".RMB")) for name in wide[0])
    with pytest.raises(UsageError, match="does not refer to"):
        denormalize(bag, "Subject", include=["Image"])


def test_files_are_arranged_by_part_and_class(gallery: Gallery, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    with pytest.raises(NotFoundError, match="not in the bag yet"):
        restructure_assets(DatasetBag(bag), "Image", tmp_path / "none")
    materialize(gallery.catalog, bag)
    for _ in range(2):
        placed = restructure_assets(DatasetBag(bag), "Image", tmp_path / "out", group_by=["Quality", "Subject"])
    assert sorted(tmp_path.joinpath("out").rglob("*.png")) == sorted(placed)
    classes = {path.name.partition("_")[0]: path.relative_to(tmp_path / "out").parts[:2] for path in placed}
    assert classes == {rid: ("training", "bad" if rid == gallery.images[0] else "good") for rid in gallery.images[:-1]}
    assert all(path.read_bytes().startswith(b"pixels") for path in placed)


def test_an_element_in_two_parts_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    catalog = gallery.catalog
    testing = create_dataset(
        catalog, description="Leaks", types=["Testing"], members={gallery.image: gallery.images[:1]}
    ).rid
    add_members(catalog, gallery.outer, [testing])
    release(catalog, gallery.outer)
    bag = tmp_path / "bag"
    export_bag(catalog, resolve(catalog, gallery.outer), bag)
    materialize(catalog, bag)
    with pytest.raises(ConflictError, match="is in the parts"):
        restructure_assets(DatasetBag(bag), "Image", tmp_path / "out")


def test_a_bag_is_downloaded_once_and_filled(gallery: Gallery, tmp_path: Path) -> None:
    spec = f"{gallery.outer}@0.1.0"
    bag = download_dataset_bag(gallery.catalog, spec, tmp_path / "bags")
    assert bag.path == tmp_path / "bags" / spec
    assert missing_files(bag.path) == []
    gallery.catalog.traffic.reset()
    assert download_dataset_bag(gallery.catalog, spec, tmp_path / "bags").path == bag.path
    assert gallery.catalog.traffic.requests == 3
    rows_only = DatasetSpec(gallery.inner, "0.1.0", materialize=False)
    assert missing_files(download_dataset_bag(gallery.catalog, rows_only, tmp_path / "bags").path)
    add_members(gallery.catalog, gallery.outer, gallery.images[-1:])
    assert len(download_dataset_bag(gallery.catalog, gallery.outer, tmp_path / "bags").rows("Image")) == COUNT
    with pytest.raises(ConflictError, match="as it was earlier"):
        download_dataset_bag(gallery.catalog, gallery.outer, tmp_path / "bags")
