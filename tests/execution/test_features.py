"""Feature values: checked before they are kept, and brought with the files they refer to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.catalog.definitions import create_feature, create_vocabulary
from dml.catalog.documents import ColumnDefinition
from dml.catalog.feature_records import feature_record_class
from dml.catalog.rows import insert, select
from dml.catalog.schema import Feature
from dml.catalog.vocabulary import add_term
from dml.deriva_ml import DerivaML
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.workspace import features

Run = Callable[..., Any]


@pytest.fixture
def feature(ml: DerivaML, domain: str, unique: Callable[[str], str]) -> Feature:
    """A feature of Execution_Asset: a term, a file and a number that may be missing."""
    ml.refresh_schema()
    create_vocabulary(ml.catalog, f"{domain}:Quality")
    add_term(ml.catalog, f"{domain}:Quality", "good", "fine")
    return create_feature(
        ml.catalog,
        "deriva-ml:Execution_Asset",
        unique("Rating"),
        terms=[f"{domain}:Quality"],
        assets=["deriva-ml:Execution_Metadata"],
        columns=[ColumnDefinition("Score", "float8")],
        optional=["Execution_Metadata"],
        schema=domain,
    )


@pytest.fixture
def target(ml: DerivaML, unique: Callable[[str], str]) -> str:
    """A row to be described."""
    row = {"URL": f"/hatrac/none/{unique('x')}", "Filename": "x", "Length": 1, "MD5": "0" * 32}
    return str(insert(ml.catalog, "deriva-ml:Execution_Asset", [row])[0]["RID"])


def test_value_arrives_with_the_file_it_names(
    ml: DerivaML, execution: Execution, feature: Feature, target: str
) -> None:
    record = feature_record_class(feature)
    with execution.execute():
        path = execution.metrics_file()
        path.write_text("{}\n")
        assert (
            execution.add_features([record(Execution_Asset=target, Quality="good", Execution_Metadata=path, Score=0.5)])
            == 1
        )
    assert execution.commit_output_assets().features == 1
    (row,) = select(ml.catalog, feature.table.qualified_name)
    metadata = {one.file_name: one.asset_rid for one in execution.uploaded_assets["Execution_Metadata"]}
    assert (row["Execution"], row["Execution_Asset"], row["Quality"], row["Score"], row["Feature_Name"]) == (
        execution.execution_rid, target, "good", 0.5, feature.name,
    )  # fmt: skip
    assert row["Execution_Metadata"] == metadata["metrics.jsonl"]
    assert execution.commit_output_assets().nothing_done


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Quality": "god"}, "god"),
        ({"Quality": "good", "Score": "high"}, "does not fit Score"),
        ({"Quality": "good", "Score": float("nan")}, "does not fit Score"),
        ({"Quality": 3}, "does not fit Quality"),
    ],
)
def test_value_that_does_not_fit_keeps_all_out(
    execution: Execution, feature: Feature, target: str, values: dict[str, Any], message: str
) -> None:
    record = feature_record_class(feature)
    good = record(Execution_Asset=target, Quality="good")
    with pytest.raises((UsageError, NotFoundError)) as caught:
        execution.add_features([good, record(Execution_Asset=target, **values)])
    assert message in str(caught.value)
    assert features.list_features(execution.session.registry, execution.execution_rid) == []


def test_second_value_for_a_row_is_refused_and_stays_pending(
    ml: DerivaML, execution: Execution, feature: Feature, target: str
) -> None:
    record = feature_record_class(feature)
    with execution.execute():
        execution.add_features([record(Execution_Asset=target, Quality="good", Score=score) for score in (0.1, 0.2)])
    with pytest.raises(ConflictError, match=feature.name):
        execution.commit_output_assets()
    assert execution.status == "Failed"
    assert sum(row.pending + row.failed for row in execution.pending_summary().rows) == 2
    assert len(select(ml.catalog, feature.table.qualified_name)) <= 1


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("csv", "Execution_Asset,Quality,Score\n{},good,0.5\n"),
        ("jsonl", '{{"Execution_Asset": "{}", "Quality": "good", "Score": 0.5}}\n'),
    ],
)
def test_values_come_from_a_file(
    dml: Run, execution: Execution, feature: Feature, target: str, tmp_path: Path, suffix: str, text: str
) -> None:
    file = tmp_path / f"values.{suffix}"
    file.write_text(text.format(target))
    name = f"Execution_Asset.{feature.name}"
    ran = dml("exec", "stage-features", execution.execution_rid, file, "--feature", name, "--json")
    assert ran.code == 0, ran.err
    (row,) = features.list_features(execution.session.registry, execution.execution_rid)
    assert (row.record["Quality"], row.record["Score"]) == ("good", 0.5)
    file.write_text(text.format("not a rid"))
    ran = dml("exec", "stage-features", execution.execution_rid, file, "--feature", name)
    assert ran.code == 2
    assert dml("exec", "stage-features", execution.execution_rid, file, "--feature", "Execution_Asset.No").code == 6
