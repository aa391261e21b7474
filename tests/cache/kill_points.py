"""Fetches a dataset version many times, each time killed one step later, and finishes it in a second process.

This is a program of its own, which imports everything once and forks a child for every run. Usage: ``python -m
cache.kill_points DIRECTORY STRIDE``. It prints one JSON line: the number of kill points, how often each kind of step
occurred, and every problem.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import signal
import struct
import sys
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from cache.gallery import contents, make_gallery
from dml.cache.bag_files import bag_files
from dml.cache.bag_records import bag_records
from dml.cache.index import Index
from dml.cache.inventory import list_entries
from dml.cache.layout import Cache
from dml.cache.tiers import Tier
from dml.cache.usage import Usage
from dml.cache.verify import verify_entry
from dml.cache.warm_bag import warm_bag
from dml.catalog import download
from dml.catalog.administration import create_catalog
from dml.catalog.connection import connect
from dml.catalog.definitions import create_schema
from dml.catalog.ml_schema import initialise
from dml.target import Target
from dml.workspace.layout import Workspace

for module in ("deriva.core.ermrest_catalog", "deriva.core.hatrac_store", "dml.embedded.application"):
    import_module(module)  # once, not in every child

COUNT, SIZE = 3, 200_000
BLOCK = download._PIECE
SYSTEM_CALLS = ("open", "mkdir", "rename", "replace", "link", "unlink", "fsync", "chmod", "rmdir")


class Counters:
    """Two numbers that survive a killed child: steps taken, and bytes of objects received."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def add(self, steps: int, received: int) -> int:
        """Add to both numbers and return the steps so far."""
        before = struct.unpack("=qq", self._memory[:16])
        self._memory[:16] = struct.pack("=qq", before[0] + steps, before[1] + received)
        return int(before[0]) + steps

    def take(self) -> tuple[int, int]:
        """The numbers so far; both are reset."""
        steps, received = struct.unpack("=qq", self._memory[:16])
        self._memory[:16] = bytes(16)
        return steps, received


def install_kill_point(counters: Counters, fatal: int, kinds: Counter[str] | None = None) -> None:
    """Count every step of this process, and kill it at the one with the number ``fatal``."""

    def step(name: str) -> None:
        if kinds is not None:
            kinds[name] += 1
        if counters.add(1, 0) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in SYSTEM_CALLS:
        real = getattr(os, name)

        def hooked(*arguments: Any, real: Callable[..., Any] = real, name: str = name, **options: Any) -> Any:
            step(name)
            return real(*arguments, **options)

        setattr(os, name, hooked)
    write = download._Fetch._write

    def counted(self: Any, block: bytes) -> None:
        step("write")
        counters.add(0, len(block))
        write(self, block)

    download._Fetch._write = counted  # type: ignore[method-assign]


def run_in_child(function: Callable[[], Any]) -> tuple[int, Any]:
    """Run a function in a fork; returns its exit code (or minus the signal that killed it) and the result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writing, json.dumps(function()).encode())
            code = 0
        except BaseException as error:
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(answer) if answer else None


def create_test_catalog() -> tuple[str, dict[str, str]]:
    """Create the catalog; returns the dataset, and the content of its images in hexadecimal."""
    target = create_catalog("local")
    catalog = connect(target)
    initialise(catalog)
    create_schema(catalog, "lab", comment="created by a test")
    folder = Path("files")
    folder.mkdir()
    gallery = make_gallery(catalog, "lab", folder, count=COUNT, size=SIZE)
    return gallery.dataset, {rid: content.hex() for rid, content in gallery.content.items()}


def warm(root: Path, dataset: str) -> dict[str, Any]:
    """Fetch the dataset one file at a time; returns the state of the cache afterwards."""
    cache = Cache.of(Workspace(root, Target("local", "1")))
    with Index.writing(cache) as index:
        done = warm_bag(index, connect(cache.target), f"{dataset}@1.1.0", jobs=1, wait=0)
        results = [verify_entry(index, entry) for entry in list_entries(index, Usage())]
        return {
            "tier": done.record.tier,
            "intact": len(results) == 1 and all(result.is_intact and not result.missing for result in results),
            "content": {rid: content.hex() for rid, content in contents(done.path).items()},
            "files": sorted(path.name for path in done.path.parent.iterdir()),
        }


def false_records(root: Path, dataset: str) -> list[str]:
    """What the index of an interrupted cache records as cached although the disk does not hold it."""
    cache = Cache.of(Workspace(root, Target("local", "1")))
    found = []
    with Index.reading(cache) as index:
        for record in bag_records(index, dataset_rid=dataset):
            bag = record.path(cache)
            if not (bag / "tagmanifest-md5.txt").is_file():
                found.append("metadata")
            for file in bag_files(index, record.key, present=True):
                path = bag / file.path
                if not path.is_file() or path.stat().st_size != file.length:
                    found.append(file.path)
    return found


def main(directory: Path, stride: int) -> dict[str, Any]:
    """Try every kill point, or every ``stride``-th one, until a run reaches its end."""
    for name in ("CONFIG", "CACHE", "STATE", "DATA"):
        os.environ[f"XDG_{name}_HOME"] = str(directory / name.lower())
    os.environ["HOME"] = str(directory)
    os.chdir(directory)
    _, (dataset, content) = run_in_child(create_test_catalog)
    counters, problems, point, tried = Counters(), [], 1 - stride, 0
    while True:
        point += stride
        root = directory / "workspace"
        shutil.rmtree(root, ignore_errors=True)
        counters.take()

        def first_run(root: Path = root, point: int = point) -> Any:
            kinds: Counter[str] = Counter()
            install_kill_point(counters, point, kinds)
            warm(root, dataset)
            return dict(kinds)

        code, answer = run_in_child(first_run)
        _, first = counters.take()
        if code == 0:
            kinds = answer
            break
        tried += 1
        problem: dict[str, Any] = {}
        if code != -signal.SIGKILL:
            problem["first run"] = (code, answer)
        _, false = run_in_child(lambda root=root: false_records(root, dataset))
        if false:
            problem["false records"] = false

        def second_run(root: Path = root) -> Any:
            install_kill_point(counters, -1)
            return warm(root, dataset)

        code, answer = run_in_child(second_run)
        _, second = counters.take()
        if code or not answer["intact"] or answer["tier"] != Tier.MATERIALIZED or answer["content"] != content:
            problem["second run"] = (code, answer if code else {**answer, "content": answer["content"] == content})
        elif answer["files"] != [f"Dataset_{dataset}"]:
            problem["left over"] = answer["files"]
        if first + second > COUNT * SIZE + BLOCK:
            problem["bytes fetched twice"] = first + second - COUNT * SIZE
        if problem:
            problems.append({"point": point, **problem})
    return {"points": tried, "kinds": kinds, "problems": problems}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
