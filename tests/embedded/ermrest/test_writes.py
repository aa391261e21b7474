"""Writing rows: keys, references and what they cascade to, defaults, types, conflicts, other body formats."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Wire, column, name, reference, table

CSV = {"Content-Type": "text/csv"}


def family(wire: Wire, on_delete: str, on_update: str, nullok: bool = True) -> dict[str, str]:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "P", [column("k", nullok=False)], [["k"]]))
    up = reference("s", "C", ["up"], "P", ["k"], on_delete, on_update)
    wire.post("/schema/s/table", table("s", "C", [column("up", nullok=nullok, default="d")], references=[up]))
    wire.post("/entity/s:P", [{"k": "a"}, {"k": "b"}, {"k": "d"}])
    return {row["up"]: row["RMT"] for row in wire.post("/entity/s:C", [{"up": "a"}, {"up": "b"}])}


@pytest.mark.parametrize(
    ("action", "status", "left"),
    [
        ("NO ACTION", 409, ["a", "b"]),
        ("RESTRICT", 409, ["a", "b"]),
        ("CASCADE", 204, ["b"]),
        ("SET NULL", 204, ["b", None]),
    ],
)
def test_deleting_what_is_referred_to(wire: Wire, action: str, status: int, left: list[Any]) -> None:
    family(wire, action, "NO ACTION")
    assert wire.status("DELETE", "/entity/s:P/k=a") == status
    assert [row["up"] for row in wire.get("/attribute/s:C/up@sort(up)")] == left


@pytest.mark.parametrize(
    ("action", "after"),
    [("NO ACTION", None), ("RESTRICT", None), ("CASCADE", ["b", "z"]), ("SET NULL", ["b", None])],
)
def test_renaming_what_is_referred_to(wire: Wire, action: str, after: list[Any] | None) -> None:
    times = family(wire, "NO ACTION", action)
    status = wire.status("PUT", "/attributegroup/s:P/old:=k;k", [{"old": "a", "k": "z"}])
    assert status == (409 if after is None else 200)
    rows = wire.get("/entity/s:C@sort(up)")
    assert [row["up"] for row in rows] == (after or ["a", "b"])
    moved = [row for row in rows if row["up"] in ("z", None)]
    assert all(row["RMT"] > times["a"] for row in moved), "a cascade is a modification"
    assert [row["RMT"] for row in rows if row["up"] == "b"] == [times["b"]]


def test_a_cascade_cannot_break_not_null(wire: Wire) -> None:
    family(wire, "SET NULL", "NO ACTION", nullok=False)
    assert wire.status("DELETE", "/entity/s:P/k=a") == 409
    assert len(wire.get("/entity/s:P")) == 3


def test_rows_of_one_request_may_refer_to_each_other(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    self_reference = reference("s", "T", ["up"], "T", ["k"], "CASCADE")
    wire.post("/schema/s/table", table("s", "T", [column("k"), column("up")], [["k"]], [self_reference]))
    wire.post("/entity/s:T", [{"k": "c", "up": "b"}, {"k": "b", "up": "a"}, {"k": "a", "up": None}])
    assert wire.status("DELETE", "/entity/s:T/k=a") == 204
    assert wire.get("/entity/s:T") == []


def test_a_row_is_stamped_by_the_server(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("v")]))
    sent = {"RID": "X-XXXX", "RCT": "1999-01-01", "RMT": "1999-01-01", "RCB": "me", "RMB": "me", "v": "1"}
    (row,) = wire.post("/entity/s:T", [sent])
    assert row["RID"] != "X-XXXX"
    assert row["RCT"] == row["RMT"] > "2020"
    assert row["RCB"] == row["RMB"] == wire.get("/attribute/public:ERMrest_Client/ID")[0]["ID"]
    (kept,) = wire.post("/entity/s:T?nondefaults=RID,RCT,RCB", [{**sent, "v": "2"}])
    assert (kept["RID"], kept["RCT"], kept["RCB"]) == ("X-XXXX", "1999-01-01T00:00:00+00:00", "me")
    (changed,) = wire.put("/attributegroup/s:T/RID;v", [{"RID": kept["RID"], "v": "3"}])
    assert changed == {"RID": "X-XXXX", "v": "3"}
    (now,) = wire.get("/entity/s:T/RID=X-XXXX")
    assert (now["RCT"], now["RCB"]) == (kept["RCT"], "me")
    assert now["RMT"] > row["RMT"]
    for system in ("RID", "RCT", "RCB", "RMT", "RMB"):
        assert wire.status("PUT", f"/attributegroup/s:T/v;{system}", [{"v": "1", system: "x"}]) == 403


def test_a_rid_of_another_row_is_refused_and_a_leased_one_taken(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    for each in ("T", "U"):
        wire.post("/schema/s/table", table("s", each, [column("v")]))
    (row,) = wire.post("/entity/s:T", [{"v": "1"}])
    taken = [{"RID": row["RID"], "v": "2"}]
    assert wire.status("POST", "/entity/s:T?nondefaults=RID", taken) == 409
    assert wire.status("POST", "/entity/s:U?nondefaults=RID", taken) == 409
    assert wire.post("/entity/s:T?nondefaults=RID&onconflict=skip", taken) == []
    (lease,) = wire.post("/entity/public:ERMrest_RID_Lease", [{"ID": "mine"}])
    assert wire.get(f"/entity_rid/{lease['RID']}")["table_name"] == "ERMrest_RID_Lease"
    wire.post("/entity/s:U?nondefaults=RID", [{"RID": lease["RID"], "v": "leased"}])
    assert wire.get(f"/entity_rid/{lease['RID']}")["table_name"] == "U"
    assert wire.status("POST", "/entity/public:ERMrest_RID_Lease", [{"ID": "mine"}]) == 409
    assert wire.post("/entity/public:ERMrest_RID_Lease?onconflict=skip", [{"ID": "mine"}]) == []
    wire.send("DELETE", f"/entity/s:U/RID={lease['RID']}")
    wire.send("DELETE", f"/entity/public:ERMrest_RID_Lease/RID={lease['RID']}")
    assert "deleted_at" in wire.get(f"/entity_rid/{lease['RID']}")


def test_new_rids_pass_over_those_that_clients_chose(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("v")]))
    (last,) = wire.post("/entity/s:T", [{"v": "1"}])
    head, tail = last["RID"].split("-")
    chosen = [f"{head}-{tail[:-1]}{digit}" for digit in "XYZ"]
    wire.post("/entity/s:T?nondefaults=RID", [{"RID": rid, "v": rid} for rid in chosen if rid > last["RID"]])
    made = wire.post("/entity/s:T", [{"v": str(number)} for number in range(64)])
    assert len({row["RID"] for row in made} | set(chosen)) == 64 + len(chosen)


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("int2", 32767, 32767), ("int2", 32768, 400), ("int4", "12", 12), ("int4", 1.5, 400), ("int4", 2.0, 400),
        ("int8", 2**63 - 1, 2**63 - 1), ("int8", 2**63, 400), ("float8", 0.1, 0.1), ("float8", "1e3", 1000),
        ("float8", 1.7976931348623157e308, 1.7976931348623157e308), ("float8", "Infinity", "Infinity"),
        ("float8", "NaN", 400), ("float4", 3, 3), ("numeric", "12.50", 12.5), ("numeric", 10**17, 10**17),
        ("numeric", "0.12345678901234567890", 400), ("boolean", "t", True), ("boolean", False, False),
        ("boolean", "maybe", 400), ("boolean", 1, True), ("date", "2024-02-29", "2024-02-29"),
        ("date", "2024-02-30", 400), ("date", "2024-02-29T10:00:00", "2024-02-29"),
        ("timestamp", "2024-01-02 03:04:05.5", "2024-01-02T03:04:05.5"),
        ("timestamptz", "2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05+00:00"),
        ("timestamptz", "2024-01-02", "2024-01-02T00:00:00+00:00"), ("timestamptz", "soon", 400),
        ("timestamptz", "0001-01-01T00:00:00+05:00", 400),
        ("uuid", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"), ("uuid", "x", 400),
        ("text", 5, "5"), ("text", True, "true"), ("text", [1, "a"], '[1,"a"]'), ("markdown", "*x*", "*x*"),
        ("json", {"b": 1, "a": [None]}, {"b": 1, "a": [None]}), ("jsonb", "text", "text"), ("jsonb", 1.5, 1.5),
        ("text[]", ["a", None, "{}"], ["a", None, "{}"]), ("text[]", "a", 400), ("int4[]", [1, "2"], [1, 2]),
        ("int4[]", ["x"], 400), ("float8[]", [0.1, None], [0.1, None]), ("boolean[]", [True, "f"], [True, False]),
        ("color_rgb_hex", "#00AAff", "#00AAff"), ("color_rgb_hex", "blue", 400),
    ],
)  # fmt: skip
def test_a_value_is_kept_by_its_type_or_refused(wire: Wire, kind: str, sent: Any, kept: Any) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("v", kind)]))
    if kept == 400:
        assert wire.status("POST", "/entity/s:T", [{"v": sent}]) == 400
        assert wire.get("/entity/s:T") == []
        return
    assert [row["v"] for row in wire.post("/entity/s:T", [{"v": sent}])] == [kept]
    assert wire.get("/attribute/s:T/v") == [{"v": kept}]
    assert wire.get("/aggregate/s:T/all:=array(v)") == [{"all": [kept]}]
    assert wire.get("/aggregate/s:T/all:=array(*)")[0]["all"][0]["v"] == kept
    text = wire.send("GET", "/attribute/s:T/v", headers={"Accept": "text/csv"}).content
    if not kind.startswith("json"):
        assert wire.status("POST", "/entity/s:T", data=text, headers=CSV) == 200
        assert wire.get("/attribute/s:T/v") == [{"v": kept}, {"v": kept}]


def vocabulary(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    columns = [
        column("ID", "ermrest_curie", False, "s:{RID}"), column("Name", nullok=False),
        column("Size", "int4", default=7), column("At", "serial4", False), column("Synonyms", "text[]"),
    ]  # fmt: skip
    wire.post("/schema/s/table", table("s", "V", columns, [["ID"], ["Name"]]))


def test_defaults_are_used_where_asked_for(wire: Wire) -> None:
    vocabulary(wire)
    rows = wire.post("/entity/s:V?defaults=ID,Size,At", [{"Name": "a", "Size": 1}, {"Name": "b", "Size": 2}])
    assert [(row["ID"] == f"s:{row['RID']}", row["Size"], row["At"], row["Synonyms"]) for row in rows] == [
        (True, 7, 1, []), (True, 7, 2, [])
    ]  # fmt: skip
    assert wire.status("POST", "/entity/s:V?defaults=ID,Nope,At", [{"Name": "c"}]) == 409
    assert wire.status("POST", "/entity/s:V?defaults=ID", [{"Name": "c"}]) == 409
    (row,) = wire.post("/entity/s:V?defaults=ID,At&onconflict=skip", [{"Name": "a"}, {"Name": "c", "Synonyms": None}])
    assert (row["Name"], row["Size"], row["Synonyms"]) == ("c", None, None)
    assert wire.status("POST", "/entity/s:V?onconflict=replace", []) == 400


def test_conflicts_within_a_request_and_with_what_is_stored(wire: Wire) -> None:
    vocabulary(wire)
    wire.post("/entity/s:V?defaults=ID,At", [{"Name": "a"}])
    same = [{"Name": "b"}, {"Name": "b"}]
    assert wire.status("POST", "/entity/s:V?defaults=ID,At", same) == 400
    assert wire.status("POST", "/entity/s:V?defaults=ID,At&onconflict=skip", same) == 400
    half = [{"ID": "1", "Name": "b"}, {"ID": "2", "Name": "b"}]
    assert wire.status("POST", "/entity/s:V?defaults=At", half) == 409
    assert wire.status("POST", "/entity/s:V?defaults=ID,At", [{"Name": "b"}, {"Name": "a"}]) == 409
    assert [row["Name"] for row in wire.get("/entity/s:V")] == ["a"]


def test_put_entity_replaces_and_inserts(wire: Wire) -> None:
    vocabulary(wire)
    (row,) = wire.post("/entity/s:V?defaults=ID,At", [{"Name": "a", "Size": 1}])
    body = [{"ID": row["ID"], "Name": "a", "At": 9}, {"ID": "own", "Name": "n", "At": 10, "Size": 3}]
    written = wire.put("/entity/s:V", body)
    assert [(one["ID"], one["Name"], one["Size"]) for one in written] == [(row["ID"], "a", None), ("own", "n", 3)]
    (changed,) = wire.get("/entity/s:V/Name=a")
    assert changed["RID"] == row["RID"]
    assert changed["RCT"] == row["RCT"] < changed["RMT"]
    wire.post("/schema/s/table", table("s", "Plain", [column("v")]))
    assert wire.status("PUT", "/entity/s:Plain", [{"RID": "1", "v": "x"}]) == 409


def test_an_update_finds_its_rows_before_it_changes_any(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("k"), column("v")]))
    wire.post("/entity/s:T", [{"k": "a"}, {"k": "b"}, {"k": None}, {"k": "a"}])
    written = wire.put("/attributegroup/s:T/old:=k;k", [{"old": "a", "k": "b"}, {"old": "b", "k": "c"}])
    assert sorted((row["old"], row["k"]) for row in written) == [("a", "b"), ("a", "b"), ("b", "c")]
    assert [row["k"] for row in wire.get("/attribute/s:T/RID,k@sort(RID)")] == ["b", "c", None, "b"]
    assert wire.put("/attributegroup/s:T/k;v", [{"k": None, "v": "null"}]) == [{"k": None, "v": "null"}]
    assert wire.status("PUT", "/attributegroup/s:T/k;v", [{"k": "b", "v": "1"}, {"k": "b", "v": "2"}]) == 400
    assert wire.status("PUT", "/attributegroup/s:T/k", [{"k": "b"}]) == 400
    assert wire.status("PUT", "/attributegroup/s:T/k;k", [{"k": "b"}]) == 400
    assert wire.status("PUT", "/attributegroup/s:T/v=1/k;v", [{"k": "b", "v": "1"}]) == 400


def test_compare_and_set_by_a_key_of_two_columns(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("Status")]))
    (row,) = wire.post("/entity/s:T", [{"Status": "Created"}])
    path = "/attributegroup/s:T/RID,Status;new:=Status"
    assert len(wire.put(path, [{"RID": row["RID"], "Status": "Created", "new": "Running"}])) == 1
    assert wire.put(path, [{"RID": row["RID"], "Status": "Created", "new": "Aborted"}]) == []
    assert wire.get("/attribute/s:T/Status") == [{"Status": "Running"}]


def test_an_etag_guards_a_write_and_follows_its_table_only(wire: Wire) -> None:
    family(wire, "CASCADE", "CASCADE")
    held = wire.send("GET", "/entity/s:C").headers["ETag"]
    wire.post("/schema/s/table", table("s", "Other", [column("v")]))
    held = wire.send("GET", "/entity/s:C").headers["ETag"]
    wire.post("/entity/s:Other", [{"v": "x"}])
    assert wire.send("GET", "/entity/s:C", headers={"If-None-Match": held}).status_code == 304
    assert wire.send("PUT", "/attributegroup/s:C/up;up2:=up", [], headers={"If-Match": '"x-json"'}).status_code == 412
    wire.put("/attributegroup/s:P/old:=k;k", [{"old": "a", "k": "z"}])
    assert wire.send("GET", "/entity/s:C", headers={"If-None-Match": held}).status_code == 200, "a cascade changes it"
    assert wire.send("DELETE", "/entity/s:C", headers={"If-Match": held}).status_code == 412
    now = wire.send("GET", "/entity/s:C").headers["ETag"]
    assert wire.send("DELETE", "/entity/s:C", headers={"If-Match": now}).status_code == 204


def test_a_write_that_changes_nothing_leaves_no_snapshot(wire: Wire) -> None:
    family(wire, "NO ACTION", "NO ACTION")
    before = wire.snaptime()
    wire.post("/entity/s:P", [])
    wire.put("/attributegroup/s:P/k;RID2:=k", [])
    assert wire.status("POST", "/entity/s:C", [{"up": "nobody"}]) == 409
    assert wire.status("DELETE", "/entity/s:P/k=nobody") == 404
    assert wire.snaptime() == before


def test_csv_and_json_streams_are_read(wire: Wire) -> None:
    vocabulary(wire)
    path = "/entity/s:V?defaults=ID,At"
    text = 'Name,Size,Synonyms\r\n"a, ""b""\nc",1,"{x,""y z""}"\r\nd,,\r\n"",2,{}\n'
    assert wire.send("POST", path, data=text.encode(), headers=CSV).status_code == 200
    rows = wire.get("/attribute/s:V/Name,Size,Synonyms@sort(At)".replace("At", "Name"))
    assert rows == [
        {"Name": "", "Size": 2, "Synonyms": []},
        {"Name": 'a, "b"\nc', "Size": 1, "Synonyms": ["x", "y z"]},
        {"Name": "d", "Size": None, "Synonyms": None},
    ]
    stream = {"Content-Type": "application/x-json-stream"}
    assert wire.send("POST", path, data=b'{"Name": "e"}\n\n{"Name": "f"}\n', headers=stream).status_code == 200
    for body, status in [
        ("Name\nx", 400),
        ("Name,Size,Synonyms,No\n", 409),
        ("Name,Name\n", 400),
        ('Name,Size,Synonyms\n"x', 400),
    ]:
        assert wire.status("POST", path, data=body.encode(), headers=CSV) == status
    assert wire.status("POST", path, data=b"<x/>", headers={"Content-Type": "text/xml"}) == 415


def test_deleting_along_a_join(wire: Wire) -> None:
    family(wire, "CASCADE", "CASCADE")
    assert wire.status("DELETE", "/entity/P:=s:P/k=a/C:=(k)=(s:C:up)") == 204
    assert [row["up"] for row in wire.get("/entity/s:C")] == ["b"]
    assert wire.status("DELETE", "/entity/P:=s:P/C:=(k)=(s:C:up)/$P") == 204
    assert [row["k"] for row in wire.get("/entity/s:P@sort(k)")] == ["a", "d"]
    assert wire.status("DELETE", "/attribute/s:P/k=a/k") == 409
    assert wire.status("DELETE", "/attribute/s:P/k=a/RCT") == 403


def test_a_snapshot_cannot_be_written(wire: Wire) -> None:
    family(wire, "CASCADE", "CASCADE")
    snapshot = wire.snaptime()
    for method, path in [("POST", "/entity/s:P"), ("PUT", "/entity/s:P"), ("DELETE", "/entity/s:P"), ("DELETE", ""),
                         ("POST", "/schema/t"), ("PUT", "/acl"), ("DELETE", "/schema/s/table/C")]:  # fmt: skip
        assert wire.status(method, path, [], snapshot=snapshot) == 403


def test_a_download_is_named(wire: Wire) -> None:
    family(wire, "CASCADE", "CASCADE")
    response = wire.send("GET", "/entity/s:P?accept=csv&download=my%20rows%22")
    assert response.headers["Content-Disposition"] == 'attachment; filename="my rows_.csv"'
    assert response.text.splitlines()[0] == "RID,RCT,RMT,RCB,RMB,k"
    assert wire.send("HEAD", "/entity/s:P").content == b""


def test_equal_jsonb_is_equal_whatever_the_order_of_its_keys(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("j", "jsonb")]))
    wire.post("/entity/s:T", [{"j": {"bb": {"z": 1, "y": [2]}, "a": 2}}, {"j": None}, {}])
    sought = name('{"a": 2, "bb": {"y": [2], "z": 1}}')
    assert len(wire.get(f"/entity/s:T/j={sought}")) == 1
    assert len(wire.get("/entity/s:T/j::null::")) == 1, "JSON null is a value, an absent one is NULL"
    assert (
        wire.send("GET", "/entity/s:T", headers={"Accept": "text/html"}).headers["Content-Type"] == "application/json"
    )
