"""Fetches a dataset version again and again, each time killed one step later, and finishes it in a second process.

A program of its own: it imports everything once and forks a child for every run. Usage: ``python -m cache.killing
DIRECTORY STRIDE``; prints one JSON line: the points that were tried, where they were, and everything that was not as it
should be.
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
from dml.cache import records
from dml.cache.bags import warm_bag
from dml.cache.files import bag_files
from dml.cache.index import Index
from dml.cache.inventory import take_inventory
from dml.cache.layout import Cache
from dml.cache.tiers import Tier
from dml.cache.usage import Usage
from dml.cache.verify import verify_item
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
PIECE = download._PIECE
BOUNDARIES = ("open", "mkdir", "rename", "replace", "link", "unlink", "fsync", "chmod", "rmdir")


class Counters:
    """Two numbers that outlive a killed child: steps taken, bytes of objects that arrived."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def add(self, steps: int, arrived: int) -> int:
        """Count; returns the steps so far."""
        before = struct.unpack("=qq", self._memory[:16])
        self._memory[:16] = struct.pack("=qq", before[0] + steps, before[1] + arrived)
        return int(before[0]) + steps

    def take(self) -> tuple[int, int]:
        """The numbers so far; both begin at zero again."""
        steps, arrived = struct.unpack("=qq", self._memory[:16])
        self._memory[:16] = bytes(16)
        return steps, arrived


def watch(counters: Counters, fatal: int, met: Counter[str] | None = None) -> None:
    """Count every boundary of this process, and kill it at the one with the number ``fatal``."""

    def step(name: str) -> None:
        if met is not None:
            met[name] += 1
        if counters.add(1, 0) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in BOUNDARIES:
        real = getattr(os, name)

        def hooked(*arguments: Any, real: Callable[..., Any] = real, name: str = name, **more: Any) -> Any:
            step(name)
            return real(*arguments, **more)

        setattr(os, name, hooked)
    write = download._Fetch._write

    def counted(self: Any, piece: bytes) -> None:
        step("piece")
        counters.add(0, len(piece))
        write(self, piece)

    download._Fetch._write = counted  # type: ignore[method-assign]


def in_child(function: Callable[[], Any]) -> tuple[int, Any]:
    """Run a function in a fork; returns how the child ended (minus the signal, or its exit code) and its answer."""
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


def prepare() -> tuple[str, dict[str, str]]:
    """Make the catalog; returns the dataset and the content of its images in hexadecimal."""
    target = create_catalog("local")
    catalog = connect(target)
    initialise(catalog)
    create_schema(catalog, "lab", comment="made by a test")
    folder = Path("files")
    folder.mkdir()
    gallery = make_gallery(catalog, "lab", folder, count=COUNT, size=SIZE)
    return gallery.dataset, {rid: content.hex() for rid, content in gallery.content.items()}


def warm(root: Path, dataset: str) -> dict[str, Any]:
    """Fetch the dataset one file at a time; returns what is there then."""
    cache = Cache.of(Workspace(root, Target("local", "1")))
    with Index.writing(cache) as index:
        done = warm_bag(index, connect(cache.target), f"{dataset}@1.1.0", jobs=1, wait=0)
        verified = [verify_item(index, item) for item in take_inventory(index, Usage())]
        return {
            "tier": done.record.tier,
            "right": all(one.is_right and not one.missing for one in verified) and len(verified) == 1,
            "content": {rid: content.hex() for rid, content in contents(done.path).items()},
            "entries": sorted(path.name for path in done.path.parent.iterdir()),
        }


def promised(root: Path, dataset: str) -> list[str]:
    """What the index of an interrupted cache promises and the disk does not hold."""
    cache = Cache.of(Workspace(root, Target("local", "1")))
    broken = []
    with Index.reading(cache) as index:
        for record in records.bag_records(index, dataset_rid=dataset):
            bag = cache.bag_directory(record.key, dataset)
            if not (bag / "tagmanifest-md5.txt").is_file():
                broken.append("metadata")
            for file in bag_files(index, record.key, present=True):
                place = bag / file.path
                if not place.is_file() or place.stat().st_size != file.length:
                    broken.append(file.path)
    return broken


def main(directory: Path, stride: int) -> dict[str, Any]:
    """Try every point, or every ``stride``-th one, until a run goes through."""
    for name in ("CONFIG", "CACHE", "STATE", "DATA"):
        os.environ[f"XDG_{name}_HOME"] = str(directory / name.lower())
    os.environ["HOME"] = str(directory)
    os.chdir(directory)
    _, (dataset, content) = in_child(prepare)
    counters, problems, point, tried = Counters(), [], 1 - stride, 0
    while True:
        point += stride
        root = directory / "workspace"
        shutil.rmtree(root, ignore_errors=True)
        counters.take()

        def killed(root: Path = root, point: int = point) -> Any:
            met: Counter[str] = Counter()
            watch(counters, point, met)
            warm(root, dataset)
            return dict(met)

        ended, answer = in_child(killed)
        _, first = counters.take()
        if ended == 0:
            sites = answer
            break
        tried += 1
        problem: dict[str, Any] = {}
        if ended != -signal.SIGKILL:
            problem["ended"] = (ended, answer)
        _, lies = in_child(lambda root=root: promised(root, dataset))
        if lies:
            problem["promised"] = lies

        def again(root: Path = root) -> Any:
            watch(counters, -1)
            return warm(root, dataset)

        ended, answer = in_child(again)
        _, second = counters.take()
        if ended or not answer["right"] or answer["tier"] != Tier.MATERIALIZED or answer["content"] != content:
            problem["repeat"] = (ended, answer if ended else {**answer, "content": answer["content"] == content})
        elif answer["entries"] != [f"Dataset_{dataset}"]:
            problem["left"] = answer["entries"]
        if first + second > COUNT * SIZE + PIECE:
            problem["fetched twice"] = first + second - COUNT * SIZE
        if problem:
            problems.append({"point": point, **problem})
    return {"points": tried, "sites": sites, "problems": problems}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
