"""What servers and networks do wrong, and which of dml's errors it becomes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from catalog.scripted import Clock, Script, answer, cut, patient, reset, scripted_catalog
from dml.catalog.connection import connect
from dml.catalog.objects import download
from dml.catalog.retry import RetryPolicy
from dml.embedded.transport import WsgiAdapter
from dml.errors import (
    AuthError,
    ConflictError,
    DmlError,
    ForbiddenError,
    IntegrityError,
    NotFoundError,
    RetryableError,
    UsageError,
)
from dml.target import Target

APACHE = "<!DOCTYPE HTML PUBLIC '-//IETF//DTD HTML 2.0//EN'><html><h1>Not Found</h1><p>not on this server</p></html>"
HTML = {"Content-Type": "text/html; charset=iso-8859-1"}
TEXT = {"Content-Type": "text/plain"}
SECRET = "canary-3f2a9c51d7"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UsageError),
        (401, AuthError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (412, ConflictError),
        (413, UsageError),
        (429, RetryableError),
        (500, RetryableError),
        (503, RetryableError),
        (507, RetryableError),
    ],
)
def test_a_status_becomes_one_error(status: int, kind: type[DmlError]) -> None:
    script = Script().on("GET", "/schema", answer(status, "the server's words", TEXT), times=99)
    with pytest.raises(DmlError) as caught:
        scripted_catalog(script).get_json("/schema")
    assert type(caught.value) is kind
    assert "data.example.org" in caught.value.message


def test_who_is_not_signed_in_is_told_how() -> None:
    script = Script().on("GET", "/schema", answer(401))
    with pytest.raises(AuthError) as caught:
        scripted_catalog(script).get_json("/schema")
    assert "deriva-globus-auth-utils login --host data.example.org" in caught.value.hint
    assert len(script.seen) == 1


def test_apaches_page_for_a_long_path_is_never_not_found() -> None:
    script = Script().on("GET", "/entity", answer(404, APACHE, HTML))
    with pytest.raises(DmlError, match="too long") as caught:
        scripted_catalog(script).get_json("/entity/a:b/RID=" + "X" * 4_100)
    assert not isinstance(caught.value, NotFoundError)


def test_apaches_page_for_a_short_path_asks_whether_this_is_a_deriva_host() -> None:
    script = Script().on("GET", "/schema", answer(404, APACHE, HTML))
    with pytest.raises(NotFoundError) as caught:
        scripted_catalog(script).get_json("/schema")
    assert "DERIVA" in caught.value.hint


def test_a_sign_in_page_with_status_200_is_never_read_as_json() -> None:
    script = Script().on("GET", "/schema", answer(200, "<html><form>sign in</form></html>", HTML))
    with pytest.raises(AuthError, match="sign-in page"):
        scripted_catalog(script).get_json("/schema")


def test_a_sign_in_page_that_calls_itself_json_is_recognised_by_its_text() -> None:
    script = Script().on("GET", "/schema", answer(200, "\n <!doctype html>", {"Content-Type": "application/json"}))
    with pytest.raises(AuthError):
        scripted_catalog(script).get_json("/schema")


def test_broken_json_is_an_integrity_error() -> None:
    script = Script().on("GET", "/schema", answer(200, '{"a": ', {"Content-Type": "application/json"}))
    with pytest.raises(IntegrityError):
        scripted_catalog(script).get_json("/schema")


def test_a_key_that_comes_twice_has_its_last_value() -> None:
    script = Script().on("GET", "/entity", answer(200, '[{"RID": "1", "RID": "2"}]'))
    assert scripted_catalog(script).get_json("/entity/a:b") == [{"RID": "2"}]


def test_a_redirect_to_sign_in_elsewhere_is_not_followed() -> None:
    script = Script().on("GET", "/schema", answer(302, "", {"Location": "https://login.example.net/?next=x"}))
    with pytest.raises(AuthError):
        scripted_catalog(script).get_json("/schema")
    assert len(script.seen) == 1


def test_a_redirect_on_the_same_host_is_followed() -> None:
    script = Script()
    script.on("GET", "/catalog/7/schema", answer(301, "", {"Location": "/ermrest/catalog/9/schema"}))
    script.on("GET", "/catalog/9/schema", answer(200, '{"there": true}'))
    catalog = scripted_catalog(script, credential={"cookie": f"webauthn={SECRET}"})
    assert catalog.get_json("/schema") == {"there": True}
    assert [request.headers["Cookie"] for request in script.seen] == [f"webauthn={SECRET}"] * 2


@pytest.mark.parametrize("fault", [answer(500), answer(503), answer(429, "", {"Retry-After": "3"}), reset, cut(5)])
def test_a_reading_request_is_tried_again(fault: object) -> None:
    behind = Script().on("GET", "/schema", answer(200, '{"whole": "document"}'), times=99)
    script = Script(behind).on("GET", "/schema", fault, times=2)  # type: ignore[arg-type]
    said: list[str] = []
    catalog = scripted_catalog(script, on_wait=said.append)
    assert catalog.get_json("/schema") == {"whole": "document"}
    assert len(script.seen) == 3
    assert len(said) == 2
    assert catalog.traffic.requests == 3


def test_retry_after_is_honoured() -> None:
    clock = Clock()
    script = Script().on("GET", "/schema", answer(429, "", {"Retry-After": "41"}))
    script.on("GET", "/schema", answer(200, "{}"))
    scripted_catalog(script, policy=patient(clock)).get_json("/schema")
    assert clock.slept == [41.0]


@pytest.mark.parametrize("fault", [answer(500), answer(503), reset])
def test_a_writing_request_is_sent_once(fault: object) -> None:
    script = Script().on("POST", "/entity", fault, times=9)  # type: ignore[arg-type]
    with pytest.raises(RetryableError):
        scripted_catalog(script).post_json("/entity/a:b", [{}])
    assert len(script.seen) == 1


def test_a_writing_request_whose_repeat_is_harmless_is_sent_again_with_its_body() -> None:
    script = Script().on("POST", "/entity", reset).on("POST", "/entity", answer(200, "[]"))
    assert scripted_catalog(script).post_json("/entity/a:b", [{"RID": "1"}], repeatable=True) == []
    assert [request.body for request in script.seen] == [b'[{"RID":"1"}]'] * 2


def test_a_server_that_stays_down_is_given_up_within_the_budget() -> None:
    clock = Clock()
    script = Script().on("GET", "/schema", reset, times=999)
    catalog = scripted_catalog(script, policy=patient(clock, budget=30))
    for _ in range(5):
        with pytest.raises(RetryableError):
            catalog.get_json("/schema")
    assert sum(clock.slept) <= 30


def test_a_deletion_whose_answer_was_lost_is_done() -> None:
    script = Script().on("DELETE", "/entity", reset).on("DELETE", "/entity", answer(404, "none", TEXT))
    scripted_catalog(script).delete("/entity/a:b/RID=1")
    assert len(script.seen) == 2


def test_a_deletion_of_nothing_is_not_found() -> None:
    script = Script().on("DELETE", "/entity", answer(404, "none", TEXT))
    with pytest.raises(NotFoundError):
        scripted_catalog(script).delete("/entity/a:b/RID=1")


@pytest.mark.parametrize("credential", [{"cookie": f"webauthn={SECRET}"}, {"bearer-token": SECRET}])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 413, 500])
def test_no_message_holds_a_secret(status: int, credential: dict[str, str]) -> None:
    words = f"<p>no entry for webauthn={SECRET} or Bearer {SECRET}</p>"
    for headers in (HTML, TEXT, {"Location": f"https://elsewhere.example.net/?token={SECRET}"}):
        script = Script().on("GET", "/entity", answer(status, words, headers), times=99)
        catalog = scripted_catalog(script, credential=credential, policy=RetryPolicy(attempts=1))
        with pytest.raises(DmlError) as caught:
            catalog.get_json("/entity/a:b")
        shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint + repr(catalog.traffic.log)
        assert SECRET not in shown


def test_control_characters_of_a_server_do_not_reach_the_terminal() -> None:
    script = Script().on("GET", "/entity", answer(409, "\x1b[2Jgone\r\nsecond line", TEXT))
    with pytest.raises(ConflictError) as caught:
        scripted_catalog(script).get_json("/entity/a:b")
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


def test_of_an_endless_refusal_only_the_beginning_is_read(tmp_path: Path) -> None:
    def endless(_environ: object, start_response: Callable[..., object]) -> Iterator[bytes]:
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return (b"no " * 1_000 for _ in count())

    catalog = connect(
        Target("data.example.org", "7"), credential={}, policy=patient(), transport=lambda: WsgiAdapter(endless)
    )
    with pytest.raises(ForbiddenError) as caught:
        download(catalog, "/hatrac/M/x", tmp_path / "x", length=1, md5_hex=None)
    assert len(caught.value.message) < 500
