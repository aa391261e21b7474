"""Bytes up and down: once, whole, verified, resumed, whatever breaks on the way."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest, Response

from catalog.scripted import (
    Action,
    Script,
    answer,
    answer_after,
    changed,
    cut,
    patient,
    reset,
    reset_after,
    reset_amid,
)
from dml.catalog.connection import Catalog, connect
from dml.catalog.objects import download, object_path, stat, upload
from dml.catalog.retry import RetryPolicy
from dml.catalog.session import TIMEOUT
from dml.catalog.upload_source import FileSlice
from dml.embedded.application import open_application
from dml.embedded.transport import WsgiAdapter
from dml.errors import (
    AuthError,
    ConflictError,
    DmlError,
    IntegrityError,
    NotFoundError,
    RetryableError,
    UnsafePathError,
    UsageError,
)
from dml.target import Target

CHUNK = 1_000
JOB = r";upload/\w+$"


class Store:
    """An object store of this test with a script in front of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "files"
        self.directory.mkdir()
        self.script = Script(WsgiAdapter(open_application(tmp_path / "store")))
        self.catalog = self.connect()
        self.told: list[int] = []
        self.kept: list[tuple[str, int]] = []

    def connect(self, policy: RetryPolicy | None = None) -> Catalog:
        return connect(Target("local", "1"), policy=policy or patient(), transport=lambda: self.script)

    def file(self, size: int, name: str = "weights.bin") -> tuple[Path, str, str]:
        path = self.directory / name
        path.write_bytes(os.urandom(size))
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        return path, object_path("Model", md5, name), md5

    def upload(self, path: Path, url: str, md5: str, **options: object) -> str:
        return upload(
            self.catalog,
            path,
            url,
            md5_hex=md5,
            chunk_size=CHUNK,
            progress=self.told.append,
            remember=lambda job, done: self.kept.append((job, done)),
            **options,  # type: ignore[arg-type]
        )

    def fetched(self, url: str) -> bytes:
        return self.catalog.host_exchange("GET", url).response.content

    def versions(self, url: str) -> int:
        return len(self.catalog.host_exchange("GET", f"{url};versions").response.json())

    def sent(self, method: str) -> int:
        return self.catalog.traffic.count(method)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK])
def test_a_small_file_is_one_request(store: Store, size: int) -> None:
    path, url, md5 = store.file(size)
    assert store.upload(path, url, md5) == url
    assert [method for method, _, _ in store.catalog.traffic.log] == ["PUT"]
    assert store.fetched(url) == path.read_bytes()
    assert sum(store.told) == size
    headers = store.script.seen[0].headers
    assert headers["Content-Length"] == str(size)
    assert "Transfer-Encoding" not in headers


@pytest.mark.parametrize("size", [CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7])
def test_a_large_file_goes_up_in_chunks(store: Store, size: int) -> None:
    path, url, md5 = store.file(size)
    assert store.upload(path, url, md5) == url
    chunks = -(-size // CHUNK)
    assert (store.sent("POST"), store.sent("PUT")) == (2, chunks)
    assert store.fetched(url) == path.read_bytes()
    assert sum(store.told) == size
    assert [done for _, done in store.kept] == list(range(chunks + 1))
    assert len({job for job, _ in store.kept}) == 1


def test_what_is_there_is_not_sent_again(store: Store) -> None:
    path, url, md5 = store.file(500)
    store.upload(path, url, md5)
    store.upload(path, url, md5)
    assert store.versions(url) == 1


def test_other_bytes_under_the_name_are_a_conflict(store: Store) -> None:
    path, url, md5 = store.file(500)
    store.upload(path, url, md5)
    other, _, other_md5 = store.file(500, "other.bin")
    with pytest.raises(ConflictError, match="taken"):
        store.upload(other, url, other_md5)


def test_bytes_that_do_not_have_the_checksum_are_refused(store: Store) -> None:
    path, url, md5 = store.file(500)
    path.write_bytes(b"x" * 500)
    with pytest.raises(IntegrityError):
        store.upload(path, url, md5)
    assert stat(store.catalog, url) is None


def test_chunks_that_do_not_have_the_checksum_are_refused(store: Store) -> None:
    path, url, md5 = store.file(3 * CHUNK)
    path.write_bytes(b"x" * 3 * CHUNK)
    with pytest.raises(IntegrityError):
        store.upload(path, url, md5)
    assert stat(store.catalog, url) is None
    assert store.catalog.host_exchange("GET", store.kept[0][0], accept=(404,)).response.status_code == 404


@pytest.mark.parametrize("fault", [answer(500), answer(503), answer_after(500), reset, reset_after, reset_amid(100)])
def test_a_small_file_arrives_once_whatever_happens_to_a_request(store: Store, fault: Action) -> None:
    path, url, md5 = store.file(900)
    store.script.on("PUT", "", fault)
    assert store.upload(path, url, md5) == url
    assert store.fetched(url) == path.read_bytes()
    assert store.versions(url) == 1
    assert sum(store.told) == 900


@pytest.mark.parametrize("fault", [answer(500), answer(503), answer_after(502), reset, reset_after, reset_amid(100)])
@pytest.mark.parametrize(
    ("method", "pattern"), [("POST", r";upload\?"), ("PUT", "/0$"), ("PUT", "/2$"), ("PUT", "/4$"), ("POST", JOB)]
)
def test_a_large_file_arrives_once_whatever_happens_to_a_request(
    store: Store, fault: Action, method: str, pattern: str
) -> None:
    path, url, md5 = store.file(4 * CHUNK + 1)
    store.script.on(method, pattern, fault)
    assert store.upload(path, url, md5) == url
    assert store.fetched(url) == path.read_bytes()
    assert store.versions(url) == 1
    assert sum(store.told) == 4 * CHUNK + 1


def test_progress_goes_back_when_a_chunk_is_sent_again(store: Store) -> None:
    path, url, md5 = store.file(3 * CHUNK)
    store.script.on("PUT", "/1$", reset_amid(400))
    store.upload(path, url, md5)
    assert -400 in store.told
    assert max(sum(store.told[:n]) for n in range(len(store.told) + 1)) == 3 * CHUNK


@pytest.mark.parametrize("done", range(6))
def test_a_job_that_was_begun_goes_on_where_it_stopped(store: Store, done: int) -> None:
    path, url, md5 = store.file(4 * CHUNK + 1)
    if done < 5:
        store.script.on("PUT", f"/{done}$", reset, times=99)
    else:
        store.script.on("POST", JOB, reset, times=99)
    with pytest.raises(RetryableError):
        store.upload(path, url, md5)
    job, chunks = store.kept[-1]
    assert chunks == done
    store.script.faults.clear()
    store.told.clear()
    store.catalog.traffic.reset()
    store.upload(path, url, md5, job=job, chunks_done=chunks)
    assert store.sent("PUT") == 5 - done
    assert store.fetched(url) == path.read_bytes()
    assert sum(store.told) == 4 * CHUNK + 1


def test_a_job_keeps_its_chunk_size_when_another_is_asked_for(store: Store) -> None:
    path, url, md5 = store.file(4 * CHUNK)
    store.script.on("PUT", "/2$", answer(401))
    with pytest.raises(AuthError):
        store.upload(path, url, md5)
    job, chunks = store.kept[-1]
    upload(store.catalog, path, url, md5_hex=md5, chunk_size=333, job=job, chunks_done=chunks)
    assert store.fetched(url) == path.read_bytes()


def test_a_job_that_is_gone_is_begun_anew(store: Store) -> None:
    path, url, md5 = store.file(4 * CHUNK)
    store.script.on("PUT", "/2$", answer(404, "no such job"))
    store.upload(path, url, md5)
    assert store.fetched(url) == path.read_bytes()
    assert len({job for job, _ in store.kept}) == 2
    assert sum(store.told) == 4 * CHUNK


def test_a_remembered_job_that_is_gone_is_begun_anew(store: Store) -> None:
    path, url, md5 = store.file(4 * CHUNK)
    store.upload(path, url, md5, job=f"{url};upload/GONE", chunks_done=2)
    assert store.fetched(url) == path.read_bytes()


def test_jobs_that_keep_vanishing_are_given_up(store: Store) -> None:
    path, url, md5 = store.file(4 * CHUNK)
    store.script.on("PUT", "/0$", answer(404, "no such job"), times=99)
    with pytest.raises(ConflictError, match="dropped"):
        store.upload(path, url, md5)


def test_an_upload_that_had_been_finished_is_recognised(store: Store) -> None:
    path, url, md5 = store.file(4 * CHUNK)
    store.upload(path, url, md5)
    job, _ = store.kept[-1]
    store.catalog.traffic.reset()
    store.upload(path, url, md5, job=job, chunks_done=4)
    assert [method for method, _, _ in store.catalog.traffic.log] == ["HEAD"]
    assert store.versions(url) == 1


def test_a_large_object_that_is_there_costs_one_question(store: Store) -> None:
    path, url, md5 = store.file((1 << 20) + 5)
    upload(store.catalog, path, url, md5_hex=md5)
    store.catalog.traffic.reset()
    upload(store.catalog, path, url, md5_hex=md5)
    assert [method for method, _, _ in store.catalog.traffic.log] == ["HEAD"]


def test_a_file_that_became_shorter_is_named(store: Store) -> None:
    path, url, md5 = store.file(3 * CHUNK)

    def shorten(_job: str, done: int) -> None:
        if done == 1:
            path.write_bytes(b"short")

    with pytest.raises(IntegrityError, match="shorter"):
        upload(store.catalog, path, url, md5_hex=md5, chunk_size=CHUNK, remember=shorten)


def test_a_file_that_is_gone_is_named(store: Store, tmp_path: Path) -> None:
    path, url, md5 = store.file(3 * CHUNK)
    with pytest.raises(NotFoundError, match="is gone"):
        upload(
            store.catalog, path, url, md5_hex=md5, chunk_size=CHUNK, remember=lambda *_: path.unlink(missing_ok=True)
        )
    with pytest.raises(NotFoundError, match="is gone"):
        upload(store.catalog, path, url, md5_hex=md5)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)])
def test_what_is_no_file_is_refused(store: Store, make: object, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    make(path)  # type: ignore[operator]
    with pytest.raises(UsageError, match="not a file"):
        upload(store.catalog, path, "/hatrac/Model/x", md5_hex="0" * 32)


def test_a_pipe_that_takes_the_files_place_does_not_hold_up(store: Store) -> None:
    path, url, md5 = store.file(3 * CHUNK)

    def replace(_job: str, done: int) -> None:
        if done == 1:
            path.unlink()
            os.mkfifo(path)

    with pytest.raises(UsageError, match="not a file"):
        upload(store.catalog, path, url, md5_hex=md5, chunk_size=CHUNK, remember=replace)


@pytest.mark.parametrize(
    "name", ["a b.txt", "ä€.txt", "x" * 255, "new\nline", "100%.txt", "a;b:c?d#e", "back\\slash", "-"]
)
def test_any_file_name_is_stored_and_found(store: Store, name: str) -> None:
    path, url, md5 = store.file(10, name)
    store.upload(path, url, md5)
    there = stat(store.catalog, url)
    assert there is not None
    assert (there.length, there.md5_hex) == (10, md5)


def test_nothing_is_there_before(store: Store) -> None:
    assert stat(store.catalog, "/hatrac/Model/absent") is None


# -- fetching


def stored(store: Store, size: int = 5_000) -> tuple[str, str, bytes]:
    path, url, md5 = store.file(size)
    upload(store.catalog, path, url, md5_hex=md5)
    return url, md5, path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 5_000, (1 << 20) + 1])
def test_an_object_comes_down_whole(store: Store, tmp_path: Path, size: int) -> None:
    url, md5, content = stored(store, size)
    target = tmp_path / "down.bin"
    told: list[int] = []
    download(store.catalog, url, target, length=size, md5_hex=md5, progress=told.append)
    assert target.read_bytes() == content
    assert sum(told) == size
    assert list(tmp_path.glob(".dml-*")) == []
    assert target.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("kept", [0, 1, 2_500, 4_999])
def test_a_transfer_that_breaks_off_goes_on(store: Store, tmp_path: Path, kept: int) -> None:
    url, md5, content = stored(store)
    store.script.on("GET", "/hatrac", cut(kept)).on("GET", "/hatrac", reset)
    told: list[int] = []
    download(store.catalog, url, tmp_path / "x", length=5_000, md5_hex=md5, progress=told.append)
    assert (tmp_path / "x").read_bytes() == content
    assert sum(told) == 5_000


def test_a_server_that_starts_over_is_followed(store: Store, tmp_path: Path) -> None:
    url, md5, content = stored(store)
    store.script.on("GET", "/hatrac", cut(2_000)).on("GET", "/hatrac", answer(200, content))
    told: list[int] = []
    download(store.catalog, url, tmp_path / "x", length=5_000, md5_hex=md5, progress=told.append)
    assert (tmp_path / "x").read_bytes() == content
    assert sum(told) == 5_000


@pytest.mark.parametrize(
    "edit", [lambda body: body[:-1], lambda body: body + b"x", lambda body: b"x" + body[1:], lambda body: b""]
)
def test_wrong_bytes_never_take_the_destinations_place(store: Store, tmp_path: Path, edit: object) -> None:
    url, md5, _ = stored(store)
    store.script.on("GET", "/hatrac", changed(edit), times=99)  # type: ignore[arg-type]
    target = tmp_path / "x"
    target.write_bytes(b"before")
    with pytest.raises(IntegrityError):
        download(store.catalog, url, target, length=5_000, md5_hex=md5)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.glob(".dml-*")) == []


def test_without_an_expected_checksum_the_servers_own_is_used(store: Store, tmp_path: Path) -> None:
    url, _, _ = stored(store)
    store.script.on("GET", "/hatrac", changed(lambda body: b"x" + body[1:]))
    with pytest.raises(IntegrityError, match="MD5"):
        download(store.catalog, url, tmp_path / "x", length=None, md5_hex=None)


def test_an_endless_answer_is_cut_at_the_expected_length(store: Store, tmp_path: Path) -> None:
    url, md5, content = stored(store)
    told: list[int] = []
    store.script.on("GET", "/hatrac", answer(200, content * 1_000))
    with pytest.raises(IntegrityError, match="more than"):
        download(store.catalog, url, tmp_path / "x", length=5_000, md5_hex=md5, progress=told.append)
    assert sum(told) <= 5_000


def test_a_sign_in_page_instead_of_bytes_says_so(store: Store, tmp_path: Path) -> None:
    url, md5, _ = stored(store)
    store.script.on("GET", "/hatrac", answer(200, "<html>sign in</html>", {"Content-Type": "text/html"}))
    with pytest.raises(AuthError):
        download(store.catalog, url, tmp_path / "x", length=5_000, md5_hex=md5)


def test_a_stored_page_is_a_file_like_any_other(store: Store, tmp_path: Path) -> None:
    path = store.directory / "report.html"
    path.write_text("<html>a report</html>")
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    url = object_path("Report", md5, path.name)
    upload(store.catalog, path, url, md5_hex=md5, content_type="text/html")
    download(store.catalog, url, tmp_path / "x", length=path.stat().st_size, md5_hex=md5)
    assert (tmp_path / "x").read_bytes() == path.read_bytes()


def test_a_missing_object_is_not_found(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        download(store.catalog, "/hatrac/Model/absent", tmp_path / "x", length=1, md5_hex=None)
    assert list(tmp_path.glob("*x*")) == []


def test_a_missing_directory_is_named(store: Store, tmp_path: Path) -> None:
    url, md5, _ = stored(store)
    with pytest.raises(DmlError, match="cannot be written"):
        download(store.catalog, url, tmp_path / "no" / "x", length=5_000, md5_hex=md5)


def test_a_full_disk_is_worth_trying_again(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, md5, _ = stored(store)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RetryableError, match="No space"):
        download(store.catalog, url, tmp_path / "x", length=5_000, md5_hex=md5)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.net/hatrac/x",
        "https://169.254.169.254/hatrac/x",
        "/etc/passwd",
        "/hatrac/../ermrest/catalog/1",
        "/hatrac/%2e%2e/x",
        "//elsewhere.example.net/hatrac/x",
    ],
)
def test_only_objects_of_the_catalogs_host_are_fetched(store: Store, tmp_path: Path, url: str) -> None:
    with pytest.raises(UnsafePathError):
        download(store.catalog, url, tmp_path / "x", length=None, md5_hex=None)
    assert store.script.seen == []


@pytest.mark.parametrize("url", ["tag:deriva-ml,unknown-provenance:file", "file:///etc/passwd", "s3://bucket/key"])
def test_a_mere_reference_has_no_bytes(store: Store, tmp_path: Path, url: str) -> None:
    with pytest.raises(NotFoundError, match="only refers"):
        download(store.catalog, url, tmp_path / "x", length=None, md5_hex=None)


def test_a_redirect_to_a_store_elsewhere_is_followed_without_credentials(tmp_path: Path) -> None:
    secret = "canary-5512"
    content = b"bytes from elsewhere"
    script = Script()
    script.on("GET", "/hatrac/M/x", answer(302, "", {"Location": "https://store.example.net/o?sig=1"}))
    script.on("GET", "/o", answer(200, content))
    catalog = connect(
        Target("data.example.org", "1"),
        credential={"cookie": f"webauthn={secret}"},
        policy=patient(),
        transport=lambda: script,
    )
    download(catalog, "/hatrac/M/x", tmp_path / "x", length=len(content), md5_hex=hashlib.md5(content).hexdigest())
    assert (tmp_path / "x").read_bytes() == content
    assert secret in str(script.seen[0].headers)
    assert secret not in str(script.seen[1].headers)
    assert {"Cookie", "Authorization"}.isdisjoint(script.seen[1].headers)


@pytest.mark.parametrize(("limit", "seconds"), [(None, TIMEOUT), (7.0, (7.0, 7.0))])
def test_a_store_elsewhere_gets_no_more_time_than_the_policy_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float | None, seconds: tuple[float, float]
) -> None:
    script = Script().on("GET", "/hatrac/M/x", answer(302, "", {"Location": "https://store.example.net/o"}))
    script.on("GET", "/o", answer(200, b"x"))
    given: list[object] = []
    send = Script.send

    def timed(self: Script, request: PreparedRequest, *more: Any, **options: Any) -> Response:
        given.append(options["timeout"])
        return send(self, request, *more, **options)

    monkeypatch.setattr(Script, "send", timed)
    policy = replace(patient(), time_limit=limit)
    catalog = connect(Target("data.example.org", "1"), credential={}, policy=policy, transport=lambda: script)
    download(catalog, "/hatrac/M/x", tmp_path / "x", length=1, md5_hex=None)
    assert given[-1] == seconds


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://10.0.0.5/x",
        "https://localhost/x",
        "http://store.example.net/x",
        "https://[::1]/x",
        "https://intranet/x",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_into_the_users_network_is_refused(tmp_path: Path, target: str) -> None:
    script = Script().on("GET", "/hatrac/M/x", answer(302, "", {"Location": target}), times=99)
    catalog = connect(Target("data.example.org", "1"), credential={}, policy=patient(), transport=lambda: script)
    with pytest.raises(UnsafePathError):
        download(catalog, "/hatrac/M/x", tmp_path / "x", length=None, md5_hex=None)
    assert len(script.seen) == 1


def test_the_file_is_never_read_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path, url, md5 = store.file(3_000_000)
    asked: list[int] = []
    read = FileSlice.read

    def watched(self: object, size: int = -1) -> bytes:
        asked.append(size)
        return read(self, size)  # type: ignore[arg-type]

    monkeypatch.setattr(FileSlice, "read", watched)
    upload(store.catalog, path, url, md5_hex=md5)
    assert asked
    assert all(0 < size <= 1 << 20 for size in asked)
