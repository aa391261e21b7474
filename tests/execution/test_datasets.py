"""Datasets of executions: made, changed, released, downloaded; their bags asked like a catalog; the cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dml.api.dataset_handle import DatasetHandle
from dml.api.execution import Execution
from dml.catalog.rows import select
from dml.dataset.version import DatasetVersion
from dml.deriva_ml import DerivaML
from dml.errors import ConflictError, NotFoundError
from dml.execution.workflow import Workflow
from dml.workspace import intents


@pytest.fixture
def files(ml: DerivaML, execution: Execution) -> list[str]:
    """Three assets that may be members of datasets."""
    ml.add_dataset_element_type("Execution_Asset")
    with execution.execute():
        for name in "abc":
            execution.asset_file_path("Execution_Asset", f"{name}.txt", []).write_text(name + execution.execution_rid)
    execution.commit_output_assets()
    return sorted(str(path.asset_rid) for path in execution.uploaded_assets["Execution_Asset"])


@pytest.fixture
def dataset(execution: Execution, files: list[str]) -> DatasetHandle:
    """A released dataset of the three."""
    made = execution.create_dataset(["Training"], description="three files")
    made.add_dataset_members(files)
    made.release("minor", "with files")
    return made


def test_a_dataset_is_made_changed_and_released(ml: DerivaML, execution: Execution, dataset: DatasetHandle) -> None:
    rid = dataset.dataset_rid
    assert (dataset.current_version, dataset.dataset_types) == (DatasetVersion("0.2.0"), ["Training"])
    assert [row.execution for row in dataset.dataset_history()] == [execution.execution_rid] * 2
    assert len(ml.list_dataset_members(rid)["Execution_Asset"]) == 3
    assert ml.list_dataset_members(rid, version="0.1.0") == {}
    assert len(ml.list_dataset_members(rid, limit=2)["Execution_Asset"]) == 2
    (gone, *_) = (row["RID"] for row in dataset.list_dataset_members()["Execution_Asset"])
    assert dataset.delete_dataset_members([gone]) == {"deriva-ml:Execution_Asset": [gone]}
    assert str(dataset.current_version).startswith("0.2.0.post1.dev")
    assert ml.release_dataset(rid, "major") == DatasetVersion("1.0.0")
    assert ml.release_dataset(rid) == DatasetVersion("1.0.0")
    assert ml.add_dataset_members(rid, {"Execution_Asset": [gone]}) == {"deriva-ml:Execution_Asset": [gone]}
    assert [str(row.version) for row in ml.dataset_history(rid)][1:] == ["1.0.0", "0.2.0", "0.1.0"]
    dataset.description = "other words"
    assert ml.lookup_dataset(rid).description == "other words"
    assert "Execution_Asset" in [table.name for table in ml.list_dataset_element_types()]


def test_datasets_are_found_nested_and_deleted(ml: DerivaML, execution: Execution, dataset: DatasetHandle) -> None:
    outer = execution.create_dataset(description="outer")
    outer.add_dataset_members([dataset.dataset_rid])
    assert [str(one) for one in outer.list_dataset_children()] == [dataset.dataset_rid]
    assert [str(one) for one in dataset.list_dataset_parents()] == [outer.dataset_rid]
    assert [one.dataset_rid for one in ml.find_datasets()] == [dataset.dataset_rid, outer.dataset_rid]
    assert [one.dataset_rid for one in ml.find_datasets(sort=True)] == [outer.dataset_rid, dataset.dataset_rid]
    with pytest.raises(ConflictError):
        ml.delete_dataset(dataset.dataset_rid)
    assert ml.delete_dataset(outer, recurse=True) == sorted([outer.dataset_rid, dataset.dataset_rid])
    assert ml.find_datasets() == []
    assert len(ml.find_datasets(deleted=True)) == 2
    with pytest.raises(ConflictError):
        ml.lookup_dataset(f"{outer.dataset_rid}@0.1.0")
    assert ml.lookup_dataset(outer.dataset_rid, deleted=True).dataset_rid == outer.dataset_rid
    with pytest.raises(NotFoundError):
        ml.lookup_dataset("9-ZZZZ")


def test_a_dataset_that_was_begun_is_finished_by_the_same_call(ml: DerivaML, execution: Execution) -> None:
    first = execution.create_dataset("Testing", description="once")
    registry = ml.session.registry
    (intent,) = intents.find_intents(registry, kind="dataset", execution_rid=execution.execution_rid)
    with registry.transaction() as connection:
        connection.execute("UPDATE dml_intents SET done_at = NULL WHERE token = ?", (intent.token,))
    assert execution.create_dataset("Testing", description="once").dataset_rid == first.dataset_rid
    assert execution.create_dataset("Testing", description="once").dataset_rid != first.dataset_rid


def test_an_execution_is_given_its_datasets_when_it_starts(
    ml: DerivaML, workflow: Workflow, dataset: DatasetHandle, files: list[str]
) -> None:
    user = ml.create_execution(workflow=workflow, datasets=[f"{dataset.dataset_rid}@0.2.0"])
    assert user.database_catalog is None
    with user.execute():
        bag = user.download_dataset_bag(user.datasets[0])
        assert bag.path.parts[-3:] == ("downloaded-assets", "Dataset", dataset.dataset_rid)
        rows = bag.list_dataset_members()["deriva-ml:Execution_Asset"]
        assert sorted(row["RID"] for row in rows) == files
        assert all(bag.asset_path("Execution_Asset", row).is_file() for row in rows)
        ml.catalog.traffic.reset()
        assert user.download_dataset_bag(dataset.dataset_rid).version == DatasetVersion("0.2.0")
        assert ml.catalog.traffic.requests == 0
    with pytest.raises(ConflictError, match=r"0\.2\.0"):
        user.download_dataset_bag(f"{dataset.dataset_rid}@0.1.0")
    assert [one.dataset_rid for one in user.list_input_datasets()] == [dataset.dataset_rid]


def test_downloaded_datasets_are_asked_like_a_catalog(
    ml: DerivaML, workflow: Workflow, dataset: DatasetHandle, files: list[str]
) -> None:
    user = ml.create_execution(workflow=workflow)
    user.download_dataset_bag(dataset.dataset_rid)
    rows = select(ml.catalog, "deriva-ml:Dataset_Execution", where={"Execution": user.execution_rid})
    assert [row["Dataset"] for row in rows] == [dataset.dataset_rid]
    there = user.database_catalog
    assert there is not None
    assert [one.rid for one in there.find_datasets()] == [dataset.dataset_rid]
    assert there.lookup_dataset(dataset.dataset_rid).types == ("Training",)
    assert len(there.list_dataset_members(dataset.dataset_rid)["deriva-ml:Execution_Asset"]) == 3
    assert [row["RID"] for row in there.get_table_as_dict("Execution_Asset")] == files
    assert "deriva-ml:Execution_Asset" in there.list_tables()
    assert there.lookup_term("Dataset_Type", "Training")["Name"] == "Training"
    assert there.find_features("Execution_Asset") == []
    with pytest.raises(NotFoundError):
        there.lookup_dataset("9-ZZZZ")
    with pytest.raises(NotFoundError):
        there.lookup_term("Dataset_Type", "Unheard_Of")
    with pytest.raises(NotFoundError):
        there.feature_values("Execution_Asset", "Quality")


def test_one_more_input_is_pinned_and_recorded(ml: DerivaML, workflow: Workflow, dataset: DatasetHandle) -> None:
    user = ml.create_execution(workflow=workflow)
    spec = user.add_input_dataset(dataset.dataset_rid)
    assert str(spec) == f"{dataset.dataset_rid}@0.2.0"
    assert [(one.dataset_rid, one.version) for one in user.list_input_datasets()] == [(dataset.dataset_rid, "0.2.0")]


def test_bags_are_estimated_cached_listed_and_cleared(ml: DerivaML, dataset: DatasetHandle) -> None:
    rid = dataset.dataset_rid
    before = ml.bag_info(rid)
    assert (before["status"], before["cache_path"]) == ("not_cached", None)
    assert before["tables"]["deriva-ml:Execution_Asset"]["row_count"] == 3
    assert before["total_estimated_bytes"] == before["total_asset_bytes"] + before["total_csv_bytes"]
    assert ml.estimate_bag_size(rid)["total_rows"] == before["total_rows"]
    assert ml.cache_dataset(rid, materialize=False)["status"] != "cached_materialized"
    after = ml.cache_dataset(rid)
    assert (after["status"], after["versions_cached"]) == ("cached_materialized", ["0.2.0"])
    assert ml.download_dataset_bag(rid).version == DatasetVersion("0.2.0")
    assert dataset.download_dataset_bag("0.2.0").dataset_rid == rid
    assert [one.name for one in ml.list_cached_bags()] == [f"{rid}@0.2.0"]
    assert ml.list_cached_assets() == []
    assert ml.get_cache_size()["total_bytes"] > 0
    assert ml.clear_cache(older_than_days=1)["removed"] == 0
    assert ml.clear_cache()["removed"] == 1
    assert ml.list_cached_bags() == []


def test_clearing_a_cache_that_is_not_there(ml: DerivaML, unique: Callable[[str], str]) -> None:
    other = DerivaML(ml.host_name, ml.catalog_id, cache_dir=ml.working_dir / unique("cache"))
    assert other.clear_cache() == {"removed": 0, "kept": 0, "bytes_freed": 0}
    assert other.list_cached_bags() == []
