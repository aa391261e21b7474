"""Clearing keeps what executions need, and no run can change the files that other runs are given."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.cache.index import Index
from dml.cache.link import link_bag
from dml.cache.warm_bag import warm_bag
from dml.cli.__main__ import main
from dml.dataset.bag import DatasetBag
from dml.deriva_ml import DerivaML
from dml.execution.configuration import AssetSpec
from dml.execution.workflow import Workflow
from targets import Place

from .gallery import Gallery, contents, objects_fetched

CacheCommand = Callable[..., tuple[int, str]]


@pytest.fixture
def ml(place: Place, gallery: Gallery) -> Iterator[DerivaML]:
    """The Python API on the gallery's catalog."""
    api = DerivaML(place.target.host, place.target.catalog_id, credential=place.credential)
    yield api
    api.session.close()


@pytest.fixture
def cache_command(place: Place) -> CacheCommand:
    """Runs ``dml cache`` while an execution is live; returns the exit code and all output."""

    def run(*arguments: str) -> tuple[int, str]:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["cache", *arguments, "--catalog", str(place.target)])
        return code, out.getvalue() + err.getvalue()

    return run


def create(ml: DerivaML, version: str, asset: str = "") -> Execution:
    name = uuid.uuid4().hex
    workflow = Workflow("Train", "Training", url=f"https://example.org/{name}.py", checksum=name)
    assets = [AssetSpec(asset, cache=True)] if asset else []
    return ml.create_execution(workflow=workflow, datasets=[version], assets=assets)


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def cached_bags(home: Path, rid: str) -> int:
    return len(list(home.rglob(f"cache/bags/*/Dataset_{rid}")))


def test_clearing_keeps_what_a_live_or_pending_execution_needs(
    gallery: Gallery, ml: DerivaML, cache_command: CacheCommand, home: Path
) -> None:
    old, new, image = f"{gallery.dataset}@1.0.0", f"{gallery.dataset}@1.1.0", gallery.images[4]
    assert cache_command("warm", new, f"{gallery.plain}@1.0.0")[0] == 0
    running, pending = create(ml, old, image), create(ml, new)
    with running.execute():
        inputs = running.working_dir / "downloaded-assets"
        before = files(inputs)
        assert len(before) > 5
        assert len(list(home.rglob(f"cache/assets/{image}_*/*.png"))) == 1
        for options in (("--all",), ("--keep", "0"), ("--older-than", "0d"), ("--debris",)):
            code, output = cache_command("clear", *options, "--yes")
            assert code == 0, output
        assert cached_bags(home, gallery.plain) == 0, "no execution needs it"
        for name in (old, new, image):
            code, output = cache_command("clear", name, "--yes")
            assert (code, "needed by" in output) == (7, True)
        assert cached_bags(home, gallery.dataset) == 2
        assert len(list(home.rglob(f"cache/assets/{image}_*/*.png"))) == 1
        assert files(inputs) == before
        assert cache_command("verify")[0] == 0
    assert "needed by" in cache_command("clear", old, "--yes")[1], "it has stopped and has not been uploaded"
    ml.catalog.traffic.reset()
    with pending.execute():
        assert objects_fetched(ml.catalog) == [], "its inputs were kept"
    running.commit_output_assets()
    pending.abort("not needed")
    assert cache_command("clear", "--all", "--yes")[0] == 0
    assert cached_bags(home, gallery.dataset) == 0
    assert files(inputs) == before, "a run keeps its files"
    bag = DatasetBag(next(inputs.glob(f"Dataset/{gallery.dataset}")))
    assert contents(bag.path) == {rid: gallery.content[rid] for rid in gallery.images[:4]}


def test_a_run_is_given_read_only_files(gallery: Gallery, ml: DerivaML) -> None:
    execution = create(ml, f"{gallery.dataset}@1.0.0", gallery.images[4])
    with execution.execute():
        inputs = [path for path in (execution.working_dir / "downloaded-assets").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o222 for path in inputs} == {0}


def test_changes_that_a_run_forces_on_its_inputs_reach_no_other_run(
    gallery: Gallery, index: Index, tmp_path: Path
) -> None:
    name = f"{gallery.dataset}@1.0.0"
    first, second = tmp_path / "first", tmp_path / "second"
    link_bag(warm_bag(index, gallery.catalog, name).path, first)
    image, table = next(first.rglob("*.png")), next(first.rglob("Image.csv"))
    for path in (image, table):
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.write(b"edited")
    gallery.catalog.traffic.reset()
    link_bag(warm_bag(index, gallery.catalog, name).path, second)
    assert contents(second) == {rid: gallery.content[rid] for rid in gallery.images[:4]}
    assert not next(second.rglob("Image.csv")).read_bytes().startswith(b"edited")
    assert len(objects_fetched(gallery.catalog)) <= 1, "only the edited one, if it was a hard link"
    assert image.read_bytes().startswith(b"edited"), "its own copy is left as it is"
