"""All executions in short: right numbers, a fixed number of reads, and the same objects where nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dml.target import Target
from dml.workspace.assets import FileIdentity, StagedAsset, mark_uploaded, stage_assets
from dml.workspace.executions import insert_execution, update_execution
from dml.workspace.layout import Workspace
from dml.workspace.queries import list_briefs
from dml.workspace.registry import Registry


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


def test_a_brief_counts_inputs_outputs_and_names_the_workflow(registry: Registry) -> None:
    _insert(registry, "1-A", {"workflow": {"name": "Train"}, "datasets": [{}, {}], "assets": [{}]}, status="Stopped")
    _stage(registry, "1-A", "a", "b", "c")
    mark_uploaded(registry, "1-A", {"Execution_Asset/a": ("9-A", None)})
    (brief,) = list_briefs(registry)
    assert (brief.row.rid, brief.row.status, brief.workflow_name, brief.inputs) == ("1-A", "Stopped", "Train", 3)
    assert (brief.pending.files, brief.pending.bytes, brief.uploaded) == (2, 10, 1)


@pytest.mark.parametrize("configuration", ["no json", "[]", '"text"', '{"workflow": "Train", "datasets": 3}'])
def test_a_strange_configuration_has_no_name_and_no_inputs(registry: Registry, configuration: str) -> None:
    _insert(registry, "1-A", configuration)
    (brief,) = list_briefs(registry)
    assert (brief.workflow_name, brief.inputs) == ("", 0)


def test_what_did_not_change_is_the_same_object(registry: Registry) -> None:
    for rid in ("1-A", "1-B", "1-C"):
        _insert(registry, rid, {"workflow": {"name": rid}})
    first = {brief.row.rid: brief for brief in list_briefs(registry)}
    update_execution(registry, "1-B", status_detail="epoch 2")
    _stage(registry, "1-C", "model.pt")
    second = {brief.row.rid: brief for brief in list_briefs(registry, first)}
    assert second["1-A"] is first["1-A"]
    assert second["1-B"].row.status_detail == "epoch 2"
    assert second["1-B"].workflow_name == "1-B"
    assert second["1-C"].pending.files == 1


def test_the_number_of_statements_does_not_grow(registry: Registry) -> None:
    seen: list[str] = []

    def count() -> int:
        seen.clear()
        connection = registry._connection()
        connection.set_trace_callback(seen.append)
        list_briefs(registry)
        connection.set_trace_callback(None)
        return len(seen)

    _insert(registry, "1-A", {})
    one = count()
    for number in range(20):
        _insert(registry, f"2-{number}", {})
    assert count() == one


def test_a_missing_registry_is_empty_and_stays_missing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "none", Target("local", "1"))
    assert list_briefs(Registry.reading(workspace)) == []
    assert not workspace.root.exists()
