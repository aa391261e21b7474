"""Nested executions in a catalog: order, roll-up, differences, metrics, and changing them."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from dml.catalog.connection import Catalog
from dml.catalog.objects import object_path, upload
from dml.catalog.rows import insert, select
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.nesting.edit import add_nested_execution, remove_nested_execution
from dml.nesting.tree import (
    NESTING,
    is_nested,
    is_parent,
    list_execution_children,
    list_execution_parents,
    read_nesting,
)
from dml.nesting.view import build_view, view_mapping

EXECUTION = "deriva-ml:Execution"


def runs(catalog: Catalog, number: int, **values: Any) -> list[str]:
    rows = [{"Status": "Uploaded", "Description": uuid.uuid4().hex, **values} for _ in range(number)]
    return [row["RID"] for row in insert(catalog, EXECUTION, rows)]


def nest(catalog: Catalog, parent: str, child: str, sequence: int | None = None) -> None:
    insert(catalog, NESTING, [{"Execution": parent, "Nested_Execution": child, "Sequence": sequence}])


def test_children_stand_by_sequence_then_by_time(catalog: Catalog) -> None:
    parent, a, b, c, d = runs(catalog, 5)
    for child, sequence in ((a, None), (b, 2), (c, 0), (d, None)):
        nest(catalog, parent, child, sequence)
    assert [run.rid for run in list_execution_children(catalog, parent)] == [c, b, a, d]
    assert [run.rid for run in list_execution_parents(catalog, b)] == [parent]
    assert is_parent(catalog, parent)
    assert is_nested(catalog, a)
    assert not is_parent(catalog, a)


def test_each_is_listed_once_in_diamonds_and_circles(catalog: Catalog) -> None:
    root, left, right, low = runs(catalog, 4)
    for place, (parent, child) in enumerate([(root, left), (root, right), (left, low), (right, low), (low, root)]):
        nest(catalog, parent, child, place)
    assert [run.rid for run in list_execution_children(catalog, root, recurse=True)] == [left, low, right]
    assert [run.rid for run in list_execution_children(catalog, root)] == [left, right]


def test_a_level_is_one_request(catalog: Catalog) -> None:
    root, *rest = runs(catalog, 50)
    for child in rest[:7]:
        nest(catalog, root, child)
    for number, child in enumerate(rest[7:]):
        nest(catalog, rest[number % 7], child)
    catalog.schema()
    catalog.traffic.reset()
    assert len(read_nesting(catalog, root).members) == 49
    assert catalog.traffic.requests <= 3 + 2


def test_self_circles_and_other_sequences_are_refused(catalog: Catalog) -> None:
    top, middle, low = runs(catalog, 3)
    assert add_nested_execution(catalog, top, middle, sequence=0)
    assert not add_nested_execution(catalog, top, middle, sequence=0)
    assert add_nested_execution(catalog, middle, low)
    with pytest.raises(UsageError, match="in itself"):
        add_nested_execution(catalog, top, top)
    with pytest.raises(ConflictError, match="circle"):
        add_nested_execution(catalog, low, top)
    with pytest.raises(ConflictError, match="with sequence 0"):
        add_nested_execution(catalog, top, middle, sequence=1)
    with pytest.raises(UsageError, match="not a place"):
        add_nested_execution(catalog, top, low, sequence=-1)
    with pytest.raises(NotFoundError):
        add_nested_execution(catalog, top, "9ZZZ-9ZZZ")
    workflow = insert(catalog, "deriva-ml:Workflow", [{"Name": "w"}])[0]["RID"]
    with pytest.raises(UsageError, match="not an execution"):
        add_nested_execution(catalog, top, workflow)
    assert remove_nested_execution(catalog, top, middle)
    assert not remove_nested_execution(catalog, top, middle)
    assert select(catalog, EXECUTION, where={"RID": middle})


def test_the_parent_does_not_tell_how_its_children_went(catalog: Catalog) -> None:
    (parent,) = runs(catalog, 1, Status="Stopped")
    done, failed, running = *runs(catalog, 1), *runs(catalog, 1, Status="Failed"), *runs(catalog, 1, Status="Running")
    for child in (done, failed, running):
        nest(catalog, parent, child)
    view = build_view(catalog, parent)
    assert view.rollup.sentence == "1 of 3 Uploaded, 1 Running, 1 Failed"
    assert view.rollup.remarks == (f"{parent} is Stopped, but {running} is still said to be running",)
    assert not view.is_settled


def test_what_differs_and_the_last_metrics_are_columns(catalog: Catalog, tmp_path: Path) -> None:
    (parent,) = runs(catalog, 1)
    children = []
    for place, rate in enumerate(("0.1", "0.01")):
        text = f"[Job {place}] sweep [overrides: lr={rate}, layers=[1,2], seed=1]"
        (child,) = runs(catalog, 1, Description=text, Execution_Duration="0.0H 1.0min 30.0sec")
        nest(catalog, parent, child, place)
        stage_metrics(catalog, child, tmp_path, [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0 - place / 2}])
        children.append(child)
    view = build_view(catalog, parent)
    assert view.columns == ("lr",)
    assert view.metrics == ("loss",)
    assert [row.metrics for row in view.rows] == [{"epoch": 2.0, "loss": 1.0}, {"epoch": 2.0, "loss": 0.5}]
    assert view.best == {"loss": children[1]}
    shown = view_mapping(view)
    assert json.loads(json.dumps(shown)) == shown
    assert shown["executions"][0]["overrides"] == {"lr": "0.1", "layers": "[1,2]", "seed": "1"}
    assert shown["executions"][0]["duration"] == 90.0


def stage_metrics(catalog: Catalog, execution: str, directory: Path, steps: list[dict[str, float]]) -> None:
    content = f"{uuid.uuid4()} is no object\n".encode() + b"".join(json.dumps(step).encode() + b"\n" for step in steps)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = directory / f"{digest}.jsonl"
    path.write_bytes(content)
    url = upload(catalog, path, object_path("Execution_Metadata", digest, "metrics.jsonl"), md5_hex=digest)
    row = {"URL": url, "Filename": "metrics.jsonl", "Length": len(content), "MD5": digest}
    (asset,) = insert(catalog, "deriva-ml:Execution_Metadata", [row])
    link = {"Execution_Metadata": asset["RID"], "Execution": execution, "Asset_Role": "Output"}
    insert(catalog, "deriva-ml:Execution_Metadata_Execution", [link])
    types = {"Execution_Metadata": asset["RID"], "Asset_Type": "Metrics_File"}
    insert(catalog, "deriva-ml:Execution_Metadata_Asset_Type", [types])
