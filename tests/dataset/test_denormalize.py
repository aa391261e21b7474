"""Wide rows, folders by class, table files and bags of deriva-ml; a bag and the catalog give the same rows."""

from __future__ import annotations

import builtins
import csv
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from dml.catalog.connection import Catalog
from dml.cli.__main__ import main
from dml.dataset.bag import DatasetBag
from dml.dataset.bag_export import export_bag
from dml.dataset.curation import create_dataset
from dml.dataset.denormalized_rows import denormalize
from dml.dataset.live_dataset import LiveDataset
from dml.dataset.lookup import resolve
from dml.dataset.table_files import write_csv, write_table
from dml.errors import ConflictError, IntegrityError, NotFoundError, UsageError

from .fill import fill_bag
from .test_bag import COUNT, Gallery


@pytest.fixture
def gallery(catalog: Catalog, domain: str, tmp_path: Path) -> Gallery:
    return Gallery(catalog, domain, tmp_path)


@pytest.fixture
def bag(gallery: Gallery, tmp_path: Path) -> DatasetBag:
    """The outer dataset with its files."""
    path = tmp_path / "bags" / "outer"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), path)
    fill_bag(gallery.catalog, path)
    return DatasetBag(path)


def test_wide_rows_hold_referenced_rows_and_the_newest_values(gallery: Gallery, bag: DatasetBag) -> None:
    wide = bag.denormalize("Image", include=["Subject"], features=["Quality"])
    assert [row["Image.RID"] for row in wide] == sorted(gallery.images[: COUNT - 1])
    subjects = {row["RID"]: row for row in bag.rows(gallery.subject)}
    for row in wide:
        subject = subjects[row["Image.Subject"]]
        assert (row["Subject.RID"], row["Subject.Name"], row["Subject.Age"]) == (
            subject["RID"],
            subject["Name"],
            subject["Age"],
        )
        labels = [value for value in bag.feature_values("Image", "Quality") if value.target == row["Image.RID"]]
        newest = max(labels, key=lambda value: value.created).values["Label"] if labels else None
        assert row["Quality.Label"] == newest
    assert wide[0]["Quality.Label"] == "bad"
    assert {row["Quality.Label"] for row in wide[1:]} == {"good"}


def test_the_catalog_gives_the_same_rows_as_the_bag(gallery: Gallery, bag: DatasetBag) -> None:
    live = LiveDataset(gallery.catalog, resolve(gallery.catalog, gallery.outer))
    for table in bag.tables:
        assert live.rows(table) == bag.rows(table)
    options: dict[str, Any] = {"include": ["Subject"], "features": ["Quality"]}
    assert denormalize(live, "Image", **options) == bag.denormalize("Image", **options)
    assert live.rows("deriva-ml:File") == []


def test_tables_that_cannot_be_joined_are_refused(bag: DatasetBag) -> None:
    with pytest.raises(NotFoundError, match="no feature Colour"):
        bag.denormalize("Image", features=["Colour"])
    with pytest.raises(UsageError, match="Execution"):
        bag.denormalize("Subject", include=["deriva-ml:Execution"])
    with pytest.raises(NotFoundError, match="no table Imago"):
        bag.denormalize("Imago")


def test_files_are_arranged_by_class(gallery: Gallery, bag: DatasetBag, tmp_path: Path) -> None:
    paths = bag.restructure_assets("Image", tmp_path / "tree", group_by=["Quality"])
    assert len(paths) == COUNT - 1
    relative = sorted(path.relative_to(tmp_path / "tree").parts[:-1] for path in paths)
    assert relative == sorted([("training", "bad")] + [("training", "good")] * (COUNT - 2))
    rows = {row["RID"]: row for row in bag.rows(gallery.image)}
    for path in paths:
        rid, _, name = path.name.partition("_")
        assert name == rows[rid]["Filename"]
        assert path.read_bytes() == bag.asset_path("Image", rows[rid]).read_bytes()
    assert bag.restructure_assets("Image", tmp_path / "tree", group_by=["Quality"]) == paths


def test_an_element_of_two_parts_and_a_missing_file_are_refused(gallery: Gallery, tmp_path: Path) -> None:
    members = {gallery.image: gallery.images[:1]}
    other = create_dataset(gallery.catalog, description="Test", types=["Testing"], members=members).rid
    both = create_dataset(
        gallery.catalog, description="Both", members={"deriva-ml:Dataset": [gallery.inner, other]}
    ).rid
    for rid, kind, message in ((both, ConflictError, "in two parts"), (other, NotFoundError, "is not in the bag")):
        path = tmp_path / rid
        export_bag(gallery.catalog, resolve(gallery.catalog, rid), path)
        with pytest.raises(kind, match=message):
            DatasetBag(path).restructure_assets("Image", tmp_path / f"tree-{rid}")


def copy_as_deriva_ml_bag(bag: DatasetBag, path: Path) -> Path:
    """Copy a bag in the layout of deriva-ml: files elsewhere, and no dataset in bag-info.txt."""
    shutil.copytree(bag.path, path)
    manifest = (path / "manifest-md5.txt").read_text()
    for file in sorted((path / "data" / "asset").rglob("*.png")):
        moved = path / "data" / "assets" / file.parent.name / "Image" / file.name
        moved.parent.mkdir(parents=True)
        file.rename(moved)
        manifest = manifest.replace(file.relative_to(path).as_posix(), moved.relative_to(path).as_posix())
    (path / "manifest-md5.txt").write_text(manifest)
    lines = (path / "bag-info.txt").read_text().splitlines(keepends=True)
    (path / "bag-info.txt").write_text("".join(line for line in lines if "DERIVA-ML" not in line))
    return path


def test_a_bag_of_deriva_ml_is_read(gallery: Gallery, bag: DatasetBag, tmp_path: Path) -> None:
    for name in (f"Dataset_{gallery.outer}", gallery.outer):
        copy = DatasetBag(copy_as_deriva_ml_bag(bag, tmp_path / "copies" / name))
        assert (copy.dataset_rid, copy.version) == (gallery.outer, bag.version)
        assert copy.list_dataset_members(recurse=True) == bag.list_dataset_members(recurse=True)
        for row in copy.rows(gallery.image):
            assert copy.asset_path("Image", row).read_bytes() == bag.asset_path("Image", row).read_bytes()
    with pytest.raises(IntegrityError, match="neither bag-info"):
        DatasetBag(copy_as_deriva_ml_bag(bag, tmp_path / "copies" / "somewhere"))


ROWS = [{"A.n": 1, "A.yes": True, "A.list": ["a", "ß"], "A.none": None, "A.text": 'a "b"\nc'}]
COLUMNS = list(ROWS[0])


def test_rows_are_written_as_csv_and_json(tmp_path: Path) -> None:
    text = io.StringIO()
    write_csv(COLUMNS, ROWS, text)
    (row,) = csv.DictReader(io.StringIO(text.getvalue()))
    assert row == {"A.n": "1", "A.yes": "true", "A.list": '["a", "ß"]', "A.none": "", "A.text": 'a "b"\nc'}
    for name in ("rows.csv", "rows.json", "rows.jsonl"):
        write_table(COLUMNS, ROWS, tmp_path / name)
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == text.getvalue()
    assert json.loads((tmp_path / "rows.json").read_text(encoding="utf-8")) == ROWS
    assert [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()] == ROWS
    with pytest.raises(UsageError, match="no known suffix"):
        write_table(COLUMNS, ROWS, tmp_path / "rows.xlsx")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def import_without_pyarrow(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(builtins, "__import__", import_without_pyarrow)
    with pytest.raises(UsageError, match="pyarrow") as raised:
        write_table(COLUMNS, ROWS, tmp_path / "rows.parquet")
    assert "pip install pyarrow" in raised.value.hint
    assert list(tmp_path.glob("*rows*")) == []


def test_the_command_reads_from_the_catalog_a_bag_and_the_cache(
    gallery: Gallery,
    bag: DatasetBag,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not gallery.catalog.target.is_embedded:
        pytest.fail("the command line reads deriva's credential file: run this on the embedded catalog")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str]:
        code = main([*arguments, "--catalog", str(gallery.catalog.target)])
        return code, capsys.readouterr().out

    wide = bag.denormalize("Image", include=["Subject"], features=["Quality"])
    options = ("Image", "--include", "Subject", "--feature", "Quality", "--json")
    for source, name in (("catalog", gallery.outer), ("bag", str(bag.path))):
        code, out = run("dataset", "denormalize", name, *options)
        assert (code, json.loads(out)["source"], json.loads(out)["rows"]) == (0, source, wide)
    assert run("cache", "warm", gallery.outer, "--progress", "none")[0] == 0
    for name in (gallery.outer, f"{gallery.outer}@0.1.0"):
        code, out = run("dataset", "denormalize", name, *options)
        assert (code, json.loads(out)["source"], json.loads(out)["rows"]) == (0, "cache", wide)
    assert json.loads(run("dataset", "denormalize", gallery.outer, *options, "--live")[1])["source"] == "catalog"
    code, out = run("dataset", "denormalize", gallery.outer, "Image")
    assert [row["Image.RID"] for row in csv.DictReader(io.StringIO(out))] == [row["Image.RID"] for row in wide]
    assert run("dataset", "denormalize", gallery.outer, "Image", "-o", "images.csv")[0] == 0
    assert (tmp_path / "images.csv").read_text(encoding="utf-8") == out
