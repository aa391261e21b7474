"""Files made known by reference: their rows, their datasets nested like their directories; files brought at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.asset.file_spec import FileSpec
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.errors import NotFoundError, UsageError
from dml.execution.upload_directory import UploadState

MD5 = "0" * 32


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A directory with files at two levels and an empty level between."""
    for name in ("readme.txt", "left/eye one.png", "right/deep/b.png", "right/deep/c.png"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "scans"


def test_specifications_of_a_directory_name_every_file(scans: Path) -> None:
    specs = list(FileSpec.create_filespecs(scans, "a scan", lambda path: ["Image"] if path.suffix == ".png" else []))
    assert [one.path for one in specs] == [
        scans / "readme.txt",
        scans / "left" / "eye one.png",
        scans / "right" / "deep" / "b.png",
        scans / "right" / "deep" / "c.png",
    ]
    assert {one.url.partition("://")[0] for one in specs} == {"tag"}
    assert specs[1].file_types == ("File", "Image")
    assert specs[0].length == len("readme.txt")


def test_specifications_are_read_from_json_lines(tmp_path: Path) -> None:
    lines = tmp_path / "files.jsonl"
    one = {"url": "tag://lab,2024-01-01:file:///data/a.png", "md5": MD5, "length": 3, "file_types": ["File"]}
    lines.write_text(json.dumps(one) + "\n\n" + json.dumps({**one, "url": "/data/b.png"}) + "\n")
    first, second = FileSpec.read_filespec(lines)
    assert first.path == Path("/data/a.png")
    assert second.url.endswith(":file:///data/b.png")
    lines.write_text("[1]\n")
    with pytest.raises(UsageError, match="Line 1"):
        list(FileSpec.read_filespec(lines))


@pytest.mark.parametrize("values", [{"md5": "x"}, {"length": -1}, {"length": "3"}])
def test_a_malformed_specification_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        FileSpec(**{"url": "/a", "md5": MD5, "length": 3, **values})  # type: ignore[arg-type]


def test_files_become_datasets_nested_like_their_directories(ml: DerivaML, execution: Execution, scans: Path) -> None:
    made = execution.add_files(FileSpec.create_filespecs(scans), ["Training"], "the scans")
    assert made.dataset_types == ["Directory", "File", "Training"]
    assert made.description == "the scans"
    assert [row["Filename"] for row in made.list_dataset_members()["File"]] == ["readme.txt"]
    below = made.list_dataset_children(recurse=True)
    rows = select(ml.catalog, "deriva-ml:Directory_Dataset", where={"Dataset": [made.dataset_rid, *map(str, below)]})
    assert {row["Path"] for row in rows} == {str(scans / part) for part in ("", "left", "right", "right/deep")}
    names = {row["Filename"] for row in made.list_dataset_members(recurse=True)["File"]}
    assert names == {"readme.txt", "eye one.png", "b.png", "c.png"}
    assert {one.filename for one in execution.list_assets("Output") if one.asset_table == "File"} == names
    assert made.execution_rid == execution.execution_rid


def test_adding_the_same_files_again_makes_nothing_twice(ml: DerivaML, execution: Execution, scans: Path) -> None:
    first = ml.add_files(FileSpec.create_filespecs(scans), execution.execution_rid)
    again = execution.add_files(FileSpec.create_filespecs(scans))
    assert again.dataset_rid == first.dataset_rid
    assert len(ml.list_files(["File"])) == 4
    assert len(ml.find_datasets()) == 4


def test_files_that_cannot_be_added_leave_nothing(ml: DerivaML, execution: Execution, scans: Path) -> None:
    spec = FileSpec("/data/a.png", MD5, 1)
    before = len(ml.list_files())
    for files, problem in (([], UsageError), ([spec, spec], UsageError)):
        with pytest.raises(problem):
            execution.add_files(files)
    with pytest.raises(NotFoundError, match="Asset_Type"):
        execution.add_files(FileSpec.create_filespecs(scans, file_types=["Unheard_Of"]))
    with pytest.raises(NotFoundError, match="Dataset_Type"):
        execution.add_files(FileSpec.create_filespecs(scans), "Unheard_Of")
    assert len(ml.list_files()) == before


def test_a_directory_of_assets_goes_up_at_once_and_the_status_stays(
    ml: DerivaML, execution: Execution, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for name in ("Execution_Asset/a.bin", "Execution_Asset/deep/b.bin"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(f"{name} {execution.execution_rid}")
    with execution.execute():
        states = execution.upload_assets(out)
        assert execution.status == "Running"
    assert states is not None
    assert {path.relative_to(out).as_posix(): one.state for path, one in states.items()} == {
        "Execution_Asset/a.bin": UploadState.success,
        "Execution_Asset/deep/b.bin": UploadState.success,
    }
    rids = {one.result for one in states.values()}
    assert {ml.lookup_asset(rid).filename for rid in rids} == {"a.bin", "deep__b.bin"}


def test_nothing_to_upload_is_none_and_a_stray_file_is_refused(execution: Execution, tmp_path: Path) -> None:
    (tmp_path / "out" / "Execution_Asset").mkdir(parents=True)
    assert execution.upload_assets(tmp_path / "out") is None
    (tmp_path / "out" / "stray").write_text("x")
    with pytest.raises(UsageError, match="stray"):
        execution.upload_assets(tmp_path / "out")
    with pytest.raises(NotFoundError):
        execution.upload_assets(tmp_path / "none")
