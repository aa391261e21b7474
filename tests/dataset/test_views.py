"""Wide rows, folders by class and bags of the other program: what a bag and the catalog give is the same."""

from __future__ import annotations

import builtins
import csv
import io
import json
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
from dml.dataset.materialize import materialize
from dml.dataset.table_files import write_csv, write_table
from dml.errors import ConflictError, IntegrityError, NotFoundError, UsageError

from .test_bag import COUNT, Gallery


@pytest.fixture
def gallery(catalog: Catalog, domain: str, tmp_path: Path) -> Gallery:
    return Gallery(catalog, domain, tmp_path)


@pytest.fixture
def bag(gallery: Gallery, tmp_path: Path) -> DatasetBag:
    """The outer dataset with its files."""
    place = tmp_path / "bags" / "outer"
    export_bag(gallery.catalog, resolve(gallery.catalog, gallery.outer), place)
    materialize(gallery.catalog, place)
    return DatasetBag(place)


def test_wide_rows_have_what_a_row_refers_to_and_its_newest_values(gallery: Gallery, bag: DatasetBag) -> None:
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
        labels = [one for one in bag.feature_values("Image", "Quality") if one.target == row["Image.RID"]]
        newest = max(labels, key=lambda one: one.created).values["Label"] if labels else None
        assert row["Quality.Label"] == newest
    assert wide[0]["Quality.Label"] == "bad"
    assert {row["Quality.Label"] for row in wide[1:]} == {"good"}


def test_the_catalog_gives_the_same_rows_as_the_bag(gallery: Gallery, bag: DatasetBag) -> None:
    live = LiveDataset(gallery.catalog, resolve(gallery.catalog, gallery.outer))
    for table in bag.tables:
        assert live.rows(table) == bag.rows(table)
    wanted: dict[str, Any] = {"include": ["Subject"], "features": ["Quality"]}
    assert denormalize(live, "Image", **wanted) == bag.denormalize("Image", **wanted)
    assert live.rows("deriva-ml:File") == []


def test_what_cannot_be_joined_is_said(bag: DatasetBag) -> None:
    with pytest.raises(NotFoundError, match="no feature Colour"):
        bag.denormalize("Image", features=["Colour"])
    with pytest.raises(UsageError, match="Execution"):
        bag.denormalize("Subject", include=["deriva-ml:Execution"])
    with pytest.raises(NotFoundError, match="no table Imago"):
        bag.denormalize("Imago")


def test_files_are_arranged_by_class(gallery: Gallery, bag: DatasetBag, tmp_path: Path) -> None:
    placed = bag.restructure_assets("Image", tmp_path / "tree", group_by=["Quality"])
    assert len(placed) == COUNT - 1
    relative = sorted(path.relative_to(tmp_path / "tree").parts[:-1] for path in placed)
    assert relative == sorted([("training", "bad")] + [("training", "good")] * (COUNT - 2))
    rows = {row["RID"]: row for row in bag.rows(gallery.image)}
    for path in placed:
        rid, _, name = path.name.partition("_")
        assert name == rows[rid]["Filename"]
        assert path.read_bytes() == bag.asset_path("Image", rows[rid]).read_bytes()
    assert bag.restructure_assets("Image", tmp_path / "tree", group_by=["Quality"]) == placed


def test_an_element_of_two_parts_and_a_missing_file_are_refused(gallery: Gallery, tmp_path: Path) -> None:
    members = {gallery.image: gallery.images[:1]}
    other = create_dataset(gallery.catalog, description="Test", types=["Testing"], members=members).rid
    both = create_dataset(
        gallery.catalog, description="Both", members={"deriva-ml:Dataset": [gallery.inner, other]}
    ).rid
    for rid, kind, message in ((both, ConflictError, "in the parts"), (other, NotFoundError, "not in the bag yet")):
        place = tmp_path / rid
        export_bag(gallery.catalog, resolve(gallery.catalog, rid), place)
        with pytest.raises(kind, match=message):
            DatasetBag(place).restructure_assets("Image", tmp_path / f"tree-{rid}")


def foreign(bag: DatasetBag, place: Path) -> Path:
    """The same bag as deriva-ml lays it out: files elsewhere, nothing about the dataset in bag-info.txt."""
    import shutil

    shutil.copytree(bag.path, place)
    files = place / "data" / "asset"
    manifest = (place / "manifest-md5.txt").read_text()
    for path in sorted(files.rglob("*.png")):
        rid = path.parent.name
        moved = place / "data" / "assets" / rid / "Image" / path.name
        moved.parent.mkdir(parents=True)
        path.rename(moved)
        manifest = manifest.replace(path.relative_to(place).as_posix(), moved.relative_to(place).as_posix())
    (place / "manifest-md5.txt").write_text(manifest)
    lines = (place / "bag-info.txt").read_text().splitlines(keepends=True)
    (place / "bag-info.txt").write_text("".join(line for line in lines if "DERIVA-ML" not in line))
    return place


def test_a_bag_of_the_other_program_is_read(gallery: Gallery, bag: DatasetBag, tmp_path: Path) -> None:
    for name in (f"Dataset_{gallery.outer}", gallery.outer):
        theirs = DatasetBag(foreign(bag, tmp_path / "theirs" / name))
        assert (theirs.dataset_rid, theirs.version) == (gallery.outer, bag.version)
        assert theirs.list_dataset_members(recurse=True) == bag.list_dataset_members(recurse=True)
        for row in theirs.rows(gallery.image):
            assert theirs.asset_path("Image", row).read_bytes() == bag.asset_path("Image", row).read_bytes()
    with pytest.raises(IntegrityError, match="neither bag-info"):
        DatasetBag(foreign(bag, tmp_path / "theirs" / "somewhere"))


ROWS = [{"A.n": 1, "A.yes": True, "A.list": ["a", "ß"], "A.none": None, "A.text": 'a "b"\nc'}]


def test_tables_are_written_for_other_programs(tmp_path: Path) -> None:
    out = io.StringIO()
    write_csv(ROWS, out)
    (read,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert read == {"A.n": "1", "A.yes": "true", "A.list": '["a", "ß"]', "A.none": "", "A.text": 'a "b"\nc'}
    write_table(ROWS, tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == out.getvalue()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_parquet_without_pyarrow_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match="pyarrow") as raised:
        write_table(ROWS, tmp_path / "rows.parquet")
    assert "pip install pyarrow" in raised.value.hint
    assert list(tmp_path.glob("*rows*")) == []


def test_the_command_reads_the_catalog_a_bag_and_the_cache(
    gallery: Gallery,
    bag: DatasetBag,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not gallery.catalog.target.is_embedded:
        pytest.fail("the command line reads deriva's credential file; run this on the embedded catalog")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    def say(*words: str) -> tuple[int, str]:
        code = main([*words, "--catalog", str(gallery.catalog.target)])
        return code, capsys.readouterr().out

    wide = bag.denormalize("Image", include=["Subject"], features=["Quality"])
    options = ("Image", "--include", "Subject", "--feature", "Quality", "--json")
    for source, name in (("catalog", gallery.outer), ("bag", str(bag.path))):
        code, out = say("dataset", "denormalize", name, *options)
        assert (code, json.loads(out)["source"], json.loads(out)["rows"]) == (0, source, wide)
    assert say("cache", "warm", gallery.outer, "--progress", "none")[0] == 0
    for name in (gallery.outer, f"{gallery.outer}@0.1.0"):
        code, out = say("dataset", "denormalize", name, *options)
        assert (code, json.loads(out)["source"], json.loads(out)["rows"]) == (0, "cache", wide)
    assert json.loads(say("dataset", "denormalize", gallery.outer, *options, "--live")[1])["source"] == "catalog"
    code, out = say("dataset", "denormalize", gallery.outer, "Image")
    assert [row["Image.RID"] for row in csv.DictReader(io.StringIO(out))] == [row["Image.RID"] for row in wide]
    assert say("dataset", "denormalize", gallery.outer, "Image", "-o", "images.csv")[0] == 0
    assert (tmp_path / "images.csv").read_text(encoding="utf-8") == out
