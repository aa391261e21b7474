"""The screen of lineage and nesting: from any RID, opened step by step, on a real catalog and damaged records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from dml.api.execution import Execution
from dml.catalog.connection import Catalog
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.errors import NotFoundError
from dml.execution.workflow import Workflow
from dml.formatting import UNKNOWN
from dml.lineage.graph import Edge, EdgeKind, Graph
from dml.lineage.nodes import Asset, Condition, DatasetState
from dml.lineage.nodes import Execution as RunNode
from dml.nesting import add_nested_execution
from dml.tui.app import Dashboard
from dml.tui.lineage_branches import AT_ONCE, Branch, LineageReader, _branch
from dml.tui.screens.lineage import LineageScreen
from tui.conftest import Run
from tui.journey import dashboard, drive, some_executions, text_of, until


@pytest.fixture
def committed(execution: Execution, run: Run, tmp_path: Path, catalog: Catalog) -> tuple[str, str]:
    """An execution that is uploaded, and the file that it made."""
    rid = execution.execution_rid
    (tmp_path / "model.bin").write_bytes(b"weights")
    run("exec", "start", rid)
    run("exec", "stage", rid, tmp_path / "model.bin")
    run("exec", "commit", rid)
    (row,) = select(catalog, "deriva-ml:Execution_Asset", where={"Filename": "model.bin"})
    return rid, str(row["RID"])


def test_from_an_execution_and_from_a_typed_rid(live: Dashboard, committed: tuple[str, str]) -> None:
    rid, asset = committed

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "✔ Uploaded" in text_of(live), "it is read")
        await pilot.press("l")
        await until(pilot, lambda: f"Lineage of {rid}" in text_of(live) and "Train · ✔" in text_of(live), "its lineage")
        await until(pilot, lambda: f"$ dml lineage {rid}" in text_of(live))
        await pilot.press("colon", *asset, "enter")
        await until(pilot, lambda: "model.bin · Execution_Asset · 7 B" in text_of(live), "the file")
        await until(pilot, lambda: f"{rid} Train · ✔ Uploaded" in text_of(live), "and who made it")
        await pilot.press("down", "f")
        await until(pilot, lambda: f"Descendants of {rid}" in text_of(live), "the other direction")
        await until(pilot, lambda: f"output  {asset} model.bin" in text_of(live), "what it made")
        await until(pilot, lambda: f"$ dml lineage {rid} --forward" in text_of(live))

    drive(live, script, size=(120, 30))


def test_what_another_process_makes_and_nests_shows_when_asked_again(
    live: Dashboard, execution: Execution, ml: DerivaML, workflow: Workflow, run: Run, tmp_path: Path
) -> None:
    rid = execution.execution_rid
    child = ml.create_execution(workflow=workflow, description="one").execution_rid

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: rid in text_of(live), "it is read")
        await pilot.press("colon", *"lineage", "enter")
        await pilot.press("colon", *rid, "enter")
        await until(pilot, lambda: f"{rid} Train · ○ Created" in text_of(live), "it has made nothing")
        await pilot.press("f")
        await until(pilot, lambda: f"Descendants of {rid}" in text_of(live), "forward")
        (tmp_path / "model.bin").write_bytes(b"w" * 5120)
        run("exec", "start", rid)
        run("exec", "stage", rid, tmp_path / "model.bin")
        run("exec", "commit", rid)
        await pilot.press("f5")
        await until(pilot, lambda: "model.bin · Execution_Asset · 5.0 KiB" in text_of(live), "what it made, by size")
        await until(pilot, lambda: f"{rid} Train · ✔ Uploaded" in text_of(live))
        await pilot.press("home", "n")
        await until(pilot, lambda: "nothing is nested in it" in text_of(live), "no children")
        run("nested", "add", rid, child, "--sequence", "7")
        await pilot.press("f5")
        await until(pilot, lambda: f"7  {child} Train · ○ Created" in text_of(live), "its child, by its number")

    drive(live, script, size=(120, 30))


def test_nesting_opens_level_by_level(
    live: Dashboard, ml: DerivaML, workflow: Workflow, catalog: Catalog, execution: Execution
) -> None:
    child, grandchild = (ml.create_execution(workflow=workflow, description=text) for text in ("one", "two"))
    add_nested_execution(catalog, execution.execution_rid, child.execution_rid, sequence=0)
    add_nested_execution(catalog, child.execution_rid, grandchild.execution_rid, sequence=7)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: execution.execution_rid in text_of(live), "it is read")
        await pilot.press("colon", *execution.execution_rid, "enter")
        await pilot.press("n")
        await until(pilot, lambda: f"0  {child.execution_rid} Train" in text_of(live), "its child")
        assert grandchild.execution_rid not in text_of(live)
        await pilot.press("down", "enter")
        await until(pilot, lambda: f"7  {grandchild.execution_rid} Train" in text_of(live), "and the child's child")
        await pilot.press("enter")
        await until(pilot, lambda: grandchild.execution_rid not in text_of(live), "closed again")

    drive(live, script, size=(120, 30))


def test_what_the_catalog_refuses_is_said_where_the_tree_would_be() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "Type : and a RID" in text_of(app), "what to do")
        await pilot.press("l", "n", "f", "y", "enter")
        await pilot.press("colon", *"9-zz", "enter")
        await until(pilot, lambda: "No row 9-ZZ  dml exec list" in text_of(app), "it is said")

    drive(app, script)


def test_an_older_answer_does_not_replace_a_newer_question() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("4")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, LineageScreen)
        app.histories.branches["backward", "2-B"] = Branch("2-B", "2-B the newer", "asset")  # type: ignore[attr-defined]
        screen.explore("2-B", "backward")
        newest = screen._asked
        await until(pilot, lambda: "2-B the newer" in text_of(app), "the newer one")
        screen._show(Branch("2-A", "2-A the older", "asset"), newest - 1)
        await pilot.pause()
        assert "2-A the older" not in text_of(app)

    drive(app, script)


def test_a_failing_branch_is_said_and_the_tree_stays() -> None:
    def fails() -> tuple[Branch, ...]:
        raise NotFoundError("it vanished")

    app, _, _ = dashboard(some_executions())
    app.histories.branches["nested", "4W8"] = Branch("4W8", "4W8 sweep [/x]", "execution", fails)  # type: ignore[attr-defined]

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        await until(pilot, lambda: "it vanished" in text_of(app), "it is said")
        assert "4W8 sweep [/x]" in text_of(app)

    drive(app, script)


def test_conditions_circles_and_many_branches_are_said() -> None:
    many = [Asset(f"2-{number}", "deriva-ml:Image", filename=f"{number}.png") for number in range(AT_ONCE + 5)]
    strange = [
        Asset("9-A", "deriva-ml:Image", condition=Condition.deleted),
        Asset("9-B", "deriva-ml:Image", condition=Condition.unknown_provenance),
        DatasetState("9-C", "1.0.0", description="a\nb"),
    ]
    edges = [Edge(one.key, "4W8", EdgeKind.input) for one in [*many, *strange]]
    graph = Graph.of(
        [RunNode("4W8", status="Odd\x1b"), *many, *strange], [*edges, Edge("4W8", "9-C@1.0.0", EdgeKind.output)]
    )
    root = _branch(graph, graph.nodes["4W8"], None, forward=False, above=frozenset())
    assert root.text == "4W8 · · Odd␛"
    assert root.opens is not None
    below = root.opens()
    assert below[-1].text == "and 8 more"
    assert _texts(graph, strange[0].key) == f"9-A {UNKNOWN} · Image ── deleted"
    assert _texts(graph, strange[1].key) == f"9-B {UNKNOWN} · Image ── unknown provenance"
    circle = _branch(graph, graph.nodes["9-C@1.0.0"], None, forward=False, above=frozenset())
    assert circle.opens is not None
    (made,) = circle.opens()
    assert made.opens is not None
    assert any("the records form a circle" in one.text for one in _all(made.opens))


def _texts(graph: Graph, key: str) -> str:
    return _branch(graph, graph.nodes[key], None, forward=False, above=frozenset()).text


def _all(opens: Callable[[], tuple[Branch, ...]]) -> list[Branch]:
    return list(opens())


def test_reading_nesting_asks_a_level_at_a_time(catalog: Catalog, execution: Execution) -> None:
    histories = LineageReader(lambda: catalog)
    catalog.schema()
    catalog.traffic.reset()
    root = histories.nested(execution.execution_rid)
    asked = catalog.traffic.requests
    assert root.opens is not None
    (nothing,) = root.opens()
    assert nothing.text == "nothing is nested in it"
    assert asked <= 5
    assert catalog.traffic.requests - asked <= 3
