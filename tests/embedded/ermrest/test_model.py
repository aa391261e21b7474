"""Changing the model: documents and their parts at every level, constraints on rows already there, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .conftest import Wire, column, name, reference, table

TAG = "tag:example.org,2026:note"


@pytest.fixture
def lab(wire: Wire) -> Wire:
    wire.post("/schema", [
        {"schema_name": "s", "comment": "c", "tables": {
            "A": table("s", "A", [column("k", nullok=False), column("n", "int4"), column("b")], [["k"]],
                       [reference("s", "A", ["b"], "B", ["k"])]),
            "B": table("s", "B", [column("k"), column("a")], [["k"]], [reference("s", "B", ["a"], "A")]),
        }},
        {"schema_name": "t"},
    ])  # fmt: skip
    wire.post("/entity/s:B", [{"k": "x"}])
    wire.post("/entity/s:A", [{"k": "1", "n": 1, "b": "x"}, {"k": "2", "n": 1, "b": None}])
    return wire


PLACES = ["", "/schema/s", "/schema/s/table/A", "/schema/s/table/A/column/n", "/schema/s/table/A/key/k",
          "/schema/s/table/A/foreignkey/b/reference/s:B/k"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_annotations_of_every_element(lab: Wire, place: str) -> None:
    path = f"{place}/annotation"
    assert lab.get(path) == {}
    assert lab.status("PUT", f"{path}/{name(TAG)}", {"a": 1}) == 201
    assert (
        lab.status("PUT", f"{path}/{name(TAG)}", None, data="null", headers={"Content-Type": "application/json"}) == 204
    )
    assert lab.get(path) == {TAG: None}
    assert lab.status("PUT", path, {"x": [1], "y": "é"}) == 204
    assert lab.get(path) == {"x": [1], "y": "é"}
    assert lab.status("PUT", path, [1]) == 400
    assert lab.status("DELETE", f"{path}/x") == 204
    assert lab.status("DELETE", f"{path}/x") == 404
    assert lab.status("GET", f"{path}/x") == 404
    assert lab.status("DELETE", path) == 204
    assert lab.get(path) == {}


@pytest.mark.parametrize("place", PLACES[1:])
def test_comments_of_every_element(lab: Wire, place: str) -> None:
    path = f"{place}/comment"
    sent = lab.send("PUT", path, data="über".encode(), headers={"Content-Type": "text/plain"})
    assert sent.status_code == 204
    answer = lab.send("GET", path)
    assert answer.content.decode() == "über"
    assert answer.headers["ETag"].strip('"')
    assert lab.status("PUT", path, "json") == 204
    assert lab.send("GET", path).text == "json"
    assert lab.status("DELETE", path) == 204
    assert lab.status("GET", path) == 404
    assert lab.status("DELETE", path) == 404


@pytest.mark.parametrize("place", [PLACES[0], PLACES[1], PLACES[2], PLACES[3], PLACES[5]])
def test_acls_are_kept_and_shown(lab: Wire, place: str) -> None:
    path = f"{place}/acl"
    before = lab.get(path)
    assert lab.put(f"{path}/select", ["*"]) == ["*"]
    assert lab.get(path) == {**before, "select": ["*"]}
    assert lab.status("PUT", f"{path}/select", "everyone") == 400
    assert lab.status("PUT", f"{path}/select", [1]) == 400
    shown = lab.put(path, {"insert": ["g"], **({"owner": ["me"]} if not place else {})})
    assert shown["insert"] == ["g"]
    assert lab.status("DELETE", f"{path}/insert") == 204
    assert not lab.get(path).get("insert")
    if not place:
        assert lab.status("PUT", f"{path}/owner", []) == 409


def test_bindings_get_their_usual_fields(lab: Wire) -> None:
    for place in (PLACES[2], PLACES[3], PLACES[5]):
        path = f"{place}/acl_binding"
        binding = {"types": ["owner"], "projection": ["RCB"]}
        lab.put(f"{path}/mine", binding)
        assert lab.get(path) == {"mine": {**binding, "projection_type": "acl", "scope_acl": ["*"]}}
        lab.put(path, {"off": False})
        assert lab.get(path) == {"off": False}
        assert lab.status("PUT", f"{path}/bad", {"types": []}) == 400


def test_a_schema_document_is_complete_and_conditional(lab: Wire) -> None:
    answer = lab.send("GET", "/schema")
    tables = answer.json()["schemas"]["s"]["tables"]
    assert set(tables) == {"A", "B"}
    (foreign_key,) = tables["A"]["foreign_keys"]
    assert foreign_key["names"] == [["s", "A_b_fkey"]]
    assert [key["names"] for key in tables["A"]["keys"]] == [[["s", "A_RID_key"]], [["s", "A_k_key"]]]
    rids = [
        part["RID"]
        for one in tables.values()
        for kind in ("column_definitions", "keys", "foreign_keys")
        for part in one[kind]
    ]
    assert len(set(rids)) == len(rids)
    held = answer.headers["ETag"]
    lab.post("/entity/s:A", [{"k": "3"}])
    assert lab.send("GET", "/schema", headers={"If-None-Match": held}).status_code == 304
    lab.post("/schema/s/table/A/column", column("new"))
    assert lab.send("GET", "/schema", headers={"If-None-Match": held}).status_code == 200
    assert lab.send("DELETE", "/schema/s/table/A/column/new", headers={"If-Match": held}).status_code == 412


def test_nothing_of_a_refused_change_remains(lab: Wire) -> None:
    before, snapshot = lab.get("/schema")["schemas"], lab.snaptime()
    broken = [table("s", "C", [column("v")]), table("s", "D", references=[reference("s", "D", ["RID"], "Nowhere")])]
    assert lab.status("POST", "/schema", broken) == 409
    assert lab.status("POST", "/schema", [{"schema_name": "u"}, {"schema_name": "s"}]) == 409
    assert lab.get("/schema")["schemas"] == before
    assert lab.snaptime() == snapshot
    made = lab.post("/schema", broken[:1])
    assert [one["table_name"] for one in made] == ["C"]


def test_constraints_are_checked_against_the_rows_there(lab: Wire) -> None:
    at = "/schema/s/table/A"
    assert lab.status("POST", f"{at}/key", {"unique_columns": ["n"]}) == 409
    assert lab.status("POST", f"{at}/key", {"unique_columns": ["k"]}) == 409
    assert lab.status("POST", f"{at}/key", {"unique_columns": ["n", "k"]}) == 201
    assert lab.status("PUT", f"{at}/column/b", {"nullok": False}) == 409
    assert lab.status("POST", f"{at}/column", column("must", nullok=False)) == 409
    assert lab.status("POST", f"{at}/column", column("must", "int4", False, 5)) == 201
    assert [row["must"] for row in lab.get("/entity/s:A")] == [5, 5]
    assert lab.status("POST", f"{at}/foreignkey", reference("s", "A", ["k"], "B", ["k"])) == 409
    assert lab.status("POST", f"{at}/foreignkey", reference("s", "A", ["n"], "B", ["k"])) == 409
    lab.put("/attributegroup/s:A/RID;b", [{"RID": row["RID"], "b": "x"} for row in lab.get("/entity/s:A")])
    assert lab.status("PUT", f"{at}/column/b", {"nullok": False}) == 200
    assert lab.status("POST", "/entity/s:A", [{"k": "9", "must": 1}]) == 409
    assert lab.status("PUT", f"{at}/column/b", {"nullok": True}) == 200
    assert lab.status("POST", "/entity/s:A", [{"k": "9", "must": 1}]) == 200


def test_a_foreign_key_added_changed_and_removed(lab: Wire) -> None:
    at = "/schema/s/table/B/foreignkey"
    lab.post("/schema/s/table/B/column", column("up"))
    (made,) = lab.post(at, {**reference("s", "B", ["up"], "A", ["k"]), "names": [["s", "mine"]]})
    assert made["names"] == [["s", "mine"]]
    assert lab.status("POST", "/entity/s:B", [{"k": "y", "up": "none"}]) == 409
    lab.post("/entity/s:B", [{"k": "y", "up": "2"}])
    assert lab.status("DELETE", "/entity/s:A/k=2") == 409
    there = f"{at}/up/reference/s:A/k"
    assert lab.put(there, {"on_delete": "CASCADE", "names": [["s", "ours"]]})["on_delete"] == "CASCADE"
    assert lab.status("PUT", there, {"on_delete": "SET DEFAULT"}) == 501
    assert lab.status("DELETE", "/entity/s:A/k=2") == 204
    assert [row["k"] for row in lab.get("/entity/s:B")] == ["x"]
    assert lab.get(f"{at}/up")[0]["names"] == [["s", "ours"]]
    assert lab.status("DELETE", "/schema/s/table/A/key/k") == 409
    assert lab.status("DELETE", there) == 204
    assert lab.status("GET", there) == 404
    assert lab.status("DELETE", "/schema/s/table/A/key/k") == 204
    lab.post("/entity/s:B", [{"k": "z", "up": "none"}])
    lab.post("/entity/s:A", [{"k": "1"}])


def test_names_change_and_everything_follows(lab: Wire) -> None:
    lab.put("/schema/s/table/B", {"table_name": "Bee", "schema_name": "t"})
    lab.put("/schema/t/table/Bee/column/k", {"name": "key", "comment": "the key"})
    lab.put("/schema/t", {"schema_name": "other"})
    (foreign_key,) = lab.get("/schema/s/table/A/foreignkey")
    assert foreign_key["referenced_columns"] == [{"schema_name": "other", "table_name": "Bee", "column_name": "key"}]
    assert [row["key"] for row in lab.get("/attribute/s:A/B:=(b)=(other:Bee:key)/B:key")] == ["x"]
    assert [
        row["k"] for row in lab.get("/attribute/other:Bee/s:A/k".replace("other:Bee/s:A", "B:=other:Bee/(s:A:b)"))
    ] == ["1"]
    assert lab.status("PUT", "/schema/s/table/A", {"table_name": "A", "schema_name": "nowhere"}) == 409
    assert lab.status("PUT", "/schema/s/table/A/column/n", {"name": "k"}) == 409
    assert lab.status("PUT", "/schema/s", {"schema_name": "other"}) == 409
    assert lab.status("PUT", "/schema/s/table/A/column/RID", {"name": "Id"}) == 403


@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        ("text", "1", 200),
        ("int8", 1, 200),
        ("float8", 1, 200),
        ("jsonb", 1, 200),
        ("date", 1, 409),
        ("boolean", True, 200),
    ],
)  # fmt: skip
def test_a_type_changes_where_the_values_allow_it(lab: Wire, kind: str, value: Any, status: int) -> None:
    assert lab.status("PUT", "/schema/s/table/A/column/n", {"type": {"typename": kind}}) == status
    assert lab.get("/attribute/s:A/n") == [{"n": value}, {"n": value}]
    assert lab.status("PUT", "/schema/s/table/A/column/b", {"type": {"typename": "int4"}}) == 409


def test_what_is_needed_is_not_dropped(lab: Wire) -> None:
    assert lab.status("DELETE", "/schema/s") == 409
    assert lab.status("DELETE", "/schema/s/table/A") == 409
    assert lab.status("DELETE", "/schema/s/table/A/column/k") == 204
    assert lab.status("DELETE", "/schema/s/table/B/column/k") == 409
    assert lab.status("DELETE", "/schema/s/table/A/column/RID") == 403
    assert lab.status("DELETE", "/schema/public") in (403, 409)
    assert lab.status("DELETE", "/schema/public/table/ERMrest_Client") == 403
    assert lab.status("DELETE", "/schema/s/table/A/column/b") == 204
    assert lab.get("/schema/s/table/A")["foreign_keys"] == []
    assert lab.status("DELETE", "/schema/s/table/B") == 204
    assert lab.status("DELETE", "/schema/s/table/A") == 204
    assert lab.status("DELETE", "/schema/s") == 204
    lab.post("/schema", [{"schema_name": "s", "tables": {"A": table("s", "A", [column("k")])}}])
    assert lab.get("/entity/s:A") == []


def test_a_table_without_the_system_columns_is_refused(lab: Wire) -> None:
    document = table("s", "C", [column("v")])
    document["column_definitions"] = document["column_definitions"][1:]
    assert lab.status("POST", "/schema/s/table", document) == 400


def test_catalogs_are_made_with_annotations_and_an_owner(wire: Wire) -> None:
    answer = wire.session.post(f"{wire.service}/catalog", json={"owner": ["them"], "annotations": {TAG: 1}})
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"/ermrest/catalog/{answer.json()['id']}")
    made = wire.session.get(f"{wire.service}/catalog/{answer.json()['id']}").json()
    assert made["annotations"] == {TAG: 1}
    assert made["acls"]["owner"] == ["them"]
    assert wire.session.post(f"{wire.service}/catalog", json={"clone_source": "1"}).status_code == 501
    assert wire.session.get(f"{wire.service}/catalog").status_code == 405


def test_a_catalog_may_be_given_a_number_that_was_never_used(wire: Wire) -> None:
    catalogs = f"{wire.service}/catalog"

    def make(document: object) -> requests.Response:
        return wire.session.post(catalogs, json=document)

    assert make({"id": "77"}).json()["id"] == "77"
    assert make({"id": 77}).status_code == 409
    assert make({}).json()["id"] == "78"
    assert wire.session.delete(f"{catalogs}/78").status_code == 204
    assert make({"id": "78"}).status_code == 409
    assert [make({"id": wrong}).status_code for wrong in ("mine", "../1", -1, 0, 1.5, "9" * 40)] == [400] * 6
