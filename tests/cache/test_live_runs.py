"""Executions and the cache: what a live or pending one needs stays, and no run changes what others are given."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.cache.bags import place_bag, warm_bag
from dml.cache.index import Index
from dml.cli.__main__ import main
from dml.dataset.bag import DatasetBag
from dml.deriva_ml import DerivaML
from dml.execution.configuration import AssetSpec
from dml.execution.workflow import Workflow
from targets import Place

from .gallery import Gallery, contents, objects_fetched

Cache = Callable[..., tuple[int, str]]


@pytest.fixture
def ml(place: Place, gallery: Gallery) -> Iterator[DerivaML]:
    """The Python API on the gallery's catalog."""
    made = DerivaML(place.target.host, place.target.catalog_id, credential=place.credential)
    yield made
    made.session.close()


@pytest.fixture
def cache_command(place: Place) -> Cache:
    """Runs ``dml cache`` beside the live execution; returns exit code and standard output."""

    def run(*words: str) -> tuple[int, str]:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["cache", *words, "--catalog", str(place.target)])
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


def bags_here(home: Path, rid: str) -> int:
    return len(list(home.rglob(f"cache/bags/*/Dataset_{rid}")))


def test_clearing_takes_nothing_that_a_live_or_pending_execution_needs(
    gallery: Gallery, ml: DerivaML, cache_command: Cache, home: Path
) -> None:
    old, new, image = f"{gallery.dataset}@1.0.0", f"{gallery.dataset}@1.1.0", gallery.images[4]
    assert cache_command("warm", new, f"{gallery.plain}@1.0.0")[0] == 0
    running, pending = create(ml, old, image), create(ml, new)
    with running.execute():
        inputs = running.working_dir / "downloaded-assets"
        before = files(inputs)
        assert len(before) > 5
        assert len(list(home.rglob(f"cache/assets/{image}_*/*.png"))) == 1
        for words in (("--all",), ("--keep", "0"), ("--older-than", "0d"), ("--debris",)):
            code, said = cache_command("clear", *words, "--yes")
            assert code == 0, said
        assert bags_here(home, gallery.plain) == 0, "nobody needs it"
        for name in (old, new, image):
            code, said = cache_command("clear", name, "--yes")
            assert (code, "needed by" in said) == (7, True)
        assert bags_here(home, gallery.dataset) == 2
        assert len(list(home.rglob(f"cache/assets/{image}_*/*.png"))) == 1
        assert files(inputs) == before
        assert cache_command("verify")[0] == 0
    assert "needed by" in cache_command("clear", old, "--yes")[1], "it stopped, and waits to be uploaded"
    ml.catalog.traffic.reset()
    with pending.execute():
        assert objects_fetched(ml.catalog) == [], "what it needs was kept for it"
    running.commit_output_assets()
    pending.abort("not wanted")
    assert cache_command("clear", "--all", "--yes")[0] == 0
    assert bags_here(home, gallery.dataset) == 0
    assert files(inputs) == before, "a run keeps what it was given"
    bag = DatasetBag(next(inputs.glob(f"Dataset/{gallery.dataset}")))
    assert contents(bag.path) == {rid: gallery.content[rid] for rid in gallery.images[:4]}


def test_a_run_is_given_files_that_it_cannot_write_to(gallery: Gallery, ml: DerivaML) -> None:
    execution = create(ml, f"{gallery.dataset}@1.0.0", gallery.images[4])
    with execution.execute():
        given = [path for path in (execution.working_dir / "downloaded-assets").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o222 for path in given} == {0}


def test_what_a_run_forces_upon_its_inputs_reaches_no_other_run(gallery: Gallery, index: Index, tmp_path: Path) -> None:
    name = f"{gallery.dataset}@1.0.0"
    mine, next_one = tmp_path / "mine", tmp_path / "next"
    place_bag(warm_bag(index, gallery.catalog, name), mine)
    image, table = next(mine.rglob("*.png")), next(mine.rglob("Image.csv"))
    for path in (image, table):
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.write(b"edited")
    gallery.catalog.traffic.reset()
    place_bag(warm_bag(index, gallery.catalog, name), next_one)
    assert contents(next_one) == {rid: gallery.content[rid] for rid in gallery.images[:4]}
    assert not next(next_one.rglob("Image.csv")).read_bytes().startswith(b"edited")
    assert len(objects_fetched(gallery.catalog)) <= 1, "at most the edited one, where it was a hard link"
    assert image.read_bytes().startswith(b"edited"), "its own copy stays as it made it"
