"""What SQLite does for a read: one statement, found by an index, a page and not the table."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from dml.embedded.ermrest import data_resource
from dml.embedded.ermrest.catalogs import Catalog
from dml.embedded.ermrest.grammar import parse_data_path
from dml.embedded.ermrest.model_history import ModelLedger
from dml.embedded.ermrest.resolve import resolve
from dml.embedded.ermrest.sql_compiler import compile_read
from dml.embedded.ermrest.storage import Storage

from .conftest import Wire, column, reference, table

ROWS = 20_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Wire:
    wire = Wire(tmp_path_factory.mktemp("plans"))
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "P", [column("k", nullok=False), column("n", "int4")], [["k"]]))
    up = reference("s", "C", ["up"], "P", ["k"])
    wire.post("/schema/s/table", table("s", "C", [column("up"), column("v")], references=[up]))
    wire.post("/entity/s:P", [{"k": f"k{number:06d}", "n": number} for number in range(ROWS)])
    wire.post("/entity/s:C", [{"up": f"k{number:06d}", "v": "v"} for number in range(ROWS)])
    return wire


def steps(wire: Wire, api: str, text: str, limit: int | None, past: bool) -> tuple[int, int]:
    """How many instructions (in hundreds) SQLite ran, and how many rows came."""
    storage = Storage(wire.file)
    catalog = Catalog(wire.catalog, storage, ModelLedger(), set())
    with storage.reading() as connection:
        view = catalog.view(connection, wire.snaptime() if past else None)
        path = parse_data_path(api, text)
        query = compile_read(path, resolve(view.model, path.elements), limit, view.snapshot)
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        connection.set_progress_handler(tick, 100)
        rows = connection.execute(query.sql, query.values).fetchall()
        connection.set_progress_handler(None, 0)
        return count, len(rows)


@pytest.mark.parametrize("past", [False, True], ids=["now", "then"])
@pytest.mark.parametrize(
    ("api", "text", "limit"),
    [
        ("entity", "s:P", 1),
        ("entity", "s:P@sort(RID)", 1),
        ("entity", "s:P@sort(RID::desc::)", 1),
        ("entity", "s:P@sort(RID)@after(1-5000)", 1),
        ("entity", "s:P@sort(k)@after(k010000)", 1),
        ("entity", "s:C@sort(up)", 1),
        ("entity", "s:P/k=k010000", None),
        ("entity", "s:P/RID=any(1-2000,1-3000,1-4000)", None),
        ("entity", "s:P/k=k010000/s:C", None),
        ("entity", "s:C/up=k010000/s:P", None),
        ("entity", "s:C/s:P", 1),
        ("attribute", "C:=s:C/P:=s:P/$C/v,P:n", 1),
        ("attribute", "P:=s:P/C:=left(k)=(s:C:up)/$P/k", 1),
        ("attribute", "P:=s:P/k=k010000/C:=left(k)=(s:C:up)/P:k,C:v", None),
        ("attributegroup", "s:C/up;n:=cnt(*)", 1),
    ],
)
def test_a_page_costs_a_page(large: Wire, api: str, text: str, limit: int | None, past: bool) -> None:
    cost, rows = steps(large, api, text, limit, past)
    assert rows <= 3
    assert cost < 20, f"{cost} hundred instructions for {rows} rows of {ROWS}"


def test_a_scan_does_cost_more_than_a_page(large: Wire) -> None:
    cost, _ = steps(large, "aggregate", "s:P/n:=sum(n)", None, False)
    assert cost > 100


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "/entity/s:P/k=k000001/s:C",
        "/attribute/P:=s:P/n::gt::5/C:=left(k)=(s:C:up)/$P/k,C:v@sort(k)@after(k000100)?limit=5",
        "/attributegroup/s:C/up;n:=cnt(*),all:=array(v)@sort(n::desc::)?limit=2",
        "/aggregate/s:P/n:=cnt_d(n),a:=array_d(n)?limit=1",
    ],
)
def test_a_read_is_one_statement_with_bound_values(
    large: Wire, path: str, snapshot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    run = data_resource._run

    def watched(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> Any:
        connection.set_trace_callback(ran.append)
        try:
            found = list(run(connection, sql, values))
        finally:
            connection.set_trace_callback(None)
        assert "k0001" not in sql
        return iter(found)

    monkeypatch.setattr(data_resource, "_run", watched)
    at = large.snaptime() if snapshot else ""
    assert large.get(path, snapshot=at)
    assert len(ran) == 1
    assert ran[0].startswith("SELECT")
