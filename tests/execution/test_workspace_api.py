"""``DerivaML``'s methods about its workspace: pins of the schema, disk space, the cache; how one is made."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dml
from dml.api.execution import Execution
from dml.api.schema_difference import compare_schemas
from dml.catalog.definitions import ColumnDefinition, create_vocabulary
from dml.deriva_ml import DerivaML
from dml.errors import ConflictError, IntegrityError, NotFoundError, RetryableError, UsageError
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.workflow import Workflow
from targets import Place


@pytest.fixture
def another(ml: DerivaML, place: Place) -> Callable[..., DerivaML]:
    """Makes a second object on the same workspace."""

    def make(**arguments: Any) -> DerivaML:
        return DerivaML(ml.host_name, ml.catalog_id, credential=place.credential, **arguments)

    return make


@pytest.fixture
def levels() -> Iterator[None]:
    """Puts the loggers' levels back."""
    before = {name: logging.getLogger(name).level for name in ("dml", "deriva", "bdbag")}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_pinned_schema_stays_until_it_is_unpinned(
    ml: DerivaML, another: Callable[..., DerivaML], domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert ml.pin_status() == dml.PinStatus(False)
    with pytest.raises(ConflictError, match="no copy"):
        ml.diff_schema()
    assert ml.pin_schema("for the paper") is None
    create_vocabulary(DerivaML(ml.host_name, ml.catalog_id, working_dir=ml.working_dir / "x").catalog, f"{domain}:New")
    other = another()
    for one in (ml, other):
        status = one.pin_status()
        assert (status.pinned, status.pin_reason) == (True, "for the paper")
        with pytest.raises(ConflictError, match="for the paper"):
            one.refresh_schema(force=True)
        with pytest.raises(NotFoundError):
            one.list_vocabulary_terms(f"{domain}:New")
    found = ml.diff_schema()
    assert found is not None
    assert f"{domain}:New" in found.added_tables
    with caplog.at_level(logging.WARNING, "dml"):
        assert other.pin_schema() == found
    assert "older than the catalog's" in caplog.text
    assert ml.pin_status().pin_reason is None
    ml.unpin_schema()
    ml.unpin_schema()
    assert ml.list_vocabulary_terms(f"{domain}:New") == []
    assert not ml.pin_status().pinned
    assert ml.pin_status().pinned_snapshot_id
    another().refresh_schema()


def test_a_pin_has_derivamls_form(ml: DerivaML) -> None:
    ml.pin_schema("why")
    kept = json.loads((ml.working_dir / "schema-cache.json").read_text())
    assert set(kept) == {"snapshot_id", "hostname", "catalog_id", "ml_schema", "schema", "pin"}
    assert set(kept["pin"]) == {"at", "reason"}
    assert "deriva-ml" in kept["schema"]["schemas"]
    (ml.working_dir / "schema-cache.json").write_text(json.dumps({**kept, "catalog_id": "another"}))
    assert ml.pin_status() == dml.PinStatus(False)
    for wrong in ("{", "{}"):
        (ml.working_dir / "schema-cache.json").write_text(wrong)
        with pytest.raises(IntegrityError, match=r"schema-cache\.json"):
            ml.pin_status()


def test_how_one_model_differs_from_another(ml: DerivaML, domain: str) -> None:
    before = ml.catalog.schema()
    ml.create_asset("Scan", [ColumnDefinition("Side")], schema=domain)
    after = ml.catalog.refresh_schema()
    found = compare_schemas(before, after)
    assert f"{domain}:Scan" in found.added_tables
    assert any(key.startswith(f"{domain}:Scan_Asset_Type(") for key in found.added_keys)
    assert (found.removed_tables, found.changed_columns) == ((), ())
    assert "added tables: " in str(found)
    assert compare_schemas(after, before).removed_tables == found.added_tables
    same = compare_schemas(after, after)
    assert same.is_empty()
    assert str(same) == "no difference"


def test_offline_nothing_is_sent(ml: DerivaML, another: Callable[..., DerivaML], execution: Execution) -> None:
    ml.pin_schema()
    ml.unpin_schema()
    offline = another(mode="offline")
    assert (offline.mode, ml.mode) == ("offline", "online")
    assert [one.rid for one in offline.list_executions()] == [execution.execution_rid]
    assert "Execution_Metadata" in [table.name for table in offline.list_asset_tables()]
    with pytest.raises(RetryableError, match="is in offline mode"):
        offline.lookup_execution(execution.execution_rid)
    with pytest.raises(UsageError, match="unknown mode"):
        another(mode="sometimes")


def test_derivamls_arguments_are_taken(ml: DerivaML, levels: None) -> None:
    made = DerivaML(
        ml.host_name,
        ml.catalog_id,
        ["lab"],
        None,
        "project",
        None,
        None,
        None,
        "deriva-ml",
        logging.ERROR,
        logging.CRITICAL,
        None,
        "s3://bucket",
        False,
        True,
        "online",
        {},
    )
    assert (made.default_schema, made.clean_execution_dir) == ("lab", True)
    assert logging.getLogger("dml").level == logging.ERROR
    assert logging.getLogger("deriva").level == logging.getLogger("bdbag").level == logging.CRITICAL
    with pytest.raises(UsageError, match="deriva-ml, not ours"):
        DerivaML("local", 1, ml_schema="ours")


def test_one_is_made_of_a_configuration(ml: DerivaML, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = SimpleNamespace(hostname=ml.host_name, catalog_id=7, working_dir=tmp_path, cache_dir=None, unheard_of=1)
    made = DerivaML.instantiate(config)
    assert (made.catalog_id, made.working_dir) == ("7", tmp_path)
    monkeypatch.setenv("DML_HOST", "data.example.org")
    monkeypatch.setenv("DML_CATALOG", "12")
    chosen = DerivaML.instantiate({"hostname": None, "catalog_id": 1, "default_schema": "lab"})
    assert (chosen.host_name, chosen.catalog_id, chosen.default_schema) == ("data.example.org", "12", "lab")
    of_theirs = DerivaML.instantiate(dml.DerivaMLConfig(hostname="other.example.org", catalog_id=3))
    assert str(of_theirs.target) == "other.example.org/3"


def test_the_directories_of_executions_are_listed_and_cleaned(
    ml: DerivaML, workflow: Workflow, execution: Execution
) -> None:
    running = ml.create_execution(workflow=workflow)
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    listed = {one["execution_rid"]: one for one in ml.list_execution_dirs()}
    assert set(listed) == {execution.execution_rid, running.execution_rid}
    mine = listed[execution.execution_rid]
    assert mine["file_count"] >= 1
    assert mine["size_bytes"] == mine["size_mb"] * 2**20 > 0
    assert Path(mine["path"]) == execution.working_dir
    summary = ml.get_storage_summary()
    assert summary["execution_dir_count"] == 2
    assert summary["total_size_mb"] == summary["cache_size_mb"] + summary["execution_size_mb"] > 0
    with pytest.warns(DeprecationWarning, match="gc_executions"):
        kept = ml.clean_execution_dirs(exclude_rids=[execution.execution_rid])
    assert kept == {"dirs_removed": 0, "bytes_freed": 0, "errors": 0}
    with pytest.warns(DeprecationWarning, match="gc_executions"):
        assert ml.clean_execution_dirs(older_than_days=1)["dirs_removed"] == 0
    with pytest.warns(DeprecationWarning, match="gc_executions"):
        done = ml.clean_execution_dirs()
    assert done == {"dirs_removed": 1, "bytes_freed": mine["size_bytes"], "errors": 0}
    assert [one["execution_rid"] for one in ml.list_execution_dirs()] == [running.execution_rid]


def test_assets_and_datasets_are_taken_out_of_the_cache(ml: DerivaML, workflow: Workflow, execution: Execution) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a.bin", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    asset = execution.uploaded_assets["Execution_Asset"][0].asset_rid
    assert asset is not None
    path = ml.download_asset(asset)
    assert path.read_text() == execution.execution_rid
    assert ml.download_asset(asset) == path
    assert [one.rid for one in ml.list_cached_assets()] == [asset]
    summary = ml.get_storage_summary()
    assert (summary["asset_count"], summary["bag_count"]) == (1, 0)
    assert summary["cache_file_count"] >= 1
    assert ml.delete_cached_asset(asset, md5="0" * 32)["assets_removed"] == 0
    done = ml.delete_cached_asset(asset)
    assert (done["assets_removed"], done["kept"]) == (1, 0)
    assert done["bytes_freed"] == len(execution.execution_rid)
    assert ml.delete_cached_asset(asset)["assets_removed"] == 0
    with pytest.raises(UsageError):
        ml.download_asset(execution.execution_rid)


def test_a_dataset_version_is_taken_out_of_the_cache(ml: DerivaML, workflow: Workflow, execution: Execution) -> None:
    dataset = execution.create_dataset("Training", description="d")
    ml.cache_dataset(dataset.dataset_rid)
    assert ml.delete_cached_bag(dataset.dataset_rid, "9.9.9")["bags_removed"] == 0
    reader = ml.create_execution(workflow=workflow, datasets=[dataset.dataset_rid])
    kept = ml.delete_cached_bag(dataset.dataset_rid)
    assert (kept["bags_removed"], kept["kept"]) == (0, 1)
    reader.abort("not needed")
    assert ml.delete_cached_bag(dataset.dataset_rid, "0.1.0")["bags_removed"] == 1
    assert ml.list_cached_bags() == []


def test_configurations_are_validated(ml: DerivaML, execution: Execution) -> None:
    dataset = execution.create_dataset("Training", description="d")
    rid = dataset.dataset_rid
    good = ml.validate_execution_configuration(ExecutionConfiguration(datasets=[rid]))  # type: ignore[list-item]
    assert good.all_valid
    wrong = ml.validate_execution_configuration({"datasets": [f"{rid}@7.0.0"], "assets": ["9-ZZZZ"]})
    assert not wrong.all_valid
    assert wrong.dataset_results[0].reasons == ("version_not_found",)
    assert wrong.asset_results[0].reasons == ("rid_not_found",)
    several = ml.validate_dataset_specs([rid, f"{execution.execution_rid}@1.0.0"])
    assert [one.valid for one in several] == [True, False]
    assert several[1].reasons == ("not_a_dataset",)


def test_a_change_of_the_members_is_announced(execution: Execution) -> None:
    dataset = execution.create_dataset("Training", description="d")
    announced = dataset.mark_dev("new labels")
    assert str(announced) == str(dataset.current_version) != "0.1.0"
    assert str(dataset.release("minor", "with labels")) == "0.2.0"


def test_a_dataset_is_split(ml: DerivaML, execution: Execution) -> None:
    with execution.execute():
        for number in range(10):
            execution.asset_file_path("Execution_Asset", f"{number}.bin", []).write_text(
                f"{number} of {execution.execution_rid}"
            )
    execution.commit_output_assets()
    ml.add_dataset_element_type("Execution_Asset")
    dataset = execution.create_dataset("Training", description="d")
    dataset.add_dataset_members([str(one.asset_rid) for one in execution.uploaded_assets["Execution_Asset"]])
    dataset.release("minor", "whole")
    made = ml.split_dataset(dataset.dataset_rid, {"training": 0.8, "testing": 0.2}, execution, seed=7)
    assert {part.name: len(part.elements) for part in made.parts} == {"training": 8, "testing": 2}
    assert ml.lookup_dataset(made.dataset.rid).execution_rid == execution.execution_rid
