"""Several writers at once, processes killed at bad moments, and memory that does not grow with objects."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import Store

PRELUDE = """
import os, resource, signal, sys, requests
from pathlib import Path
from dml.embedded.application import Application
from dml.embedded.transport import WsgiAdapter
root = Path(sys.argv[1])
session = requests.Session()
session.mount("https://local", WsgiAdapter(Application(root)))
URL = "https://local/hatrac/o"
def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(script: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(script), str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_writers_of_one_name_each_make_a_version(store: Store) -> None:
    bodies = [str(number).encode() * 1000 for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda body: store.put("/o", body), bodies))
    assert {response.status_code for response in made} == {201}
    urls = [response.headers["Location"] for response in made]
    assert sorted(store.get("/o;versions").json()) == sorted(urls)
    assert [store.get(url).content for url in urls] == bodies


def test_one_of_many_that_want_the_name_free_gets_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: store.put("/o", b"%d" % n, headers={"If-None-Match": "*"}), range(16)))
    assert sorted(response.status_code for response in made) == [201] + [412] * 15
    assert len(store.stored_files()) == 1


def test_several_processes(store: Store) -> None:
    script = PRELUDE + 'for number in range(10): assert session.put(URL, b"x" * number + b".").status_code == 201'
    running = [subprocess.Popen([sys.executable, "-c", script, str(store.root)]) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert len(store.get("/o;versions").json()) == 30


def test_a_child_after_a_fork_uses_its_own_connection(store: Store) -> None:
    store.put("/o", b"parent")
    done = run(
        """
        assert session.put(URL, b"one").status_code == 201
        child = os.fork()
        if not child:
            os._exit(0 if session.put(URL, b"two").status_code == 201 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert session.get(URL).content == b"two"
        """,
        store.root,
    )
    assert done.returncode == 0, done.stderr
    assert len(store.get("/o;versions").json()) == 3


KILLED = {
    "while the body comes": """
        class Body:
            sent = 0
            def __len__(self): return 1 << 20
            def read(self, size):
                self.sent += 1
                return die() if self.sent > 3 else b"x" * 1000
        session.put(URL, data=Body())
    """,
    "before the row": """
        from dml.embedded.hatrac import service
        service.add_version = die
        session.put(URL, data=b"abc")
    """,
}


@pytest.mark.parametrize("script", KILLED.values(), ids=KILLED.keys())
def test_a_kill_before_the_row_leaves_nothing(store: Store, script: str) -> None:
    assert run(script, store.root).returncode == -signal.SIGKILL
    assert len(store.stored_files()) == 1  # what the kill left
    assert store.get("/o").status_code == 404  # the first request opens the store, and sweeps it
    assert store.stored_files() == []
    assert store.pending() == []


def test_a_kill_after_the_row_loses_nothing(store: Store) -> None:
    script = """
        from dml.embedded.hatrac.storage import Storage
        Storage._remove_unreferenced = die
        session.put(URL, data=b"abc")
    """
    assert run(script, store.root).returncode == -signal.SIGKILL
    assert store.get("/o").content == b"abc"
    assert store.pending() == []


def test_a_kill_during_a_deletion_completes_it(store: Store) -> None:
    script = """
        from dml.embedded.hatrac.storage import Storage
        session.put(URL, data=b"abc")
        Storage._remove_unreferenced = die
        session.delete(URL)
    """
    assert run(script, store.root).returncode == -signal.SIGKILL
    assert store.get("/o").status_code == 404
    assert store.stored_files() == []


def test_a_sweep_leaves_alone_what_is_under_way(store: Store) -> None:
    class Body:
        read_once = False

        def __len__(self) -> int:
            return 3

        def read(self, size: int) -> bytes:
            if not self.read_once:
                self.read_once = True
                assert len(store.pending()) == 1
                assert Store(store.root).get("/other").status_code == 404  # opens the store anew, and sweeps
                return b"abc"
            return b""

    assert store.put("/o", Body()).status_code == 201
    assert store.get("/o").content == b"abc"


def test_a_full_disk_is_said_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("/o", b"before")
    job = store.request("POST", "/p;upload", json={"chunk-length": 9, "content-length": 9}).headers["Location"]
    write = os.pwrite

    def fail(descriptor: int, data: bytes, offset: int) -> int:
        if offset:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:3], offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fail)
        assert store.put("/o", b"something").status_code == 507
        assert store.put(f"{job}/0", b"something").status_code == 507
    assert store.get("/o").content == b"before"
    assert store.request("POST", job).status_code == 201  # nothing was accepted: an empty object, as on a real server
    assert store.get("/p").content == b""
    assert store.pending() == []
    assert len(store.stored_files()) == 2


@pytest.mark.parametrize("way", ["put", "job"])
def test_memory_stays_flat(store: Store, tmp_path: Path, way: str) -> None:
    size = 192 << 20
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(size)
    done = run(
        f"""
        session.get(URL)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with open({str(big)!r}, "rb") as file:
            if {way!r} == "put":
                assert session.put(URL, data=file).status_code == 201
            else:
                job = session.post(URL + ";upload", json={{"chunk-length": {size}, "content-length": {size}}})
                where = "https://local" + job.headers["Location"]
                assert session.put(where + "/0", data=file).status_code == 204
                assert session.post(where).status_code == 201
        got = session.get(URL, stream=True)
        assert sum(map(len, got.iter_content(1 << 16))) == {size}
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
        """,
        store.root,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32  # MiB


def test_a_child_uploads_in_chunks_after_its_parent_did(store: Store) -> None:
    script = """
    def upload(name):
        document = {"chunk-length": 4, "content-length": 6, "content-md5": "6AtQFwmJUPxYqtg8jBSXjg=="}
        job = session.post(f"{URL}-{name};upload", json=document).headers["Location"]
        for position, part in enumerate((b"abcd", b"ef")):
            assert session.put(f"https://local{job}/{position}", data=part).status_code == 204
        return session.post(f"https://local{job}").status_code
    assert upload("parent") == 201
    child = os.fork()
    if not child:
        os._exit(0 if upload("child") == 201 else 1)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = run(script, store.root)
    assert done.returncode == 0, done.stderr
    assert store.get("/o-child").content == b"abcdef"
