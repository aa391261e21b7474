"""``validate_execution_configuration``: the report in the form that programs for deriva-ml expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.api.validation import validate_execution_configuration
from dml.catalog.rows import insert
from dml.dataset.curation import delete_dataset
from dml.deriva_ml import DerivaML
from dml.errors import RetryableError
from dml.execution.configuration import AssetSpec, DatasetSpec, ExecutionConfiguration, LocalFile, Workflow
from targets import Place

from .sample_catalog import SampleCatalog

MISSING = "0-0000"


@pytest.fixture
def ml(place: Place) -> DerivaML:
    return DerivaML(place.target.host, place.target.catalog_id, credential=place.credential)


def test_good_configuration_is_valid(ml: DerivaML, sample: SampleCatalog, tmp_path: Path) -> None:
    (tmp_path / "local.csv").write_text("a\n")
    report = validate_execution_configuration(
        ml,
        ExecutionConfiguration(
            datasets=[DatasetSpec(sample.dataset, "0.1.0"), DatasetSpec(sample.add_dataset())],
            assets=[AssetSpec(sample.asset), LocalFile(str(tmp_path / "local.csv"))],
        ),
    )
    assert report.all_valid
    first, second = report.dataset_results
    assert (first.actual_table, first.resolved_version, first.dataset_name) == ("Dataset", "0.1.0", "Retina training")
    assert first.available_versions == ("0.1.0",)
    assert second.resolved_version == "0.1.0"
    assert (report.asset_results[0].asset_table, report.asset_results[0].filename) == ("Execution_Asset", "weights.bin")
    assert report.workflow_result is None
    assert report.cross_spec_issues == ()


def test_each_reason_is_reported(ml: DerivaML, sample: SampleCatalog) -> None:
    deleted = sample.add_dataset()
    delete_dataset(sample.catalog, deleted)
    report = validate_execution_configuration(
        ml,
        ExecutionConfiguration(
            datasets=[
                DatasetSpec(MISSING),
                DatasetSpec(sample.images[0]),
                DatasetSpec(sample.dataset, "9.9.9"),
                DatasetSpec(deleted),
            ],
            assets=[AssetSpec("0-0001"), AssetSpec(deleted), LocalFile("nowhere.csv")],
        ),
    )
    assert not report.all_valid
    assert [result.reasons for result in report.dataset_results] == [
        ("rid_not_found",),
        ("not_a_dataset",),
        ("version_not_found",),
        (),
    ]
    assert report.dataset_results[1].actual_table == "Image"
    assert report.dataset_results[3].warnings == ("dataset_deleted",)
    assert [result.reasons for result in report.asset_results] == [
        ("rid_not_found",),
        ("not_an_asset",),
        ("file_not_found",),
    ]
    (issue,) = report.cross_spec_issues
    assert (issue.kind, issue.rids) == ("role_conflict", (deleted,))


def test_registered_workflow(ml: DerivaML, sample: SampleCatalog) -> None:
    row = insert(
        sample.catalog, "deriva-ml:Workflow", [{"Name": "Old", "URL": "https://example.org/a", "Checksum": "1"}]
    )
    for rid, valid, reasons in (
        (row[0]["RID"], True, ()),
        (MISSING, False, ("rid_not_found",)),
        (sample.dataset, False, ("not_a_workflow",)),
    ):
        report = validate_execution_configuration(ml, ExecutionConfiguration(Workflow("Old", workflow_rid=rid)))
        assert report.workflow_result is not None
        assert (report.workflow_result.valid, report.workflow_result.reasons) == (valid, reasons)


def test_many_missing_rids_are_all_reported(ml: DerivaML, sample: SampleCatalog) -> None:
    specs = [DatasetSpec(f"0-{number:04d}") for number in range(20)] + [DatasetSpec(rid) for rid in sample.images]
    report = validate_execution_configuration(ml, ExecutionConfiguration(datasets=specs))
    reasons = [result.reasons[0] for result in report.dataset_results]
    assert reasons == ["rid_not_found"] * 20 + ["not_a_dataset"] * len(sample.images)


def test_failing_server_is_not_reported_as_a_missing_row(
    ml: DerivaML, sample: SampleCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RetryableError("no answer")

    monkeypatch.setattr("dml.execution.catalog_facts.select", refuse)
    with pytest.raises(RetryableError):
        validate_execution_configuration(ml, ExecutionConfiguration(datasets=[DatasetSpec(sample.dataset)]))
