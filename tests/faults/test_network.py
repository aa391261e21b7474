"""Servers and networks that fail while an execution is committed: F6, F7, F8 and F9 of docs/reliability.md."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.scripted import Action, Clock, Script, answer, answer_after, patient, reset, reset_after, reset_amid
from dml.catalog.connection import connect
from dml.catalog.session import TIMEOUT
from dml.deriva_ml import DerivaML
from dml.embedded.application import open_application
from dml.embedded.serve import running
from dml.errors import AuthError, ForbiddenError, RetryableError
from dml.execution.workflow import Workflow
from dml.target import Target
from dml.upload import worker_pool
from dml.workspace.uploads import list_uploads
from faults.conftest import COMMIT, Ran, Staged, refusal_of, stage
from faults.proxy import Proxy, Treatment, proxy_to
from targets import Place

HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def behind_proxy(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Proxy, Callable[[], DerivaML]]]:
    """The test's catalog over HTTP through a proxy; each API that is made has connections of its own."""
    made: list[DerivaML] = []
    # As much less than the usual minute as the clients here wait less for an answer: an upload is not finished while a
    # request for one of its chunks may still go on.
    monkeypatch.setattr("dml.embedded.serve._TIMEOUT", 1)
    with running(open_application()) as url, proxy_to(int(url.rpartition(":")[2].rstrip("/"))) as proxy:

        def open_api() -> DerivaML:
            target = Target(f"127.0.0.1:{proxy.port}", place.target.catalog_id)
            api = DerivaML(target.host, target.catalog_id, working_dir=tmp_path / "work")
            api._catalog = connect(target, scheme="http", policy=patient(Clock()))
            made.append(api)
            return api

        yield proxy, open_api
    for api in made:
        api.session.close()


@pytest.mark.parametrize("treatment", [one for one in Treatment if one is not Treatment.FAIR])
@pytest.mark.parametrize("after", [1, 30_000])
def test_connections_that_fail_lose_nothing(
    behind_proxy: tuple[Proxy, Callable[[], DerivaML]],
    workflow: Workflow,
    treatment: Treatment,
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, open_api = behind_proxy
    monkeypatch.setattr("dml.catalog.session.TIMEOUT", (TIMEOUT[0], 0.3) if treatment is Treatment.STALLED else TIMEOUT)
    ready = stage(open_api(), workflow, {"large.bin": bytes(range(256)) * 400, "small.bin": workflow.name.encode()})
    again = open_api()  # whose connections are made from here on
    api = Staged(again, again.resume_execution(ready.rid), ready.contents)
    proxy.after = after
    proxy.plan = [treatment] * 2
    for _ in range(5):
        try:
            api.commit()
        except RetryableError:
            continue
        break
    assert proxy.met
    proxy.plan = []
    monkeypatch.setattr("dml.catalog.session.TIMEOUT", (TIMEOUT[0], 5.0))
    api.assert_uploaded_once()


REPEATED = (408, 425, 429, 500, 502, 503, 504)
REPORTED = (413, 501, 505, 507)


@pytest.mark.parametrize("status", [*REPEATED, *REPORTED, 409])
@pytest.mark.parametrize(("method", "pattern"), [("PUT", "^/hatrac/"), ("POST", "/entity/")])
def test_any_status_on_any_write_ends_in_order(
    staged: Staged, script: Script, status: int, method: str, pattern: str
) -> None:
    headers = {"Content-Type": "text/plain", **({"Retry-After": "2"} if status == 429 else {})}
    script.on(method, pattern, answer(status, "not now", headers), times=1)
    refused = refusal_of(staged.commit)
    if refused is not None:
        assert str(status) in str(refused) or status == 409
        assert refused.hint
        staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize(
    "fault", [answer(401), answer(503), answer(409), answer(200, "<html>sign in</html>", HTML), reset]
)
def test_a_status_that_the_catalog_was_not_told_is_told_by_the_same_command(
    staged: Staged, script: Script, dml: Callable[..., Ran], fault: Action
) -> None:
    script.on("PUT", "/attributegroup/", fault, times=10_000)
    refusal_of(staged.commit)
    assert staged.execution.sync_pending
    shown = json.loads(dml("exec", "show", staged.rid, "--json").out)
    assert shown["execution"]["sync_pending"] is True
    script.faults.clear()
    assert dml("exec", "commit", staged.rid).code == 0
    staged.assert_uploaded_once()
    assert not staged.execution.sync_pending


@pytest.mark.parametrize(("status", "code"), [(503, 5), (401, 4)])
def test_a_commit_whose_last_status_was_not_told_says_so_and_the_same_command_tells_it(
    staged: Staged, script: Script, dml: Callable[..., Ran], status: int, code: int
) -> None:
    # Pending_Upload is told, Uploaded is not: everything is there but the last word.
    script.on("PUT", "/attributegroup/", answer(status), times=10_000, skip=1)
    ended = dml(*COMMIT, staged.rid, "--json")
    assert ended.code == code, ended.out + ended.err
    assert json.loads(ended.out)["unsynced"] == [staged.rid]
    assert "status not synced to the catalog" in ended.err
    assert "hint: dml exec sync" in ended.err
    staged.assert_uploaded_once(catalog_status="Pending_Upload")
    assert dml(*COMMIT, staged.rid).code == code  # there is nothing more to bring, and it still cannot be told
    script.faults.clear()
    again = dml(*COMMIT, staged.rid, "--json")
    assert (again.code, json.loads(again.out)["unsynced"]) == (0, [])
    staged.assert_uploaded_once()
    assert not staged.execution.sync_pending


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_stays_down_leaves_it_pending_and_says_so(
    staged: Staged, script: Script, dml: Callable[..., Ran], status: int
) -> None:
    script.on("PUT", "^/hatrac/", answer(status), times=10_000)
    with pytest.raises(RetryableError):
        staged.commit()
    assert staged.execution.status == "Pending_Upload"
    shown = json.loads(dml("exec", "show", staged.rid, "--json").out)
    assert shown["execution"]["next"] == f"dml exec commit {staged.rid}"
    script.faults.clear()
    staged.commit()
    staged.assert_uploaded_once()


class Interrupted(BaseException):
    """What a signal raises."""


@pytest.mark.parametrize("amid", ["an answer", "a body"])
def test_an_interrupted_commit_waits_for_no_server_and_keeps_the_confirmed_pieces(
    staged: Staged, script: Script, monkeypatch: pytest.MonkeyPatch, amid: str
) -> None:
    monkeypatch.setattr(worker_pool, "GRACE", 0.01)
    held, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def hold(request: Any, forward: Callable[[], Any]) -> Any:
        try:
            if amid == "a body":
                request.body.read(10)
            held.set()
            go_on.wait()
            return forward()
        finally:
            over.set()

    def interrupt(_request: Any, _forward: Callable[[], Any]) -> Any:
        held.wait()
        raise Interrupted

    # The second piece of the large file is on its way while another file's thread is interrupted.
    script.on("PUT", ";upload/.+/1$", hold).on("PUT", "small2", interrupt)
    with pytest.raises(Interrupted):
        staged.commit()
    assert not over.is_set()
    registry = staged.ml.session.registry
    (before,) = [one for one in list_uploads(registry, staged.rid) if one.key.endswith("large.bin")]
    assert (before.chunks_done, staged.execution.status) == (1, "Pending_Upload")
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("dml-transfer"):
            thread.join()
    assert list_uploads(registry, staged.rid).count(before) == 1  # left behind, it changed nothing
    pieces = len([one for one in script.seen if ";upload/" in one.path_url and one.method == "PUT"])
    staged.commit()
    staged.assert_uploaded_once()
    again = [one for one in script.seen if ";upload/" in one.path_url and one.method == "PUT"][pieces:]
    assert [one.path_url[-2:] for one in again] == ["/1", "/2"]


def test_an_upload_job_that_the_server_dropped_is_begun_anew(staged: Staged, script: Script) -> None:
    script.on("PUT", ";upload/[^/]+/1$", answer(404, "no such job"))
    staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        ("PUT", "^/hatrac/"),
        ("PUT", ";upload/.+/1$"),
        ("POST", "/entity/"),
        ("GET", "/(entity|attribute)/"),
    ],
)
def test_a_lost_sign_in_pauses_with_exit_4_and_goes_on_after_signing_in(
    staged: Staged, script: Script, dml: Callable[..., Ran], method: str, pattern: str
) -> None:
    script.on(method, pattern, answer(401, "expired"), times=10_000)
    paused = dml("exec", "commit", staged.rid, "--chunk-size", 40_000)
    assert paused.code == 4, paused.err
    assert "deriva-globus-auth-utils login" in paused.err
    script.faults.clear()
    staged.ml.session.close()
    resumed = dml("exec", "commit", staged.rid, "--chunk-size", 40_000)
    assert resumed.code == 0, resumed.err
    staged.assert_uploaded_once()


def test_being_forbidden_ends_with_exit_4_and_is_told_apart(staged: Staged, script: Script) -> None:
    script.on("POST", "/entity/deriva-ml:Execution_Asset", answer(403, "not yours"))
    with pytest.raises(ForbiddenError, match="403"):
        staged.commit()
    staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize(("method", "pattern"), [("GET", "/(entity|attribute)/"), ("POST", "/entity/")])
@pytest.mark.parametrize("headers", [HTML, JSON])
def test_a_sign_in_page_with_status_200_is_no_answer(
    staged: Staged, script: Script, method: str, pattern: str, headers: dict[str, str]
) -> None:
    script.on(method, pattern, answer(200, "<!DOCTYPE html><form>sign in</form>", headers))
    with pytest.raises(AuthError):
        staged.commit()
    assert staged.execution.status in ("Stopped", "Pending_Upload")
    staged.commit()
    staged.assert_uploaded_once()


@pytest.mark.parametrize("fault", [reset, reset_after, reset_amid(10_000), answer_after(503), answer_after(500)])
@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        ("PUT", "^/hatrac/[^;]+$"),
        ("POST", ";upload\\?"),
        ("PUT", ";upload/.+/[01]$"),
        ("POST", ";upload/[^/?]+$"),
        ("POST", "/entity/deriva-ml:Execution_Asset\\?"),
        ("POST", "/entity/deriva-ml:Execution_Asset_Execution"),
        ("POST", "/entity/deriva-ml:Execution_Asset_Asset_Type"),
        ("PUT", "/attributegroup/"),
    ],
)
def test_a_write_whose_answer_is_lost_is_written_once(
    staged: Staged, script: Script, fault: Callable[..., object], method: str, pattern: str
) -> None:
    script.on(method, pattern, fault, times=1)  # type: ignore[arg-type]
    try:
        staged.commit()
    except RetryableError:
        staged.commit()
    assert all(not one.times for one in script.faults), "the request was never made"
    staged.assert_uploaded_once()


def test_creating_one_whose_every_answer_is_lost_makes_one(
    ml: DerivaML, script: Script, workflow: Workflow, dml: Callable[..., Ran]
) -> None:
    script.on("POST", "/entity/deriva-ml:Execution\\?", reset_after, times=10_000)
    with pytest.raises(RetryableError):
        ml.create_execution(workflow=workflow, description="one")
    script.faults.clear()
    listed = json.loads(dml("exec", "list", "--json").out)
    (rid,) = [one["rid"] for one in listed["executions"]]
    assert dml("exec", "resume", rid).code == 0
    rows = ml.catalog.get_json("/entity/deriva-ml:Execution/Description=one")
    assert [(row["RID"], row["Status"]) for row in rows] == [(rid, "Created")]
