"""Overviews of executions: their numbers, a fixed number of reads, and the same objects where nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dml.target import Target
from dml.workspace.assets import mark_uploaded
from dml.workspace.executions import insert_execution, update_execution
from dml.workspace.file_identity import FileIdentity
from dml.workspace.layout import Workspace
from dml.workspace.overviews import list_overviews
from dml.workspace.registry import Registry
from dml.workspace.staging import StagedAsset, stage_assets


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.writing(Workspace(tmp_path / "workspace", Target("local", "1")))


def _insert(registry: Registry, rid: str, configuration: object, **fields: object) -> None:
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    insert_execution(registry, rid, config_json=text, **fields)  # type: ignore[arg-type]


def _stage(registry: Registry, rid: str, *names: str) -> None:
    staged = [
        StagedAsset("deriva-ml", "Execution_Asset", name, source=f"/tmp/{name}", identity=FileIdentity(5, 1, number))
        for number, name in enumerate(names)
    ]
    stage_assets(registry, rid, staged)


def test_an_overview_counts_inputs_and_outputs_and_names_the_workflow(registry: Registry) -> None:
    _insert(registry, "1-A", {"workflow": {"name": "Train"}, "datasets": [{}, {}], "assets": [{}]}, status="Stopped")
    _stage(registry, "1-A", "a", "b", "c")
    mark_uploaded(registry, "1-A", {"Execution_Asset/a": ("9-A", None)})
    (overview,) = list_overviews(registry)
    assert (overview.row.rid, overview.row.status, overview.workflow_name, overview.inputs) == (
        "1-A",
        "Stopped",
        "Train",
        3,
    )
    assert (overview.pending.files, overview.pending.bytes, overview.uploaded) == (2, 10, 1)


@pytest.mark.parametrize("configuration", ["no json", "[]", '"text"', '{"workflow": "Train", "datasets": 3}'])
def test_an_unreadable_configuration_has_no_name_and_no_inputs(registry: Registry, configuration: str) -> None:
    _insert(registry, "1-A", configuration)
    (overview,) = list_overviews(registry)
    assert (overview.workflow_name, overview.inputs) == ("", 0)


def test_an_unchanged_execution_is_the_same_object(registry: Registry) -> None:
    for rid in ("1-A", "1-B", "1-C"):
        _insert(registry, rid, {"workflow": {"name": rid}})
    first = {overview.row.rid: overview for overview in list_overviews(registry)}
    update_execution(registry, "1-B", status_detail="epoch 2")
    _stage(registry, "1-C", "model.pt")
    second = {overview.row.rid: overview for overview in list_overviews(registry, first)}
    assert second["1-A"] is first["1-A"]
    assert second["1-B"].row.status_detail == "epoch 2"
    assert second["1-B"].workflow_name == "1-B"
    assert second["1-C"].pending.files == 1


def test_the_number_of_statements_does_not_grow(registry: Registry) -> None:
    statements: list[str] = []

    def count() -> int:
        statements.clear()
        connection = registry._connection()
        connection.set_trace_callback(statements.append)
        list_overviews(registry)
        connection.set_trace_callback(None)
        return len(statements)

    _insert(registry, "1-A", {})
    count_of_one = count()
    for number in range(20):
        _insert(registry, f"2-{number}", {})
    assert count() == count_of_one


def test_a_missing_registry_is_empty_and_is_not_created(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "none", Target("local", "1"))
    assert list_overviews(Registry.reading(workspace)) == []
    assert not workspace.root.exists()
