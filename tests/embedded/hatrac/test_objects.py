"""Objects and namespaces: names, conditions, slices, checksums, sub-resources, deletion."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import CutShort, Store

NAMESPACE = {"Content-Type": "application/x-hatrac-namespace"}


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def test_what_was_put_is_got(store: Store) -> None:
    made = store.put("/a/b.bin?parents=true", b"abc", headers={"Content-MD5": md5(b"abc"), "Content-Type": "image/png"})
    assert made.status_code == 201
    assert made.text == made.headers["Location"] + "\n"
    got = store.get("/a/b.bin")
    assert (got.content, got.headers["Content-Type"], got.headers["Content-MD5"]) == (b"abc", "image/png", md5(b"abc"))
    assert store.get(made.headers["Location"]).headers["ETag"] == got.headers["ETag"]
    assert store.request("HEAD", "/a/b.bin").headers["Content-Location"] == made.headers["Location"]


def test_an_empty_object_has_no_bytes_and_no_slice(store: Store) -> None:
    assert store.put("/empty", b"", headers={"Content-Length": "0"}).status_code == 201
    got = store.get("/empty")
    assert (got.content, got.headers["Content-Length"]) == (b"", "0")
    assert store.get("/empty", headers={"Range": "bytes=0-"}).status_code == 416


@settings(max_examples=60, deadline=None)
@given(
    st.binary(min_size=1, max_size=400),
    st.one_of(st.none(), st.integers(0, 450)),
    st.one_of(st.none(), st.integers(0, 450)),
)
def test_every_slice_is_python_s_slice(data: bytes, first: int | None, last: int | None) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))
        store.put("/o", data)
        asked = f"bytes={'' if first is None else first}-{'' if last is None else last}"
        got = store.get("/o", headers={"Range": asked})
        if first is None and last is None:
            expected = (200, data)
        elif first is None:
            assert last is not None
            expected = (206, data[-last:]) if last else (200, data)
        elif last is not None and last < first:
            expected = (200, data)
        else:
            expected = (206, data[first : None if last is None else last + 1]) if first < len(data) else (416, b"")
        assert got.status_code == expected[0]
        if got.status_code != 416:
            assert got.content == expected[1]
            assert got.headers["Content-Length"] == str(len(expected[1]))


def test_a_slice_that_is_no_single_one_is_ignored(store: Store) -> None:
    store.put("/o", b"0123456789")
    for asked in ("bytes=0-1,3-4", "lines=0-1", "bytes=x", ""):
        assert (store.get("/o", headers={"Range": asked}).status_code) == 200


def test_a_slice_of_another_version_is_not_given(store: Store) -> None:
    store.put("/o", b"0123456789")
    etag = store.get("/o").headers["ETag"]
    assert store.get("/o", headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert store.get("/o", headers={"Range": "bytes=0-1", "If-Range": '"other"'}).content == b"0123456789"


def test_conditions(store: Store) -> None:
    absent_only, none_stored = {"If-None-Match": "*"}, {"If-Match": "*"}
    assert store.put("/o", b"1", headers=none_stored).status_code == 412
    assert store.put("/o", b"1", headers=absent_only).status_code == 201
    assert store.put("/o", b"2", headers=absent_only).status_code == 412
    etag = store.get("/o").headers["ETag"]
    unchanged = store.get("/o", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", etag)
    assert store.put("/o", b"3", headers={"If-Match": '"other"'}).status_code == 412
    assert store.put("/o", b"3", headers={"If-Match": etag}).status_code == 201
    assert store.request("DELETE", "/o", headers={"If-Match": etag}).status_code == 412
    assert store.get("/o").content == b"3"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-MD5": md5(b"other")}, 400),
        ({"Content-MD5": "not base64!"}, 400),
        ({"Content-MD5": base64.b64encode(b"short").decode()}, 400),
        ({"Content-SHA256": base64.b64encode(hashlib.sha256(b"other").digest()).decode()}, 400),
        ({"Content-Disposition": "attachment; filename=x"}, 400),
        ({"Content-Disposition": "filename*=UTF-8''a%2Fb"}, 400),
        ({"Content-Disposition": "filename*=UTF-8''ok.txt"}, 201),
    ],
)
def test_what_is_said_about_the_bytes_must_be_so(store: Store, headers: dict[str, str], status: int) -> None:
    assert store.put("/o", b"abc", headers=headers).status_code == status
    assert len(store.stored_files()) == (status == 201)
    assert store.pending() == []


def test_a_body_without_a_length_is_refused(store: Store) -> None:
    refused = store.put("/o", iter([b"a", b"b"]))
    assert refused.status_code == 411
    assert refused.text


def test_a_body_that_ends_early_makes_nothing(store: Store) -> None:
    assert store.put("/o", CutShort(b"abc", 10)).status_code == 400
    assert store.get("/o").status_code == 404
    assert store.stored_files() == []


NAMES = st.text(st.characters(blacklist_characters="\0/", blacklist_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: not {".", ".."} & set(name.split("\\"))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), NAMES)
def test_any_name_percent_encoded(spaces: list[str], name: str) -> None:
    from urllib.parse import quote

    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))
        path = "/" + "/".join(quote(part, safe="") for part in [*spaces, name])
        assert store.put(f"{path}?parents=true", b"x").status_code == 201
        assert store.get(path).content == b"x"
        listed = store.get(path.rpartition("/")[0]).json()
        assert listed == [f"/hatrac{path}"]


@pytest.mark.parametrize("path", ["/a(b)", "/a,b", "/a%2", "/a:low", "/a:B:C", "/a/%2e%2e/b", "/%2E"])
def test_a_malformed_name_is_refused(store: Store, path: str) -> None:
    from dml.embedded.transport import WsgiAdapter

    request = store.session.prepare_request(__import__("requests").Request("PUT", "https://local/hatrac/x", data=b"1"))
    request.url = f"https://local/hatrac{path}"  # requests would have normalised it
    refused = WsgiAdapter(store.application).send(request)
    assert refused.status_code == 400
    assert refused.content


def test_one_name_in_two_encodings_is_one_object(store: Store) -> None:
    store.put("/%41%2e%ff", b"x")
    assert store.get("/A.%FF").content == b"x"


def test_what_is_deleted_stays_deleted(store: Store) -> None:
    store.put("/n", headers=NAMESPACE)
    store.put("/n/o", b"1")
    store.put("/n/deep/p?parents=true", b"2")
    store.request("POST", "/n/job;upload", json={"chunk-length": 1, "content-length": 1})
    assert store.request("DELETE", "/n").status_code == 204
    assert [store.get(path).status_code for path in ("/n", "/n/o", "/n/deep/p", "/n/job")] == [404] * 4
    assert store.put("/n/o", b"1").status_code == 409
    assert store.put("/n/new?parents=true", b"1").status_code == 409
    assert store.put("/n", headers=NAMESPACE).status_code == 409
    assert store.stored_files() == []
    assert store.request("DELETE", "/").status_code == 409


def test_a_deleted_version_uncovers_the_one_before(store: Store) -> None:
    first = store.put("/o", b"1").headers["Location"]
    second = store.put("/o", b"2").headers["Location"]
    assert store.get("/o;versions").json() == [first, second]
    assert store.request("DELETE", second).status_code == 204
    assert store.get("/o").content == b"1"
    assert store.request("DELETE", first).status_code == 204
    assert (store.get("/o").status_code, store.get(first).status_code) == (409, 404)
    assert store.put("/o", b"3").status_code == 201
    assert len(store.stored_files()) == 1


def test_an_object_holds_no_names(store: Store) -> None:
    store.put("/o", b"1")
    assert store.put("/o/p", b"1").status_code == 409
    assert store.put("/o/q/p?parents=true", b"1").status_code == 409
    store.put("/n", headers=NAMESPACE)
    assert store.put("/n", b"1").status_code == 409


def test_hundreds_of_parents_at_once(store: Store) -> None:
    path = "/" + "/".join("x" * 1500)
    assert store.put(f"{path}?parents=true", b"deep").status_code == 201
    assert store.get(path).content == b"deep"


def test_metadata(store: Store) -> None:
    where = store.put("/o", b"abc", headers={"Content-Type": "text/plain"}).headers["Location"]
    assert store.get("/o;metadata").json() == {"content-type": "text/plain"}
    plain = {"Content-Type": "text/plain"}
    assert store.put("/o;metadata/content-type", "text/csv", headers=plain).status_code == 204
    assert store.get("/o").headers["Content-Type"] == "text/csv"
    assert store.get(f"{where};metadata/content-type").text == "text/csv\n"
    assert store.put("/o;metadata/content-md5", md5(b"other"), headers=plain).status_code == 409
    assert store.put("/o;metadata/content-md5", md5(b"abc"), headers=plain).status_code == 204
    assert store.get("/o").headers["Content-MD5"] == md5(b"abc")
    assert store.put("/o;metadata/content-type", "a\r\nSet-Cookie: x", headers=plain).status_code == 400
    assert store.request("DELETE", "/o;metadata/content-md5").status_code == 204
    assert "Content-MD5" not in store.get("/o").headers
    assert store.get("/o;metadata/color").status_code == 404


def test_access_lists_are_kept(store: Store) -> None:
    store.put("/o", b"abc")
    owner = store.get("/o;acl").json()["owner"]
    assert len(owner) == 1
    role = "https://auth.example/group one"
    as_json = {"Content-Type": "application/json"}
    assert store.put("/o;acl/read", json.dumps(["*"]), headers=as_json).status_code == 204
    assert store.put("/o;acl/read/https:%2F%2Fauth.example%2Fgroup%20one").status_code == 204
    assert store.get("/o;acl/read").json() == ["*", role]
    assert store.request("DELETE", "/o;acl/read/*").status_code == 204
    assert store.get("/o;acl/read").json() == [role]
    assert store.put("/o;acl/fly", "[]", headers=as_json).status_code == 400
    assert store.put("/o;acl/read", "{}", headers=as_json).status_code == 400


def test_methods_that_are_not(store: Store) -> None:
    store.put("/o", b"abc")
    for method, path in [("POST", "/o"), ("PATCH", "/o"), ("DELETE", "/o;versions"), ("PUT", "/o;upload")]:
        refused = store.request(method, path)
        assert (refused.status_code, bool(refused.text)) == (405, True)
    assert store.get("/o;rename").status_code == 404
