"""Bags of dataset versions are complete, reproducible and valid, and can be read without a server."""

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
from dml.dataset.lookup import resolve
from dml.dataset.members import add_members
from dml.dataset.releases import release
from dml.dataset.restructure import restructure_assets
from dml.errors import ConflictError, IntegrityError, NotFoundError, UnsafePathError, UsageError

from .fill import fill_bag

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


def test_a_bag_holds_exactly_the_rows_of_its_dataset(gallery: Gallery, tmp_path: Path) -> None:
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


def test_bdbag_validates_a_complete_bag(gallery: Gallery, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    report = export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    assert fill_bag(gallery.catalog, bag) == report.assets
    bdbag_api.validate_bag(str(bag), fast=False)
    opened = DatasetBag(bag)
    rows = opened.rows(gallery.image)
    assert sum(row["Length"] for row in rows) == report.asset_bytes
    for row in rows:
        content = opened.asset_path("Image", row).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == row["MD5"]


def test_exporting_a_version_twice_gives_the_same_bytes(gallery: Gallery, tmp_path: Path) -> None:
    source = resolve(gallery.catalog, gallery.outer)
    for name in ("first", "second"):
        export_bag(gallery.catalog, source, tmp_path / name)
        add_members(gallery.catalog, gallery.inner, gallery.images[-1:])
    first, second = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("first", "second")
    )
    assert first == second


def test_the_number_of_requests_does_not_depend_on_rows(catalog: Catalog, domain: str, tmp_path: Path) -> None:
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


def test_feature_values_with_and_without_selector(gallery: Gallery, tmp_path: Path) -> None:
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
    bag = tmp_path / "bags" / "bag"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dml.dataset.bag_export.write_tag_files", full)
        with pytest.raises(Exception, match="No space left"):
            export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    assert list(bag.parent.iterdir()) == []
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    with pytest.raises(ConflictError, match="already exists"):
        export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)


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
def test_a_bag_with_unsafe_paths_or_urls_is_refused(
    gallery: Gallery, tmp_path: Path, change: object, error: type[Exception]
) -> None:
    bag = tmp_path / "bag"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), bag)
    lines = (bag / "fetch.txt").read_text().splitlines()
    (bag / "fetch.txt").write_text("\n".join([*lines[:-1], change(lines[-1])]) + "\n")  # type: ignore[operator]
    gallery.catalog.traffic.reset()
    with pytest.raises(error):
        fill_bag(gallery.catalog, bag)
    assert gallery.catalog.traffic.requests == 0


def test_a_directory_without_a_bag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="not a bag of a dataset"):
        DatasetBag(tmp_path)


def test_wide_rows_join_referenced_tables(gallery: Gallery, tmp_path: Path) -> None:
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
    with pytest.raises(NotFoundError, match="is not in the bag"):
        restructure_assets(DatasetBag(bag), "Image", tmp_path / "none")
    fill_bag(gallery.catalog, bag)
    for _ in range(2):
        paths = restructure_assets(DatasetBag(bag), "Image", tmp_path / "out", group_by=["Quality", "Subject"])
    assert sorted(tmp_path.joinpath("out").rglob("*.png")) == sorted(paths)
    classes = {path.name.partition("_")[0]: path.relative_to(tmp_path / "out").parts[:2] for path in paths}
    assert classes == {rid: ("training", "bad" if rid == gallery.images[0] else "good") for rid in gallery.images[:-1]}
    assert all(path.read_bytes().startswith(b"pixels") for path in paths)


def test_an_element_in_two_parts_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    catalog = gallery.catalog
    testing = create_dataset(
        catalog, description="Leaks", types=["Testing"], members={gallery.image: gallery.images[:1]}
    ).rid
    add_members(catalog, gallery.outer, [testing])
    release(catalog, gallery.outer)
    bag = tmp_path / "bag"
    export_bag(catalog, resolve(catalog, gallery.outer), bag)
    fill_bag(catalog, bag)
    with pytest.raises(ConflictError, match="is in two parts"):
        restructure_assets(DatasetBag(bag), "Image", tmp_path / "out")
