"""Upload jobs: chunks in any order and more than once, and what a finish or a cancel leaves."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dml.embedded.hatrac import digests, uploads
from dml.embedded.hatrac.storage import digest_of

from .conftest import CutShort, Store


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def open_job(store: Store, data: bytes, chunk: int, **more: str) -> str:
    opened = store.request(
        "POST", "/o;upload", json={"chunk-length": chunk, "content-length": len(data), "content-md5": md5(data)} | more
    )
    assert opened.status_code == 201
    return opened.headers["Location"]


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 64), st.randoms(use_true_random=False))
def test_chunks_in_any_order_some_twice(data: bytes, chunk: int, random: object) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))
        job = open_job(store, data, chunk)
        positions = list(range(-(-len(data) // chunk)))
        order = positions + random.sample(positions, len(positions) // 2)  # type: ignore[attr-defined]
        random.shuffle(order)  # type: ignore[attr-defined]
        for position in order:
            part = data[position * chunk : (position + 1) * chunk]
            assert store.put(f"{job}/{position}", part, headers={"Content-MD5": md5(part)}).status_code == 204
        finished = store.request("POST", job)
        assert finished.status_code == 201
        assert store.get(finished.text.strip()).content == data
        assert store.get("/o").headers["Content-MD5"] == md5(data)
        assert len(store.stored_files()) == 1


def test_chunks_at_the_same_time(store: Store) -> None:
    data = bytes(range(256)) * 4000
    job = open_job(store, data, 50_000)
    parts = [(index, data[index * 50_000 : (index + 1) * 50_000]) for index in range(21)] * 2
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda part: store.put(f"{job}/{part[0]}", part[1]).status_code, parts))
        assert set(sent) == {204}
        finished = sorted(pool.map(lambda _: store.request("POST", job).status_code, range(3)))
    assert finished == [201, 404, 404]
    assert store.get("/o").content == data


def test_a_job_is_shown_listed_and_gone(store: Store) -> None:
    job = open_job(store, b"abcdef", 4, **{"content-disposition": "filename*=UTF-8''f.txt"})
    shown = store.get(job).json()
    assert (shown["url"], shown["target"], shown["chunk-length"]) == (job, "/hatrac/o", 4)
    assert store.get("/o;upload").json() == [job]
    store.put(f"{job}/0", b"abcd")
    store.put(f"{job}/1", b"ef")
    assert store.request("POST", job).status_code == 201
    assert store.get("/o").headers["Content-Disposition"] == "filename*=UTF-8''f.txt"
    assert store.get(job).status_code == 404
    assert store.request("POST", job).status_code == 404
    assert store.put(f"{job}/0", b"WXYZ").status_code == 404
    assert store.get("/o").content == b"abcdef"


def test_what_is_missing_is_not_made_up(store: Store) -> None:
    job = open_job(store, b"abcdef", 2)
    store.put(f"{job}/0", b"ab")
    store.put(f"{job}/2", b"ef")
    refused = store.request("POST", job)
    assert (refused.status_code, "1 chunks are missing" in refused.text) == (409, True)
    store.put(f"{job}/1", b"cd")
    assert store.request("POST", job).status_code == 201


@pytest.mark.parametrize("last", [b"e", b"efgh"])
def test_a_last_chunk_of_the_wrong_length_fails_in_the_end(store: Store, last: bytes) -> None:
    job = open_job(store, b"abcdef", 4)
    store.put(f"{job}/0", b"abcd")
    assert store.put(f"{job}/1", last).status_code == 204
    assert store.request("POST", job).status_code == 409
    assert store.put(f"{job}/1", b"ef").status_code == 204
    assert store.request("POST", job).status_code == 201
    assert store.get("/o").content == b"abcdef"


def test_a_chunk_that_broke_off_no_longer_counts(store: Store) -> None:
    job = open_job(store, b"abcdef", 4)
    store.put(f"{job}/1", b"ef")
    assert store.put(f"{job}/0", b"abcd").status_code == 204
    assert store.put(f"{job}/0", CutShort(b"WX", 4)).status_code == 400
    assert store.request("POST", job).status_code == 409
    assert store.put(f"{job}/0", b"WXYZ", headers={"Content-MD5": md5(b"abcd")}).status_code == 400
    assert store.put(f"{job}/0", b"abcd", headers={"Content-MD5": md5(b"abcd")}).status_code == 204
    assert store.request("POST", job).status_code == 201
    assert store.get("/o").content == b"abcdef"


@pytest.mark.parametrize(("position", "status"), [("2", 409), ("-1", 400), ("x", 400), ("99999999999999999999", 409)])
def test_a_chunk_out_of_range(store: Store, position: str, status: int) -> None:
    job = open_job(store, b"abcdef", 4)
    assert store.put(f"{job}/{position}", b"ef").status_code == status


def test_cancel_leaves_nothing(store: Store) -> None:
    job = open_job(store, b"abcdef", 4)
    store.put(f"{job}/0", b"abcd")
    assert store.request("DELETE", job).status_code == 204
    assert store.request("DELETE", job).status_code == 404
    assert store.put(f"{job}/0", b"abcd").status_code == 404
    assert store.stored_files() == []
    assert store.pending() == []
    assert store.get("/o").status_code == 409


def test_a_failed_job_stays_until_it_is_cancelled(store: Store) -> None:
    job = open_job(store, b"abcdef", 4)
    store.put(f"{job}/0", b"WXYZ")
    store.put(f"{job}/1", b"ef")
    assert store.request("POST", job).status_code == 409
    assert store.get(job).status_code == 200
    assert store.request("DELETE", job).status_code == 204


@pytest.mark.parametrize(
    "asked",
    [
        {},
        [],
        {"chunk-length": 0, "content-length": 1},
        {"chunk-length": -1, "content-length": 1},
        {"chunk-length": 1, "content-length": 1.5},
        {"chunk-length": True, "content-length": 1},
        {"chunk-length": 1, "content-length": 1, "content-md5": "x"},
        {"chunk-length": 1, "content-length": 1, "content-type": 7},
    ],
)
def test_a_job_must_be_well_described(store: Store, asked: object) -> None:
    assert store.request("POST", "/o;upload", json=asked).status_code == 400
    assert store.get("/o").status_code == 404


def test_a_job_in_an_absent_namespace(store: Store) -> None:
    asked = {"chunk-length": 1, "content-length": 1}
    assert store.request("POST", "/n/o;upload", json=asked).status_code == 404
    assert store.request("POST", "/n/o;upload?parents=true", json=asked).status_code == 201
    assert store.request("POST", "/n;upload", json=asked).status_code == 409


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose checksum was computed by reading them once more."""
    read: list[str] = []

    def counted(path: Path, checksum: str) -> str:
        read.append(path.name)
        return digest_of(path, checksum)

    monkeypatch.setattr(uploads, "digest_of", counted)
    return read


def put_all(store: Store, job: str, data: bytes, chunk: int, order: list[int]) -> None:
    for position in order:
        part = data[position * chunk : (position + 1) * chunk]
        assert store.put(f"{job}/{position}", part).status_code == 204


def test_chunks_in_order_are_not_read_again_to_finish(store: Store, files_read: list[str]) -> None:
    data = bytes(range(200))
    job = open_job(store, data, 64, **{"content-sha256": base64.b64encode(hashlib.sha256(data).digest()).decode()})
    put_all(store, job, data, 64, [0, 1, 2, 3])
    assert store.request("POST", job).status_code == 201
    assert files_read == []
    wrong = open_job(store, data, 64)
    put_all(store, wrong, bytes(200), 64, [0, 1, 2, 3])
    assert "content-md5" in store.request("POST", wrong).text
    assert files_read == []


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 2, 1, 3], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [0, 1, 2, 3, 1]])
def test_other_chunks_are_read_to_finish(store: Store, files_read: list[str], order: list[int]) -> None:
    data = bytes(range(200))
    job = open_job(store, data, 64)
    put_all(store, job, data, 64, order)
    assert store.request("POST", job).status_code == 201
    assert len(files_read) == 1


def test_a_chunk_that_another_process_wrote_again_is_seen(store: Store, files_read: list[str]) -> None:
    data, other = bytes(range(200)), Store(store.root)
    job = open_job(store, data, 64)
    put_all(store, job, data, 64, [0, 1, 2, 3])
    assert other.put(f"{job}/1", bytes(64)).status_code == 204
    assert store.request("POST", job).status_code == 409
    assert other.put(f"{job}/1", data[64:128]).status_code == 204
    assert store.request("POST", job).status_code == 201
    assert len(files_read) == 2


def test_a_job_that_two_processes_received_is_read_to_finish(store: Store, files_read: list[str]) -> None:
    data, other = bytes(range(200)), Store(store.root)
    job = open_job(store, data, 64)
    put_all(store, job, data, 64, [0, 1])
    put_all(other, job, data, 64, [2, 3])
    assert store.request("POST", job).status_code == 201
    assert len(files_read) == 1


def test_the_job_longest_without_a_chunk_is_followed_no_more(
    store: Store, files_read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MAX_TRACKED_JOBS", 2)
    data = bytes(range(200))
    jobs = [open_job(store, data, 100) for _ in range(3)]
    for position in (0, 1):
        for job in jobs:
            put_all(store, job, data, 100, [position])
    assert [store.request("POST", job).status_code for job in jobs] == [201, 201, 201]
    assert len(files_read) == 1


def test_a_store_of_the_first_release_is_brought_forward(store: Store) -> None:
    data = bytes(range(200))
    job = open_job(store, data, 64)
    put_all(store, job, data, 64, [0, 1])
    with contextlib.closing(sqlite3.connect(store.root / "hatrac" / "hatrac.sqlite3")) as connection:
        connection.executescript("ALTER TABLE job DROP COLUMN is_rewritten; PRAGMA user_version = 1;")
    newer = Store(store.root)
    put_all(newer, job, data, 64, [2, 3])
    assert newer.request("POST", job).status_code == 201
    assert newer.get("/o").content == data
