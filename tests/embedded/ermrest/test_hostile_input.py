"""Names, values and paths chosen to break things: each works, or is refused with a text and no traceback."""

from __future__ import annotations

import pytest

from .conftest import Wire, column, name, reference, table

NAMES = [
    'quo"te', "apo'strophe", "white space", "per%cent", "per%20cent", "sla/sh", "SELECT", "table", "é ü 漢字 🦊", "a:b",
    "semi;colon", "com,ma", "a=b", "(x)", "@at", "$dollar", "*", "!", "&", "?", "RID2", "rowid", "id", "began", "oid",
    "[x]", "`tick`", "-- comment", "a+b", "left", "any", "any(1)", "::null::", "1", "null", "\u202eabc", "tab\there",
]  # fmt: skip


@pytest.mark.parametrize("hostile", NAMES)
def test_any_name_of_table_column_and_schema_works(wire: Wire, hostile: str) -> None:
    quoted = name(hostile)
    wire.send("POST", f"/schema/{quoted}")
    wire.post(
        f"/schema/{quoted}/table", table(hostile, hostile, [column(hostile), column("other", "int4")], [[hostile]])
    )
    rows = wire.post(f"/entity/{quoted}:{quoted}", [{hostile: hostile, "other": 1}, {hostile: "x", "other": 2}])
    assert [row[hostile] for row in rows] == [hostile, "x"]
    found = wire.get(f"/attribute/A:={quoted}:{quoted}/{quoted}={quoted}/{quoted},o:=A:{quoted}@sort({quoted})")
    assert found == [{hostile: hostile, "o": hostile}]
    assert wire.get(f"/aggregate/{quoted}:{quoted}/{quoted}:=max({quoted})") == [{hostile: max(hostile, "x")}]
    assert len(wire.get(f"/attribute/{quoted}:{quoted}/{quoted}=any({quoted},x)/RID")) == 2
    changed = wire.put(f"/attributegroup/{quoted}:{quoted}/{quoted};other", [{hostile: "x", "other": 9}])
    assert changed == [{hostile: "x", "other": 9}]
    document = wire.get(f"/schema/{quoted}/table/{quoted}")
    assert document["column_definitions"][5]["name"] == hostile
    wire.post(f"/schema/{quoted}/table", table(hostile, "T", [column("up")], references=[
        reference(hostile, "T", ["up"], hostile, [hostile])
    ]))  # fmt: skip
    assert wire.get(f"/schema/{quoted}/table/T/foreignkey/up/reference/{quoted}:{quoted}/{quoted}")[0]["RID"]
    wire.post(f"/entity/{quoted}:T", [{"up": hostile}])
    assert len(wire.get(f"/entity/{quoted}:{quoted}/{quoted}:T")) == 1
    assert wire.status("DELETE", f"/entity/{quoted}:{quoted}/{quoted}={quoted}") == 409


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "'", '"', "\\", "%", "\u2028", "🦊" * 10, "a\tb", "x" * 100_000, "{RID}"]
)
def test_any_text_is_kept_as_it_is(wire: Wire, text: str) -> None:
    wire.post("/schema/s/table", table("s", "T", [column("v"), column("j", "jsonb"), column("a", "text[]")])) if (
        wire.send("POST", "/schema/s")
    ) else None
    wire.post("/entity/s:T", [{"v": text, "j": {"k": [text]}, "a": [text, None]}])
    assert wire.get("/attribute/s:T/v,j,a") == [{"v": text, "j": {"k": [text]}, "a": [text, None]}]
    if len(text) < 1000:
        assert wire.get(f"/attribute/s:T/v={name(text)}/v") == [{"v": text}]
        assert wire.get(f"/attribute/s:T/a={name(text)}/v") == [{"v": text}]
        csv = wire.send("GET", "/attribute/s:T/v", headers={"Accept": "text/csv"}).content
        sent = wire.send("POST", "/entity/s:T?defaults=j,a", data=csv, headers={"Content-Type": "text/csv"})
        assert sent.status_code == 200, sent.text
        assert wire.get("/attribute/s:T/v") == [{"v": text}, {"v": text}]


@pytest.fixture
def small(wire: Wire) -> Wire:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("v"), column("n", "int4"), column("j", "json")], [["v"]]))
    wire.post("/entity/s:T", [{"v": "a", "n": 1}, {"v": "b", "n": None}])
    return wire


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/entity/s:T/" + "(" * 90 + "n=1" + ")" * 90, 200),
        ("/entity/s:T/" + "(" * 1500 + "n=1" + ")" * 1500, 400),
        ("/entity/s:T/" + "!(" * 1500 + "n=1" + ")" * 1500, 400),
        ("/entity/s:T/" + ";".join(f"n={i}" for i in range(1, 700)), 200),
        ("/entity/s:T/" + "&".join("n=1" for _ in range(900)), 200),
        ("/entity/s:T/v=any(" + ",".join(f"v{i}" for i in range(500)) + ",a)", 200),
        ("/entity/s:T/v::regexp::any(" + ",".join(f"v{i}" for i in range(500)) + ",a)", 200),
        ("/entity/s:T/v::regexp::%28", 409),
        ("/entity/s:T/v::regexp::%5B%5B%3Aalpha%3A%5D%5D", 200),
        ("/entity/s:T/v=%FF", 400),
        ("/entity/s:T/v=%00", 404),
        ("/entity/s:T/n=99999999999999999999", 400),
        ("/entity/s:T/n=3000000000", 400),
        ("/entity/s:T/n=1.5", 400),
        ("/entity/s:T/n=", 400),
        ("/entity/s:T/v::ts::word", 501),
        ("/entity/s:T/*::ciregexp::A", 200),
        ("/entity/s:T/*=a", 400),
        ("/entity/s:T/j::null::", 200),
        ("/entity/", 400),
        ("/entity/s:T/", 400),
        ("/entity/s:T//n=1", 400),
        ("/entity/s:T:n", 409),
        ("/entity/T/n=1@sort(n)@after(1)?limit=3", 200),
        ("/entity/s:T@sort(n)@before(1)", 400),
        ("/entity/s:T@sort(n)@after(1,2)", 400),
        ("/entity/s:T@sort(n)/n=1", 400),
        ("/entity/s:T?limit=-1", 409),
        ("/entity/s:T?limit=none", 200),
        ("/entity/s:T?limit=99999999999999999999", 409),
        ("/entity/s:T?accept=pdf", 400),
        ("/entity/A:=s:T/A:=(v)=(s:T:v)", 400),
        ("/entity/A:=s:T/$B", 400),
        ("/entity/s:T/B:n=1", 400),
        ("/entity/s:T/(n,v)=(s:T:n)", 400),
        ("/entity/s:T/(n)=(n)", 400),
        ("/entity/s:T/(nope)", 409),
        ("/attribute/s:T", 400),
        ("/attribute/s:T/n,n", 400),
        ("/attribute/s:T/n,x:=n", 200),
        ("/attribute/s:T/x:=*", 400),
        ("/attribute/s:T/x:=cnt(n)", 400),
        ("/attribute/s:T/B:n", 400),
        ("/attributegroup/s:T/n;x:=cnt(*)", 200),
        ("/attributegroup/s:T/n;cnt(*)", 400),
        ("/attributegroup/s:T/x:=cnt(n)", 400),
        ("/attributegroup/s:T/b:=bin(n;4;0;8);c:=cnt(*)", 200),
        ("/attributegroup/s:T/b:=bin(n;0;0;8);c:=cnt(*)", 400),
        ("/attributegroup/s:T/b:=bin(v;4;0;8);c:=cnt(*)", 400),
        ("/aggregate/s:T/n", 400),
        ("/aggregate/s:T/x:=nope(n)", 400),
        ("/aggregate/s:T/x:=sum(v)", 400),
        ("/aggregate/s:T/x:=array(*),y:=array_d(n)", 200),
        ("/aggregate/s:T/x:=cnt(*)@sort(x)", 400),
        ("/entity_rid/" + "Z" * 300, 404),
        ("/textfacet/x", 501),
        ("/schema/s/table/T/nonsense", 404),
        ("/schema/s/table/T/column/v/acl_binding/x", 404),
    ],
)
def test_a_path_is_answered_or_refused(small: Wire, path: str, status: int) -> None:
    assert small.status("GET", path) == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[]", 200),
        ("{}", 400),
        ("null", 400),
        ("[1]", 400),
        ("[[]]", 400),
        ("", 400),
        ("[" * 100_000, 400),
        ('[{"j": ' + "[" * 3000 + "]" * 3000 + "}]", 400),
        ('[{"j": ' + "[" * 201 + "]" * 201 + "}]", 400),
        ('[{"j": ' + "[" * 200 + "]" * 200 + "}]", 200),
        ('[{"j": ' + '{"a":' * 201 + "1" + "}" * 201 + "}]", 400),
        ('[{"v": "\\u0000"}]', 400),
        ('[{"v": "\\ud800"}]', 400),
        ('[{"j": "\\ud800"}]', 400),
        ('[{"j": NaN}]', 400),
        ('[{"n": 1e400}]', 400),
        ('[{"n": true}]', 400),
        ('[{"n": {"a": 1}}]', 400),
        ('[{"v": {"a": 1}}]', 200),
        ('[{"v": "c"}, {"v": "c"}]', 400),
        ('[{"v": "c"}, {"v": "a"}]', 409),
        ('[{"v": null}, {"v": null}]', 200),
    ],
)
def test_a_body_is_taken_or_refused(small: Wire, body: str, status: int) -> None:
    before = small.get("/aggregate/s:T/n:=cnt(*)")
    headers = {"Content-Type": "application/json"}
    assert small.status("POST", "/entity/s:T", data=body.encode(), headers=headers) == status
    if status != 200:
        assert small.get("/aggregate/s:T/n:=cnt(*)") == before


@pytest.mark.parametrize(("levels", "status"), [(200, 200), (201, 400), (3000, 400)])
def test_json_in_csv_may_be_nested_as_deep_as_in_a_json_body(small: Wire, levels: int, status: int) -> None:
    body = "v,n,j\nc,1," + "[" * levels + "]" * levels + "\n"
    assert small.status("POST", "/entity/s:T", data=body.encode(), headers={"Content-Type": "text/csv"}) == status


@pytest.mark.parametrize(
    "document",
    [
        [], 1, "x", {"table_name": ""}, {"table_name": "U"}, {"table_name": 5},
        {"table_name": "U", "column_definitions": 3},
        {**table("s", "U"), "keys": [{"unique_columns": ["nope"]}]},
        {**table("s", "U"), "keys": [{}]},
        {**table("s", "U"), "keys": [{"unique_columns": ["RID", "RID"]}]},
        {**table("s", "U"), "foreign_keys": [{}]},
        {**table("s", "U"), "foreign_keys": [reference("s", "U", ["RID"], "T", ["n"])]},
        {**table("s", "U"), "foreign_keys": [reference("s", "U", ["RID"], "T", on_delete="DROP")]},
        {**table("s", "U"), "kind": "view"},
        {**table("s", "U"), "annotations": []},
        {**table("s", "U"), "acls": {"select": 1}},
        {**table("s", "U"), "comment": 1},
        table("other", "U"),
        table("s", "U", [column("a", "money")]),
        table("s", "U", [column("a"), column("a")]),
        table("s", "U", [column("a", "int4", default="x")]),
        table("s", "U", [{"name": "a"}]),
    ],
)  # fmt: skip
def test_a_table_document_that_makes_no_sense_is_refused(small: Wire, document: object) -> None:
    before = small.get("/schema")
    assert small.status("POST", "/schema/s/table", document) in (400, 409) or document == []
    assert small.get("/schema")["schemas"] == before["schemas"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "path", ["", "/entity/s:T", "/attribute/s:T/v", "/aggregate/s:T/n:=cnt(*)", "/entity_rid/1", "/schema", "/acl"]
)
def test_methods_that_make_no_sense_are_refused(small: Wire, method: str, path: str) -> None:
    if (method, path) in (("DELETE", ""), ("DELETE", "/entity/s:T"), ("DELETE", "/attribute/s:T/v")):
        return
    status = small.status(method, path)
    assert 400 <= status < 500
