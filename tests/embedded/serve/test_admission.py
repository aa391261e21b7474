"""Who may ask, what is refused before any service sees it, and what refusals look like."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import requests

from dml.directories import embedded_directory
from dml.embedded.application import Application, open_application
from dml.embedded.serve import running
from dml.embedded.transport import WsgiAdapter

from .conftest import TOKEN, exchange

URL = "https://local"


def session_on(application: Application) -> requests.Session:
    session = requests.Session()
    session.mount(URL, WsgiAdapter(application))
    return session


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Cookie": "webauthn=wrong"}, 401),
        ({"Cookie": f"webauthn={TOKEN}x"}, 401),
        ({"Cookie": f"other={TOKEN}"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Cookie": f"webauthn={TOKEN}"}, 200),
        ({"Cookie": f"a=b; webauthn={TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"bearer {TOKEN}"}, 200),
        ({"Authorization": "Bearer ü".encode()}, 401),
    ],
)
def test_the_token_is_needed(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    answer = session_on(Application(tmp_path, token=TOKEN)).get(f"{URL}/hatrac/", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.text.startswith("401 Unauthorized")


def test_without_a_token_everybody_is_the_owner(tmp_path: Path) -> None:
    assert session_on(Application(tmp_path)).get(f"{URL}/hatrac/").status_code == 200


def test_the_session_document(tmp_path: Path) -> None:
    session = session_on(Application(tmp_path, token=TOKEN))
    for headers in ({}, {"Cookie": "webauthn=wrong"}):
        assert session.get(f"{URL}/authn/session", headers=headers).status_code == 404
    document = session.get(f"{URL}/authn/session", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert set(document) >= {"client", "attributes", "since", "expires"}
    assert set(document["client"]) == {"id", "display_name", "full_name"}
    assert document["client"]["id"] in [attribute["id"] for attribute in document["attributes"]]
    assert session.delete(f"{URL}/authn/session").status_code == 405


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_read_only_refuses_to_write(tmp_path: Path, method: str) -> None:
    session_on(Application(tmp_path)).put(f"{URL}/hatrac/o", data=b"1")
    session = session_on(Application(tmp_path, read_only=True))
    for path in ("/hatrac/o", "/ermrest/catalog"):
        assert session.request(method, URL + path, data=b"2").status_code == 403
    assert session.get(f"{URL}/hatrac/o").content == b"1"


def test_a_refusal_is_one_line_of_plain_text(tmp_path: Path) -> None:
    session = session_on(Application(tmp_path))
    for method, path in [("GET", "/"), ("GET", "/nothing"), ("GET", "/hatrac/absent"), ("POST", "/hatrac/x")]:
        refused = session.request(method, URL + path)
        assert refused.status_code in (404, 405)
        assert refused.headers["Content-Type"].startswith("text/plain")
        assert refused.text.count("\n") == 1
    assert session.head(f"{URL}/nothing").content == b""


def test_an_unexpected_error_is_logged_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dml.embedded.hatrac.service import Hatrac

    def fail(*arguments: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(Hatrac, "respond", fail)
    with caplog.at_level(logging.ERROR):
        failed = session_on(Application(tmp_path)).get(f"{URL}/hatrac/o")
    assert failed.status_code == 500
    assert "inside" not in failed.text
    assert "Traceback" not in failed.text
    assert "the inside" in caplog.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ('OSError(28, "No space left on device")', 507),
        ('sqlite3.OperationalError("database or disk is full")', 507),
        ('sqlite3.OperationalError("database is locked")', 503),
    ],
)
def test_a_full_disk_and_a_busy_database_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, status: int
) -> None:
    import sqlite3

    from dml.embedded.hatrac.service import Hatrac

    raised = {"OSError": OSError(28, "No space left on device")}.get(error.partition("(")[0]) or (
        sqlite3.OperationalError(error.partition('"')[2].removesuffix('")'))
    )

    def fail(*arguments: object) -> None:
        raise raised

    monkeypatch.setattr(Hatrac, "respond", fail)
    assert session_on(Application(tmp_path)).get(f"{URL}/hatrac/o").status_code == status


def test_long_paths_meet_what_stands_before_a_real_server(tmp_path: Path) -> None:
    session = session_on(Application(tmp_path))
    long = session.get(f"{URL}/hatrac/{'a' * 4100}")
    assert (long.status_code, "<html>" in long.text) == (404, True)
    assert session.get(f"{URL}/hatrac/{'a' * 9000}").status_code == 414
    assert session.get(f"{URL}/hatrac/?q={'a' * 5000}").status_code == 200
    unlimited = session_on(Application(tmp_path, apache_path_limit=False)).get(f"{URL}/hatrac/{'a' * 4100}")
    assert (unlimited.status_code, "<html>" in unlimited.text) == (404, False)


@pytest.mark.parametrize(
    "target",
    [
        b"/hatrac/../authn/session",
        b"/hatrac/%2e%2e/x",
        b"/hatrac/%2E%2E/x",
        b"/hatrac/a/./b",
        b"/hatrac/..%2f..%2fetc%2fpasswd",
        b"/hatrac/%00",
        b"/hatrac/a%00b",
        b"/ermrest/catalog/1/entity/%00",
        b"//etc/passwd",
        b"/hatrac/a\x01b",
        b"/hatrac/a\xff\xfeb",
        b"/hatrac/..\\..\\x",
        b"/%2fhatrac/x",
        b"hatrac/x",
        b"*",
        b"/hatrac/%zz",
    ],
)
def test_hostile_targets_are_refused(tmp_path: Path, target: bytes) -> None:
    root = tmp_path / "root"
    before = sorted(tmp_path.rglob("*"))
    with running(Application(root)) as url:
        for method in (b"GET", b"PUT"):
            request = b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1" % (method, target)
            status, body = exchange(url, request)
            assert status in (400, 404)
            assert b"Traceback" not in body
    assert [path for path in sorted(tmp_path.rglob("*")) if root not in (path, *path.parents)] == before
    assert not [path for path in (root / "hatrac" / "objects").rglob("*") if path.is_file()]


def test_an_absolute_target_is_read(tmp_path: Path) -> None:
    with running(Application(tmp_path)) as url:
        target = f"GET {url}/authn/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert exchange(url, target.encode())[0] in (200, 400)


def test_one_application_for_each_root(home: Path, tmp_path: Path) -> None:
    assert open_application() is open_application(embedded_directory())
    assert open_application(tmp_path) is not open_application()
    assert open_application().root == embedded_directory()
