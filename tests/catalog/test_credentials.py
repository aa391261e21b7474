"""Where credentials come from, and that they go to their own host and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.scripted import Script, answer, scripted_catalog
from dml.catalog.connection import connect
from dml.catalog.credentials import stored_credential
from dml.errors import AuthError, UsageError
from dml.target import Target

SECRET = "canary-77aa01"


def keep(home: Path, content: str) -> Path:
    path = home / ".deriva" / "credential.json"
    path.parent.mkdir()
    path.write_text(content)
    return path


def test_derivas_file_is_read(home: Path) -> None:
    keep(home, json.dumps({"data.example.org": {"cookie": f"webauthn={SECRET}"}}))
    assert stored_credential("data.example.org") == {"cookie": f"webauthn={SECRET}"}
    assert stored_credential("data.example.org:8443") == {"cookie": f"webauthn={SECRET}"}
    assert stored_credential("other.example.org") == {}


def test_an_entry_with_the_port_comes_first(home: Path) -> None:
    keep(home, json.dumps({"h.org": {"cookie": "a=1"}, "h.org:8443": {"bearer-token": "b"}}))
    assert stored_credential("h.org:8443") == {"bearer-token": "b"}


def test_nothing_is_written_where_there_is_no_file(home: Path) -> None:
    assert stored_credential("data.example.org") == {}
    connect(Target("data.example.org", "1"))
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"h.org": 7}', "\x00"])
def test_a_broken_file_is_an_error_that_names_it_and_not_its_content(home: Path, content: str) -> None:
    path = keep(home, content)
    with pytest.raises(AuthError, match="credential") as caught:
        stored_credential("h.org")
    assert str(path) in caught.value.message


@pytest.mark.parametrize("host", ["data.example.org", "data.example.org:8443", "127.0.0.1:8080", "localhost:8080"])
@pytest.mark.parametrize(
    ("credential", "header", "value"),
    [
        ({"cookie": f"webauthn={SECRET}"}, "Cookie", f"webauthn={SECRET}"),
        ({"bearer-token": SECRET}, "Authorization", f"Bearer {SECRET}"),
    ],
)
def test_a_credential_reaches_every_kind_of_host(
    host: str, credential: dict[str, str], header: str, value: str
) -> None:
    script = Script().on("GET", "/schema", answer(200, "{}")).on("GET", "/authn", answer(200, "{}"))
    catalog = scripted_catalog(script, Target(host, "1"), credential=credential)
    catalog.get_json("/schema")
    catalog.whoami()
    assert [request.headers.get(header) for request in script.seen] == [value, value]


def test_a_credential_goes_to_no_other_host() -> None:
    script = Script().on("GET", "/x", answer(200), times=9)
    catalog = scripted_catalog(script, credential={"cookie": f"webauthn={SECRET}"})
    for url in (
        "https://elsewhere.example.net/x",
        "http://data.example.org/x",
        "https://data.example.org.evil.net/x",
        "https://data.example.org:444/x",
    ):
        catalog.ermrest._session.get(url)
    assert all(SECRET not in str(request.headers) for request in script.seen)


def test_a_password_in_netrc_is_not_used(home: Path) -> None:
    (home / ".netrc").write_text(f"machine data.example.org login me password {SECRET}\n")
    (home / ".netrc").chmod(0o600)
    script = Script().on("GET", "/schema", answer(200, "{}"))
    scripted_catalog(script).get_json("/schema")
    assert "Authorization" not in script.seen[0].headers


def test_a_cookie_that_the_server_sets_is_kept_beside_ours() -> None:
    script = Script().on("GET", "/a", answer(200, "{}", {"Set-Cookie": "track=1; path=/"}))
    script.on("GET", "/b", answer(200, "{}"))
    catalog = scripted_catalog(script, credential={"cookie": f"webauthn={SECRET}"})
    catalog.get_json("/a")
    catalog.get_json("/b")
    assert script.seen[1].headers["Cookie"] == f"track=1; webauthn={SECRET}"


def test_every_binding_that_deriva_makes_uses_the_same_transport() -> None:
    script = Script().on("GET", r"/(schema|x)", answer(200, "{}"), times=9)
    script.on("GET", r"/catalog/7/$", answer(200, '{"snaptime": "2-ABCD-EFGH"}'))
    catalog = scripted_catalog(script, credential={"bearer-token": SECRET})
    catalog.ermrest.get("/schema")
    catalog.ermrest.latest_snapshot().get("/schema")
    catalog.ermrest.deriva_server.connect_ermrest("8").get("/schema")
    catalog.ermrest.deriva_server.connect_ermrest("8@2-ABCD-EFGH").deriva_server.get("/x")
    catalog.store.get("/hatrac/x")
    assert catalog.traffic.requests == len(script.seen) == 6
    assert all(request.headers["Authorization"] == f"Bearer {SECRET}" for request in script.seen)


def test_plain_http_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect(Target("127.0.0.1:80", "1"), scheme="http").origin == "http://127.0.0.1:80"
    with pytest.raises(UsageError):
        connect(Target("data.example.org", "1"), scheme="http")
    monkeypatch.setenv("DML_SCHEME", "http")
    assert connect(Target("localhost:80", "1")).origin == "http://localhost:80"
    assert connect(Target("data.example.org", "1")).origin == "https://data.example.org"


def test_a_session_names_who_one_is() -> None:
    client = {"id": "https://auth/u1", "display_name": "ann@example.org", "full_name": "Ann"}
    script = Script().on("GET", "/authn/session", answer(200, json.dumps({"client": client})))
    catalog = scripted_catalog(script)
    first = catalog.whoami()
    assert first is not None
    assert (first.id, first.display_name, first.full_name) == ("https://auth/u1", "ann@example.org", "Ann")
    assert catalog.whoami() == first
    assert len(script.seen) == 1


def test_without_a_session_one_is_nobody() -> None:
    assert scripted_catalog(Script().on("GET", "/authn/session", answer(404, "no session"))).whoami() is None
