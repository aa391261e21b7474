"""``DerivaML``'s methods about workflows, vocabularies, assets, features and RIDs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.catalog.definitions import ColumnDefinition
from dml.deriva_ml import DerivaML, ExecAssetType, ExecMetadataType, MLAsset
from dml.errors import NotFoundError, UsageError
from dml.execution.workflow import Workflow
from targets import Place


def test_workflows_are_made_registered_and_found(ml: DerivaML, workflow: Workflow) -> None:
    rid = ml.add_workflow(workflow)
    assert ml.add_workflow(workflow) == rid
    assert ml.add_workflow(ml.lookup_workflow(rid)) == rid
    assert ml.lookup_workflow(rid).workflow_type == ["Training"]
    for known in (workflow.url, workflow.checksum):
        assert ml.lookup_workflow_by_url(str(known)).workflow_rid == rid
    assert rid in [one.workflow_rid for one in ml.find_workflows()]
    assert ml.find_workflows(sort=True) == ml.find_workflows()[::-1]
    by_name = ml.find_workflows(sort=lambda one: one.name)
    assert [one.name for one in by_name] == sorted(one.name for one in by_name)
    assert ml.list_workflow_executions(rid) == []
    made = ml.create_workflow("Again", "Testing", url="https://example.org/again.py", checksum="again")
    assert made.workflow_type == ["Testing"]
    with pytest.raises(UsageError, match="no type"):
        ml.add_workflow(Workflow("None", url="https://example.org/none.py", checksum="none"))
    with pytest.raises(NotFoundError):
        ml.create_workflow("Wrong", "Trainign")
    with pytest.raises(NotFoundError):
        ml.lookup_workflow("9-ZZZZ")
    with pytest.raises(NotFoundError):
        ml.lookup_workflow_by_url("https://example.org/unheard-of.py")


def test_an_execution_may_name_its_workflow_by_url(ml: DerivaML, workflow: Workflow) -> None:
    rid = ml.add_workflow(workflow)
    assert ml.create_execution(workflow=str(workflow.url)).workflow_rid == rid


def test_terms_are_added_found_and_given_other_names(ml: DerivaML, domain: str) -> None:
    ml.create_vocabulary("Grade", "How good", schema=domain)
    table = f"{domain}:Grade"
    assert ml.add_term(table, "good", "fine", ["ok"]).name == "good"
    assert ml.lookup_term(table, "ok").name == "good"
    assert ml.add_synonyms(table, "ok", ["fine", "ok"]).synonyms == ("ok", "fine")
    assert [term.name for term in ml.list_vocabulary_terms(table)] == ["good"]
    with pytest.raises(NotFoundError):
        ml.lookup_term(table, "bad")


def test_assets_are_found_by_table_and_type(ml: DerivaML, domain: str, execution: Execution) -> None:
    ml.create_asset("Scan", [ColumnDefinition("Side")], schema=domain)
    with execution.execute():
        execution.asset_file_path(f"{domain}:Scan", "a.png", ["Model_File"], Side="left").write_text("a")
        execution.asset_file_path(f"{domain}:Scan", "b.png", []).write_text("b")
    execution.commit_output_assets()
    first, second = ml.list_assets("Scan")
    assert (first.filename, first.asset_table, first.metadata) == ("a.png", "Scan", {"Side": "left"})
    assert (first.asset_types, second.asset_types) == (["Model_File", "Output_File"], ["Output_File"])
    assert ml.lookup_asset(first.rid) == first
    assert ml.find_assets("Scan", "Model_File") == [first]
    assert [one.rid for one in ml.find_assets() if one.asset_table == "Scan"] == [first.rid, second.rid]
    assert "Scan" in [table.name for table in ml.list_asset_tables()]
    assert [one.execution_rid for one in ml.list_asset_executions(first.rid)] == [execution.execution_rid]
    with pytest.raises(UsageError, match="not an asset table"):
        ml.find_assets("Dataset")
    with pytest.raises(UsageError):
        ml.lookup_asset(execution.execution_rid)
    with pytest.raises(NotFoundError):
        ml.lookup_asset("9-ZZZZ")


@pytest.fixture
def graded(ml: DerivaML, domain: str, workflow: Workflow) -> tuple[str, list[str]]:
    """An asset that two executions have graded, the second one differently; its RID and theirs."""
    ml.create_vocabulary("Grade", schema=domain)
    for name in ("good", "bad"):
        ml.add_term(f"{domain}:Grade", name, name)
    ml.create_asset("Scan", schema=domain)
    ml.create_feature("Scan", "Quality", terms=["Grade"], metadata=[ColumnDefinition("Score", "float8")])
    first, second = (ml.create_execution(workflow=workflow) for _ in range(2))
    with first.execute():
        first.asset_file_path("Scan", "a.png", []).write_text("a")
    first.commit_output_assets()
    rid = str(first.uploaded_assets["Scan"][0].asset_rid)
    record = ml.feature_record_class("Scan", "Quality")
    for execution, grade in ((first, "good"), (second, "bad")):
        if execution is second:
            execution.execution_start()
        assert execution.add_features([record(Scan=rid, Grade=grade, Score=0.5)]) == 1
        execution.commit_output_assets()
    return rid, [first.execution_rid, second.execution_rid]


def test_features_and_their_values_are_read(ml: DerivaML, domain: str, graded: tuple[str, list[str]]) -> None:
    rid, (first, second) = graded
    (feature,) = ml.find_features("Scan")
    assert feature.name == ml.lookup_feature("Scan", "Quality").name
    assert feature.table.qualified_name in [one.table.qualified_name for one in ml.find_features()]
    ml.catalog.traffic.reset()
    values = ml.feature_values("Scan", "Quality")
    assert ml.catalog.traffic.requests == 1
    assert [(one.target, one.execution, one.values["Grade"]) for one in values] == [
        (rid, first, "good"),
        (rid, second, "bad"),
    ]
    assert [one.execution for one in ml.feature_values("Scan", "Quality", "newest")] == [second]
    assert [one.execution for one in ml.feature_values(f"{domain}:Scan", "Quality", "first")] == [first]
    assert [one.execution for one in ml.feature_values("Scan", "Quality", lambda of_row: of_row[0])] == [first]
    with pytest.raises(UsageError, match="unknown selector"):
        ml.feature_values("Scan", "Quality", "best")
    with pytest.raises(NotFoundError):
        ml.feature_values("Scan", "Colour")


def test_rids_are_resolved_shown_and_cited(ml: DerivaML, execution: Execution, workflow: Workflow) -> None:
    other = ml.create_execution(workflow=workflow)
    rids = [execution.execution_rid, other.execution_rid]
    assert ml.resolve_rid(rids[0]).qualified_name == "deriva-ml:Execution"
    assert list(ml.resolve_rids(rids)) == rids
    ml.catalog.traffic.reset()
    assert ml.resolve_rids(rids, ["Execution", "Dataset"])[rids[1]].table == "Execution"
    assert ml.catalog.traffic.requests == 2
    with pytest.raises(NotFoundError):
        ml.resolve_rids([*rids, "9-ZZZZ"])
    with pytest.raises(UsageError):
        ml.resolve_rid("no rid")
    link = ml.chaise_url(execution)  # type: ignore[arg-type]
    assert link.endswith(f"/id/{ml.catalog_id}/{rids[0]}")
    assert ml.cite(rids[0], current=True) == link
    assert ml.cite({"RID": rids[0]}) == ml.cite(execution.execution_record)
    assert ml.cite(execution).startswith(f"{link}@")
    with pytest.raises(NotFoundError):
        ml.cite("9-ZZZZ")


def test_who_and_where(ml: DerivaML, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ml.is_authenticated() is (ml.whoami() is not None)
    assert (ml.host_name, ml.catalog_id, ml.is_snapshot) == (place.target.host, place.target.catalog_id, False)
    assert ml.catalog_snapshot(ml.catalog.snaptime()).is_snapshot
    assert ml.cache_dir == ml.working_dir / "cache"
    assert "Execution" in ml.pathBuilder().schemas["deriva-ml"].tables
    ml.refresh_schema(force=True)
    assert MLAsset.execution_asset == "Execution_Asset"
    assert ExecAssetType.model_file == "Model_File"
    assert ExecMetadataType.metrics_file == "Metrics_File"
    (tmp_path / ".deriva-context.json").write_text(
        f'{{"hostname": "{place.target.host}", "catalog_id": "{place.target.catalog_id}", "working_dir": "w"}}'
    )
    monkeypatch.chdir(tmp_path)
    found = DerivaML.from_context()
    assert (found.host_name, found.catalog_id) == (ml.host_name, ml.catalog_id)
    assert found.working_dir.name == "w"


def test_a_commit_removes_local_files_when_the_api_was_told_so(
    place: Place, ml: DerivaML, workflow: Workflow, unique: Callable[[str], str]
) -> None:
    tidy = DerivaML(
        place.target.host,
        place.target.catalog_id,
        credential=place.credential,
        clean_execution_dir=True,
        working_dir=ml.working_dir / unique("tidy"),
    )
    execution = tidy.create_execution(workflow=workflow)
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "a", []).write_text(execution.execution_rid)
    execution.commit_output_assets()
    assert not execution.working_dir.exists()
    assert execution.catalog is tidy
    tidy.session.close()
