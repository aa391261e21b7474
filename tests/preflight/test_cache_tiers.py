"""Tiers of the inputs: nothing here, all here, some missing; live and exact sizes; ``--fix``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.catalog.connection import connect
from dml.dataset.members import add_members
from dml.experiment.composition import ComposeRequest, compose
from dml.experiment.project import find_project
from dml.preflight.fix import fix
from dml.preflight.preflight import build_context, preflight
from dml.preflight.results import Report, State
from dml.preflight.run_plan import plan_from_composition
from dml.workspace import layout
from experiments import RetinaProject
from targets import Place

from .world import World

Checked = Callable[..., Report]


def mended(project: RetinaProject, place: Place) -> tuple[list[str], Report]:
    """What ``--fix`` does, and the report afterwards."""
    subject = plan_from_composition(compose(find_project(directory=project.root), ComposeRequest()))
    workspace = layout.find(place.target)
    look = build_context(subject, connect(place.target, credential=place.credential), workspace)
    done = fix(look)
    again = build_context(subject, connect(place.target, credential=place.credential), workspace)
    return done, preflight(again)


def test_fixing_brings_everything_here(good: RetinaProject, world: World, place: Place, home: Path) -> None:
    done, report = mended(good, place)
    assert done == [f"downloaded {world.dataset}@0.1.0, 2 files", f"downloaded {world.asset}"]
    assert [one.message for one in report.of("cache")] == ["all 2 inputs are cached"]
    assert report.summary.bytes_to_fetch == 0
    assert set(report.summary.datasets.values()) == {"cached_materialized"}
    assert set(report.summary.assets.values()) == {"cached_materialized"}
    assert mended(good, place)[0] == []


def test_what_is_cached_is_not_asked_for(good: RetinaProject, checked: Checked, place: Place) -> None:
    before = checked(good).requests
    mended(good, place)
    after = checked(good)
    assert after.requests < before
    assert "in the cache" in after.of("assets")[0].message


def test_files_that_are_missing_are_told(good: RetinaProject, checked: Checked, world: World, place: Place) -> None:
    mended(good, place)
    cache = Cache.of(layout.find(place.target))
    with Index.writing(cache) as index, index.transaction() as connection:
        connection.execute("UPDATE dml_files SET present = 0 WHERE length = 3")
        connection.execute("UPDATE dml_bags SET missing = 1, missing_bytes = 3")
    report = checked(good)
    (warned,) = [one for one in report.results if one.state is State.WARNING]
    assert warned.message == f"{world.dataset}@0.1.0 cached_incomplete: 1 of 2 files missing, 3 B to download"
    assert warned.fix == f"dml cache warm {world.dataset}@0.1.0"


def test_live_sizes_count_members_of_nested_datasets_once(good: RetinaProject, checked: Checked, world: World) -> None:
    outer = world.add_dataset(members=world.images[:1], nested=[world.dataset])
    path = good.configs / "datasets.py"
    path.write_text(path.read_text().replace(world.dataset, outer))
    assert checked(good, "assets=no_assets").summary.bytes_to_fetch == 2 * len(b"one") + len(b"twotwo")


def test_exact_sizes_are_those_of_the_snapshot(good: RetinaProject, checked: Checked, world: World) -> None:
    later = world.add_asset("later.png", b"later than the release", table=world.table)
    add_members(world.catalog, world.dataset, {world.table: [later]})
    released = len(b"one") + len(b"twotwo")
    live = checked(good, "assets=no_assets").summary.bytes_to_fetch
    exact = checked(good, "assets=no_assets", exact=True).summary.bytes_to_fetch
    assert (live, exact) == (released + len(b"later than the release"), released)


def test_offline_the_cache_is_still_looked_at(
    good: RetinaProject, checked: Checked, world: World, place: Place
) -> None:
    report = checked(good, offline=True)
    assert report.requests == 0
    (warned,) = [one for one in report.results if one.state is State.WARNING]
    assert (warned.group, warned.message) == ("cache", f"{world.dataset}@0.1.0 not_cached")
    assert {one.group for one in report.results if one.message == "not checked (--offline)"} >= {"identity", "datasets"}
    mended(good, place)
    assert [one for one in checked(good, offline=True).results if one.state is State.WARNING] == []


def test_a_preflight_leaves_nothing_on_disk(good: RetinaProject, checked: Checked, home: Path) -> None:
    checked(good, "+multirun=lr_sweep")
    assert not (home / ".deriva-ml").exists()
    assert good.git("status", "--porcelain", "--ignored") == "!! .venv\n"
