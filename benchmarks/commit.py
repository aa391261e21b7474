"""Commits of many small files and of one large file over HTTP, beside deriva-ml and beside ``md5sum`` with ``curl``.

Everything speaks to one embedded catalog that is served on loopback by a process of its own, as ``dml catalog serve``
does. Each contestant is a process of its own, that tells how long the commit alone took, how many requests it sent and
by how much its peak memory lies above what it held before. The limit is the same bytes hashed by ``md5sum`` and sent by
``curl`` in the same pieces, eight at a time, without any rows. They take turns for some rounds, since the disk that all
wait for is not equally fast each time; the medians are compared. What could not run says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

TITLE = "committing 1,000 files of 10 kB and one of 1 GiB to a served catalog"

SMALL_FILES = int(os.environ.get("DML_BENCH_FILES", "1000"))
SMALL_BYTES = 10_000
LARGE_BYTES = int(os.environ.get("DML_BENCH_BYTES", str(1 << 30)))
ROUNDS = int(os.environ.get("DML_BENCH_ROUNDS", "3"))
CHUNK = 50_000_000
AT_ONCE = 8
LONGEST = 900
"""Seconds after which a contestant is given up."""

_HERE = Path(__file__).parent
_THEIRS = _HERE.parent / ".interop" / "venv" / "bin" / "python"

SERVER = """
import sys
from pathlib import Path
from dml.embedded.application import Application
from dml.embedded.serve import serve
from dml.embedded.tls import ensure_tls_files
tls = ensure_tls_files(Path(sys.argv[2]))
print(tls.authority, flush=True)
serve(Application(Path(sys.argv[1])), tls=tls, on_ready=lambda url: print(url, flush=True))
"""


@dataclass(frozen=True)
class Server:
    """Where everybody sends: ``localhost:PORT``, with the certificate of its authority."""

    host: str
    authority: str


@dataclass(frozen=True)
class Result:
    """What a contestant reached.

    Attributes:
        seconds: Of the commit alone.
        requests: Sent meanwhile; None where they were not counted.
        memory: Peak above idle in MiB; None where it was not measured.
    """

    seconds: float
    requests: int | None = None
    memory: float | None = None


def run() -> Iterator[str]:
    """Measure and compare."""
    with tempfile.TemporaryDirectory(prefix="dml-bench-") as name, _served(Path(name)) as server:
        root = Path(name)
        yield f"{SMALL_FILES} files of {SMALL_BYTES} bytes"
        yield from _compared(root, server, _many(root / "small", SMALL_FILES), "files")
        yield f"one file of {LARGE_BYTES >> 20} MiB"
        yield from _compared(root, server, _one(root / "large"), "large")


def _compared(root: Path, server: Server, files: list[Path], kind: str) -> Iterator[str]:
    contestants: dict[str, Callable[[str], Result]] = {
        "md5sum and curl": lambda turn: _limit(root / f"limit-{turn}", server, files, turn),
        "dml": lambda turn: _program("ours", sys.executable, root / f"ours-{turn}", server, files),
        "deriva-ml 1.17.10": lambda turn: _program("theirs", str(_THEIRS), root / f"theirs-{turn}", server, files),
    }
    turns: dict[str, list[Result]] = {name: [] for name in contestants}
    failed: dict[str, str] = {}
    for number in range(ROUNDS):
        for name, measure in contestants.items():
            os.sync()  # what the one before left to be written would be paid by this one
            result = _tried(partial(measure, f"{kind}-{number}")) if name not in failed else failed[name]
            if isinstance(result, str):
                failed[name] = result
            else:
                turns[name].append(result)
    reached: dict[str, float] = {}
    for name, results in turns.items():
        if name in failed:
            yield f"  {name:20} did not run: {failed[name]}"
            continue
        reached[name] = median(result.seconds for result in results)
        yield f"  {name:20} {_shown(results, files)}"
    ours = reached.get("dml")
    if ours and "md5sum and curl" in reached:
        yield f"  dml reaches {reached['md5sum and curl'] / ours:.2f} of the limit"
    if ours and "deriva-ml 1.17.10" in reached:
        yield f"  dml is {reached['deriva-ml 1.17.10'] / ours:.1f} times as fast as deriva-ml"


def _shown(results: list[Result], files: list[Path]) -> str:
    every = [result.seconds for result in results]
    seconds, last = median(every), results[-1]
    size = sum(path.stat().st_size for path in files) / 2**20
    speed = f"{len(files) / seconds:.1f} files/s" if len(files) > 1 else f"{size / seconds:.1f} MiB/s"
    spread = f" ({min(every):.2f} to {max(every):.2f})" if len(every) > 1 else ""
    requests = "" if last.requests is None else f", {last.requests} requests"
    highest = [result.memory for result in results if result.memory is not None]
    memory = f", {max(highest):.1f} MiB above idle at most" if highest else ""
    return f"{seconds:8.2f} s{spread}, {speed}{requests}{memory}"


def _tried(measure: Callable[[], Result]) -> Result | str:
    try:
        return measure()
    except subprocess.CalledProcessError as error:
        return (error.stderr or str(error)).strip().splitlines()[-1][:300]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@contextmanager
def _served(root: Path) -> Iterator[Server]:
    """A catalog ``1`` with the deriva-ml schema, in a process of its own."""
    environment = _environment(root / "server")
    subprocess.run(
        [sys.executable, "-m", "benchmarks._commit_ours", "initialise"], env=environment, check=True, cwd=_HERE.parent
    )
    catalogs = root / "server" / "data" / "dml" / "catalogs"
    words = [sys.executable, "-c", SERVER, str(catalogs), str(root / "tls")]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        authority = server.stdout.readline().strip()
        yield Server(server.stdout.readline().strip().partition("://")[2].rstrip("/"), authority)
    finally:
        server.terminate()
        server.wait(30)


def _environment(home: Path) -> dict[str, str]:
    """A home of its own, so that nothing of the user's is used."""
    home.mkdir(parents=True, exist_ok=True)
    directories = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "CACHE", "STATE", "DATA")}
    return {**os.environ, **directories, "HOME": str(home)}


def _many(directory: Path, count: int) -> list[Path]:
    directory.mkdir()
    source = Random(1)
    files = [directory / f"file{number:05}.bin" for number in range(count)]
    for path in files:
        path.write_bytes(source.randbytes(SMALL_BYTES))
    return files


def _one(directory: Path) -> list[Path]:
    directory.mkdir()
    path, source = directory / "large.bin", Random(2)
    with path.open("wb") as stream:
        for _ in range(LARGE_BYTES >> 20):
            stream.write(source.randbytes(1 << 20))
    return [path]


def _program(name: str, interpreter: str, home: Path, server: Server, files: list[Path]) -> Result:
    """Run a contestant; files are renamed for it, so that nobody profits from what another one sent."""
    own = home / "files"
    own.mkdir(parents=True)
    for path in files:
        _salted(path, own / f"{home.name}-{path.name}", home.name)
    words = [interpreter, str(_in_repository(home, _HERE / f"_commit_{name}.py")), "measure", server.host, str(own)]
    tools = os.pathsep.join([str(Path(interpreter).parent), os.environ["PATH"]])
    # The served catalog takes anybody for its owner; deriva-ml wants to have signed in all the same.
    credential = home / ".deriva" / "credential.json"
    credential.parent.mkdir()
    credential.write_text(json.dumps({server.host: {"cookie": "webauthn=benchmark"}}))
    environment = {**_environment(home), "REQUESTS_CA_BUNDLE": server.authority, "PATH": tools}
    done = subprocess.run(
        words, env=environment, check=True, capture_output=True, text=True, cwd=home / "repository", timeout=LONGEST
    )
    found: Mapping[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    shutil.rmtree(own)
    return Result(found["seconds"], found.get("requests"), found.get("memory"))


def _in_repository(home: Path, script: Path) -> Path:
    """A copy of the script under version control with a remote, as deriva-ml wants of the program it runs in."""
    copy = home / "repository" / script.name
    copy.parent.mkdir()
    shutil.copyfile(script, copy)
    git = ["git", "-C", str(copy.parent), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for words in (
        ["init", "-q"],
        ["remote", "add", "origin", "https://example.org/group/bench.git"],
        ["add", script.name],
        ["commit", "-q", "-m", "bench"],
        ["tag", "-a", "v1.0.0", "-m", "v1.0.0"],
    ):
        subprocess.run([*git, *words], check=True, capture_output=True, text=True)
    return copy


def _salted(source: Path, copy: Path, salt: str) -> None:
    """A copy whose first bytes differ: other contents, the same size."""
    shutil.copyfile(source, copy)
    with copy.open("r+b") as stream:
        stream.write(salt.encode())


def _limit(directory: Path, server: Server, files: list[Path], turn: str) -> Result:
    """``md5sum`` over everything and ``curl`` of every piece; no rows, no checks, no record."""
    for tool in ("md5sum", "curl"):
        if shutil.which(tool) is None:
            raise FileNotFoundError(f"there is no {tool} here")
    directory.mkdir()
    base = f"https://{server.host}/hatrac/limit_{turn}"
    curl = ["curl", "-sSf", "--cacert", server.authority]
    began = perf_counter()
    subprocess.run(["md5sum", *map(str, files)], check=True, stdout=subprocess.DEVNULL)
    if len(files) > 1:
        requests = _put_all(curl, directory, [(f"{base}/{path.name}?parents=true", path) for path in files])
        return Result(perf_counter() - began, requests)
    pieces = perf_counter()
    parts = _cut(directory, files[0])
    cutting = perf_counter() - pieces  # what curl cannot read from within a file
    document = json.dumps({"chunk-length": CHUNK, "content-length": files[0].stat().st_size})
    words = [*curl, "-X", "POST", "-H", "Content-Type: application/json", "-d", document]
    job = subprocess.run(
        [*words, f"{base}/large.bin;upload?parents=true"], check=True, capture_output=True, text=True
    ).stdout.strip()
    job = job if job.startswith("http") else f"https://{server.host}{job}"
    count = _put_all(curl, directory, [(f"{job}/{number}", part) for number, part in enumerate(parts)], at_once=1)
    subprocess.run([*curl, "-X", "POST", "-d", "", job], check=True, stdout=subprocess.DEVNULL)
    return Result(perf_counter() - began - cutting, count + 2)


def _cut(directory: Path, path: Path) -> list[Path]:
    parts = []
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            parts.append(directory / f"part{len(parts):05}")
            parts[-1].write_bytes(block)
    return parts


def _put_all(curl: list[str], directory: Path, pairs: list[tuple[str, Path]], at_once: int = AT_ONCE) -> int:
    """Send files with one ``curl`` that keeps its connections."""
    configuration = directory / "curl.txt"
    lines = [f'upload-file = "{path}"\nurl = "{url}"\noutput = "/dev/null"\n' for url, path in pairs]
    configuration.write_text("".join(lines))
    words = [*curl, "--config", str(configuration), "-H", "Content-Type: application/octet-stream", "-H", "Expect:"]
    parallel = ["--parallel", "--parallel-max", str(at_once)] if at_once > 1 else []
    subprocess.run([*words, *parallel], check=True, capture_output=True, text=True)
    return len(pairs)
