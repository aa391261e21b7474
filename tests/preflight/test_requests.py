"""What a preflight costs: requests that do not grow with the inputs, few round trips, and no writes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dml.catalog.connection import Catalog, connect
from dml.execution.configuration import AssetSpec, DatasetSpec, ExecutionConfiguration, Workflow
from dml.preflight.preflight import Options, build_context, preflight
from dml.preflight.results import Report, State
from dml.preflight.run_plan import plan_from_configuration
from dml.workspace import layout
from targets import Place

from .waves import counted_waves
from .world import World, add_assets

MANY = 50


def examined(place: Place, datasets: Sequence[str], assets: Sequence[str]) -> tuple[Report, Catalog]:
    """The report on a configuration, and the connection it used."""
    configuration = ExecutionConfiguration(
        workflow=Workflow("Train", "Training", url="https://example.org/train.py", checksum="1"),
        description="many inputs",
        datasets=[DatasetSpec(rid, "0.1.0") for rid in datasets],
        assets=[AssetSpec(rid) for rid in assets],
    )
    catalog = connect(place.target, credential=place.credential)
    subject = plan_from_configuration(configuration, place.target, name="many")
    look = build_context(subject, catalog, layout.find(place.target))
    return preflight(look, Options()), catalog


@pytest.fixture
def many(world: World) -> tuple[list[str], list[str]]:
    """Fifty datasets and fifty assets in two tables."""
    datasets = [world.dataset, *(world.add_dataset(members=world.images[:1]) for _ in range(MANY - 1))]
    half = MANY // 2
    files = [(f"file {number}.bin", f"content {number}".encode()) for number in range(MANY)]
    images = add_assets(world.catalog, world.table, world.folder, files[:half])
    others = add_assets(world.catalog, "deriva-ml:Execution_Asset", world.folder, files[half:])
    return datasets, images + others


def test_fifty_datasets_and_fifty_assets(
    place: Place, many: tuple[list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted_waves(monkeypatch) as waves:
        report, catalog = examined(place, *many)
    assert report.passed
    assert sum(one.group == "assets" and one.state is State.OK for one in report.results) == MANY
    assert catalog.traffic.count("HEAD") == MANY
    assert catalog.traffic.requests - MANY <= 12
    assert len(waves.sizes) <= 6, waves.sizes
    assert {method for method, _, _ in catalog.traffic.log} <= {"GET", "HEAD"}


def test_the_number_of_requests_is_that_of_one_input(
    place: Place, world: World, many: tuple[list[str], list[str]]
) -> None:
    _, few = examined(place, [world.dataset], [world.asset])
    _, lots = examined(place, *many)
    assert lots.traffic.count("GET") <= few.traffic.count("GET")


def test_fifty_inputs_that_do_not_exist(place: Place, world: World) -> None:
    missing = [f"0-{number:04d}" for number in range(2 * MANY)]
    report, catalog = examined(place, missing[:MANY], missing[MANY:])
    assert report.count(State.FAILED) >= 2 * MANY
    assert catalog.traffic.requests <= 20


def test_more_asset_tables_cost_no_more_for_more_assets(place: Place, world: World, domain: str) -> None:
    from dml.catalog.definitions import create_asset_table

    for number in range(4):
        create_asset_table(world.catalog, f"{domain}:Other_{number}")
    rids = add_assets(world.catalog, f"{domain}:Other_3", world.folder, [(f"{n}.txt", b"%d" % n) for n in range(20)])
    report, catalog = examined(place, [], [world.asset, *rids, world.images[0]])
    assert report.passed
    assert catalog.traffic.count("GET") <= 12
