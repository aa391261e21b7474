"""Every snapshot shows the catalog exactly as it was, whatever was written, cascaded or remodelled since."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dml.embedded.ermrest.times import decode_snaptime, encode_snaptime

from .conftest import Wire, column, name, reference, table

PATHS = ["/entity/s:Parent@sort(RID)", "/entity/s:Child@sort(RID)"]


def state(wire: Wire, snapshot: str = "") -> Any:
    paths = [*PATHS, "/attribute/C:=s:Child/P:=left(up)=(s:Parent:key)/$C/RID,P:key,x:=P:note@sort(RID)"]
    paths += [
        "/attributegroup/s:Child/up;n:=cnt(*)@sort(up)",
        "/attribute/P:=s:Parent/C:=s:Child/k:=P:key,RID@sort(RID)",
    ]
    return [wire.get(path, snapshot=snapshot) for path in paths]


def family(wire: Wire, on_delete: str = "CASCADE") -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "Parent", [column("key", nullok=False), column("note")], [["key"]]))
    up = reference("s", "Child", ["up"], "Parent", ["key"], on_delete, "CASCADE")
    wire.post("/schema/s/table", table("s", "Child", [column("up"), column("n", "int4")], references=[up]))


operations = st.lists(
    st.tuples(
        st.sampled_from(
            ["parent", "child", "child", "rename", "note", "drop", "orphan", "upsert", "column", "refused"]
        ),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=14,
)


def apply(wire: Wire, step: int, kind: str, a: int, b: int) -> None:
    one, other = f"k{a}", f"k{b}"
    if kind == "parent":
        wire.send("POST", "/entity/s:Parent", [{"key": one}, {"key": f"new{step}"}])
    elif kind == "child":
        wire.send("POST", "/entity/s:Child", [{"up": one, "n": b}, {"up": None, "n": a}])
    elif kind == "rename":
        wire.send("PUT", "/attributegroup/s:Parent/old:=key;key", [{"old": one, "key": other}])
    elif kind == "note":
        wire.send(
            "PUT",
            "/attributegroup/s:Parent/key;note",
            [{"key": one, "note": str(step)}, {"key": other + "x", "note": ""}],
        )
    elif kind == "drop":
        wire.send("DELETE", f"/entity/s:Parent/key={one}")
    elif kind == "orphan":
        wire.send("DELETE", f"/attribute/s:Child/n={a}/up")
    elif kind == "upsert":
        wire.send("PUT", "/entity/s:Parent", [{"key": one, "note": "up"}, {"key": f"put{step}"}])
    elif kind == "column":
        wire.send("POST", "/schema/s/table/Child/column", column(f"added{step}", default="d"))
    else:
        wire.send("POST", "/entity/s:Child", [{"up": one}, {"up": "nobody"}])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=operations, on_delete=st.sampled_from(["CASCADE", "SET NULL", "NO ACTION", "RESTRICT"]))
def test_every_snapshot_is_the_state_that_was_recorded(tmp_path_factory: Any, steps: Any, on_delete: str) -> None:
    wire = Wire(tmp_path_factory.mktemp("history"))
    family(wire, on_delete)
    wire.post("/entity/s:Parent", [{"key": f"k{i}", "note": "first"} for i in range(4)])
    recorded = {wire.snaptime(): (state(wire), wire.get("/schema/s"))}
    for number, (kind, a, b) in enumerate(steps):
        apply(wire, number, kind, a, b)
        now = (state(wire), wire.get("/schema/s"))
        snapshot = wire.snaptime()
        assert recorded.setdefault(snapshot, now) == now, "a change without a snapshot of its own"
    for snapshot, (rows, schema) in recorded.items():
        assert state(wire, snapshot) == rows
        assert wire.get("/schema/s", snapshot=snapshot) == schema


def test_writes_within_one_tick_are_told_apart(wire: Wire, monkeypatch: Any) -> None:
    family(wire)
    clock = decode_snaptime(wire.snaptime())
    monkeypatch.setattr("dml.embedded.ermrest.storage.now", lambda: clock)
    snapshots = []
    for number in range(5):
        wire.post("/entity/s:Parent", [{"key": f"k{number}"}])
        snapshots.append(wire.snaptime())
    assert len(set(snapshots)) == 5
    for number, snapshot in enumerate(snapshots):
        assert wire.get("/aggregate/s:Parent/n:=cnt(*)", snapshot=snapshot) == [{"n": number + 1}]


def test_between_two_writes_the_earlier_state_holds(wire: Wire) -> None:
    family(wire)
    wire.post("/entity/s:Parent", [{"key": "a"}])
    first = decode_snaptime(wire.snaptime())
    wire.post("/entity/s:Parent", [{"key": "b"}])
    second = decode_snaptime(wire.snaptime())
    assert first is not None
    assert second is not None
    assert wire.get("/aggregate/s:Parent/n:=cnt(*)", snapshot=encode_snaptime(second - 1)) == [{"n": 1}]
    assert wire.get("/aggregate/s:Parent/n:=cnt(*)", snapshot=encode_snaptime(first - 1)) == [{"n": 0}]
    later = wire.get("/aggregate/s:Parent/n:=cnt(*)", snapshot=encode_snaptime(second + 10**9))
    assert later == [{"n": 2}]
    assert wire.status("GET", "/entity/s:Parent", snapshot=encode_snaptime(first - 10**9)) == 409


def test_the_model_of_a_snapshot_is_the_one_of_its_time(wire: Wire) -> None:
    family(wire)
    wire.post("/entity/s:Parent", [{"key": "a", "note": "7"}])
    wire.post("/entity/s:Child", [{"up": "a", "n": 1}])
    before = wire.snaptime()
    schema, rows = wire.get("/schema/s", snapshot=before), state(wire)
    wire.put("/schema/s/table/Parent/column/note", {"type": {"typename": "int4"}, "name": "number"})
    assert [row["number"] for row in wire.get("/entity/s:Parent")] == [7]
    wire.send("DELETE", "/schema/s/table/Child/column/n")
    wire.send("DELETE", "/schema/s/table/Child")
    wire.put("/schema/s/table/Parent", {"table_name": "Ancestor"})
    wire.send("DELETE", "/schema/s/table/Ancestor")
    wire.put("/schema/s", {"schema_name": "t"})
    assert wire.get("/schema/s", snapshot=before) == schema
    assert state(wire, before) == rows
    assert wire.status("GET", "/entity/s:Parent") == 409
    found = wire.get(f"/entity_rid/{rows[1][0]['RID']}")
    assert (found["schema_name"], found["table_name"]) == ("s", "Child")
    assert "deleted_at" in found
    assert "deleted_at" not in wire.get(f"/entity_rid/{rows[1][0]['RID']}", snapshot=before)


def test_outer_joins_in_the_past(wire: Wire) -> None:
    family(wire, "SET NULL")
    wire.post("/entity/s:Parent", [{"key": "a"}, {"key": "b"}])
    wire.post("/entity/s:Child", [{"up": "a", "n": 1}, {"up": None, "n": 2}])
    paths = [
        f"/attributegroup/P:=s:Parent/C:={outer}(key)=(s:Child:up)/k:=P:key,n:=C:n@sort(k,n)"
        for outer in ("left", "right", "full")
    ]
    then, snapshot = [wire.get(path) for path in paths], wire.snaptime()
    assert [len(rows) for rows in then] == [2, 2, 3]
    wire.send("DELETE", "/entity/s:Parent/key=a")
    assert [len(wire.get(path)) for path in paths] != [2, 2, 3]
    assert [wire.get(path, snapshot=snapshot) for path in paths] == then


def test_snapshot_ids_read_back() -> None:
    for text in ("361-FEMW-757T", "000-0000-0002", "7ZZ-ZZZZ-ZZZY"):
        number = decode_snaptime(text)
        assert number is not None
        assert encode_snaptime(number) == text
    assert decode_snaptime("361-FEMW-757T") == 1_795_218_296_916_605
    assert decode_snaptime("36L-femw-757t") == decode_snaptime("361-FEMW-757T")
    assert decode_snaptime("nonsense!") is None
    assert decode_snaptime("") is None
    assert name("@") == "%40"
