"""Cache tiers of the inputs: none cached, all cached, some files missing; current and exact sizes; ``--fix``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.catalog.connection import connect
from dml.dataset.members import add_members
from dml.experiment.compose import compose
from dml.experiment.composition import ComposeRequest
from dml.experiment.project import find_project
from dml.preflight.fix import fix
from dml.preflight.preflight import build_context, preflight
from dml.preflight.results import Report, State
from dml.preflight.run_plan import plan_from_composition
from dml.workspace.layout import find_workspace
from experiments import RetinaProject
from targets import Place

from .sample_catalog import SampleCatalog

RunChecks = Callable[..., Report]


def fix_inputs(project: RetinaProject, place: Place) -> tuple[list[str], Report]:
    """Run ``--fix``; return what it did and a new report."""
    plan = plan_from_composition(compose(find_project(directory=project.root), ComposeRequest()))
    workspace = find_workspace(place.target)
    context = build_context(plan, connect(place.target, credential=place.credential), workspace)
    actions = fix(context)
    again = build_context(plan, connect(place.target, credential=place.credential), workspace)
    return actions, preflight(again)


def test_fix_downloads_all_inputs(
    clean_project: RetinaProject, sample: SampleCatalog, place: Place, home: Path
) -> None:
    actions, report = fix_inputs(clean_project, place)
    assert actions == [f"downloaded {sample.dataset}@0.1.0, 2 files", f"downloaded {sample.asset}"]
    assert [result.message for result in report.of("cache")] == ["all 2 inputs are cached"]
    assert report.summary.bytes_to_fetch == 0
    assert set(report.summary.datasets.values()) == {"cached_materialized"}
    assert set(report.summary.assets.values()) == {"cached_materialized"}
    assert fix_inputs(clean_project, place)[0] == []


def test_cached_inputs_cost_no_requests(clean_project: RetinaProject, run_checks: RunChecks, place: Place) -> None:
    before = run_checks(clean_project).requests
    fix_inputs(clean_project, place)
    after = run_checks(clean_project)
    assert after.requests < before
    assert "in the cache" in after.of("assets")[0].message


def test_missing_files_are_reported(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog, place: Place
) -> None:
    fix_inputs(clean_project, place)
    cache = Cache.of(find_workspace(place.target))
    with Index.writing(cache) as index, index.transaction() as connection:
        connection.execute("UPDATE dml_files SET present = 0 WHERE length = 3")
        connection.execute("UPDATE dml_bags SET missing = 1, missing_bytes = 3")
    report = run_checks(clean_project)
    (warned,) = [result for result in report.results if result.state is State.WARNING]
    assert warned.message == f"{sample.dataset}@0.1.0 cached_incomplete: 1 of 2 files missing, 3 B to download"
    assert warned.fix == f"dml cache warm {sample.dataset}@0.1.0"


def test_live_sizes_count_members_of_nested_datasets_once(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    outer = sample.add_dataset(members=sample.images[:1], nested=[sample.dataset])
    path = clean_project.configs / "datasets.py"
    path.write_text(path.read_text().replace(sample.dataset, outer))
    assert run_checks(clean_project, "assets=no_assets").summary.bytes_to_fetch == 2 * len(b"one") + len(b"twotwo")


def test_exact_sizes_are_read_at_the_snapshot(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    later = sample.add_asset("later.png", b"later than the release", table=sample.table)
    add_members(sample.catalog, sample.dataset, {sample.table: [later]})
    released = len(b"one") + len(b"twotwo")
    live = run_checks(clean_project, "assets=no_assets").summary.bytes_to_fetch
    exact = run_checks(clean_project, "assets=no_assets", exact=True).summary.bytes_to_fetch
    assert (live, exact) == (released + len(b"later than the release"), released)


def test_offline_reports_the_cache(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog, place: Place
) -> None:
    report = run_checks(clean_project, offline=True)
    assert report.requests == 0
    (warned,) = [result for result in report.results if result.state is State.WARNING]
    assert (warned.group, warned.message) == ("cache", f"{sample.dataset}@0.1.0 not_cached")
    assert {result.group for result in report.results if result.message == "not checked (--offline)"} >= {
        "identity",
        "datasets",
    }
    fix_inputs(clean_project, place)
    assert [result for result in run_checks(clean_project, offline=True).results if result.state is State.WARNING] == []


def test_preflight_writes_nothing_to_disk(clean_project: RetinaProject, run_checks: RunChecks, home: Path) -> None:
    run_checks(clean_project, "+multirun=lr_sweep")
    assert not (home / ".deriva-ml").exists()
    assert clean_project.git("status", "--porcelain", "--ignored") == "!! .venv\n"
