"""The cost of a preflight: a constant number of requests, few round trips, and no writes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dml.catalog.connection import Catalog, connect
from dml.execution.configuration import AssetSpec, DatasetSpec, ExecutionConfiguration, Workflow
from dml.preflight.preflight import Options, build_context, preflight
from dml.preflight.results import Report, State
from dml.preflight.run_plan import plan_from_configuration
from dml.workspace.layout import find_workspace
from targets import Place

from .round_trips import count_round_trips
from .sample_catalog import SampleCatalog, add_assets

MANY = 50


def run_preflight(place: Place, datasets: Sequence[str], assets: Sequence[str]) -> tuple[Report, Catalog]:
    """The report on a configuration, and the connection that was used."""
    configuration = ExecutionConfiguration(
        workflow=Workflow("Train", "Training", url="https://example.org/train.py", checksum="1"),
        description="many inputs",
        datasets=[DatasetSpec(rid, "0.1.0") for rid in datasets],
        assets=[AssetSpec(rid) for rid in assets],
    )
    catalog = connect(place.target, credential=place.credential)
    plan = plan_from_configuration(configuration, place.target, name="many")
    context = build_context(plan, catalog, find_workspace(place.target))
    return preflight(context, Options()), catalog


@pytest.fixture
def many(sample: SampleCatalog) -> tuple[list[str], list[str]]:
    """Fifty datasets, and fifty assets in two tables."""
    datasets = [sample.dataset, *(sample.add_dataset(members=sample.images[:1]) for _ in range(MANY - 1))]
    half = MANY // 2
    files = [(f"file {number}.bin", f"content {number}".encode()) for number in range(MANY)]
    images = add_assets(sample.catalog, sample.table, sample.folder, files[:half])
    others = add_assets(sample.catalog, "deriva-ml:Execution_Asset", sample.folder, files[half:])
    return datasets, images + others


def test_fifty_datasets_and_fifty_assets(
    place: Place, many: tuple[list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with count_round_trips(monkeypatch) as round_trips:
        report, catalog = run_preflight(place, *many)
    assert report.passed
    assert sum(result.group == "assets" and result.state is State.OK for result in report.results) == MANY
    assert catalog.traffic.count("HEAD") == MANY
    assert catalog.traffic.requests - MANY <= 12
    assert len(round_trips.sizes) <= 6, round_trips.sizes
    assert {method for method, _, _ in catalog.traffic.log} <= {"GET", "HEAD"}


def test_requests_do_not_grow_with_the_inputs(
    place: Place, sample: SampleCatalog, many: tuple[list[str], list[str]]
) -> None:
    _, single = run_preflight(place, [sample.dataset], [sample.asset])
    _, fifty = run_preflight(place, *many)
    assert fifty.traffic.count("GET") <= single.traffic.count("GET")


def test_fifty_inputs_that_do_not_exist(place: Place, sample: SampleCatalog) -> None:
    missing = [f"0-{number:04d}" for number in range(2 * MANY)]
    report, catalog = run_preflight(place, missing[:MANY], missing[MANY:])
    assert report.count(State.FAILED) >= 2 * MANY
    assert catalog.traffic.requests <= 20


def test_requests_do_not_grow_with_the_assets_of_many_tables(place: Place, sample: SampleCatalog, domain: str) -> None:
    from dml.catalog.definitions import create_asset_table

    for number in range(4):
        create_asset_table(sample.catalog, f"{domain}:Other_{number}")
    rids = add_assets(sample.catalog, f"{domain}:Other_3", sample.folder, [(f"{n}.txt", b"%d" % n) for n in range(20)])
    report, catalog = run_preflight(place, [], [sample.asset, *rids, sample.images[0]])
    assert report.passed
    assert catalog.traffic.count("GET") <= 12
