"""Fetching a dataset of 100,000 rows in 5 tables with 5,000 files of 20 kB, from a catalog served on loopback.

Beside it deriva-py's own client-side downloader (``deriva.transfer``) fetches the same tables, which it must be told,
and the same files, which it takes one after the other and does not verify. Requests are counted by the server, which
is a process of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

from dml.cache.asset_records import AssetToCache, record_asset
from dml.cache.bag_files import BagFile
from dml.cache.bag_records import BagIdentity, add_bag
from dml.cache.index import Index
from dml.cache.inventory import list_entries
from dml.cache.layout import Cache
from dml.cache.usage import Usage
from dml.cache.warm_bag import warm_bag
from dml.catalog.administration import create_catalog
from dml.catalog.concurrency import gather
from dml.catalog.connection import Catalog, connect
from dml.catalog.definitions import (
    ColumnDefinition,
    add_dataset_element_type,
    create_asset_table,
    create_schema,
    create_table,
    reference,
)
from dml.catalog.ml_schema import initialise
from dml.catalog.objects import object_path, upload
from dml.catalog.rows import insert
from dml.dataset.bag_export import export_bag
from dml.dataset.curation import create_dataset
from dml.dataset.lookup import resolve
from dml.directories import embedded_directory
from dml.target import Target

TITLE = "a dataset of 100,000 rows and 5,000 files, beside deriva-py's downloader"

SITES, SUBJECTS, VISITS, MEASURES, IMAGES = 500, 9_500, 25_000, 60_000, 5_000
FILE_SIZE = 20_000
ENTRIES = 1_000
TABLES = ("Site", "Subject", "Visit", "Measure", "Image")

SERVER = """\
import sys, threading
from pathlib import Path
from dml.embedded.application import open_application
from dml.embedded.serve import serve

application, guard, count = open_application(Path(sys.argv[1])), threading.Lock(), [0]

def counting(environ, start_response):
    if environ["PATH_INFO"] == "/benchmark/requests":
        body = str(count[0]).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]
    with guard:
        count[0] += 1
    return application(environ, start_response)

serve(counting, on_ready=lambda url: print(url, flush=True))
"""

THEIRS = """\
import logging, sys
logging.disable(logging.CRITICAL)
from deriva.transfer import GenericDownloader

host, catalog, place, names = sys.argv[1:5]
tables = [{"processor": "csv", "processor_params": {
    "query_path": f"/entity/bench:{name}?limit=none", "output_path": f"data/bench/{name}"}}
    for name in names.split(",")]
files = {"processor": "download", "processor_params": {
    "query_path": "/attribute/bench:Image/RID,url:=URL,filename:=Filename,length:=Length,md5:=MD5?limit=none",
    "output_path": "data/asset/Image/{RID}"}}
GenericDownloader({"host": host, "protocol": "http", "catalog_id": catalog}, output_dir=place,
                  config={"catalog": {"query_processors": [*tables, files]}}, credentials={"bearer-token": "none"}
                  ).download(identity={"id": "benchmark"})
"""


def run() -> Iterator[str]:
    """Make the catalog, then fetch from it in both ways."""
    with tempfile.TemporaryDirectory() as directory, _at_home(Path(directory)):
        root = Path(directory)
        begun = perf_counter()
        target, dataset = _prepare(root)
        yield f"(the catalog was made in {perf_counter() - begun:.0f} s)"
        with _served() as url:
            yield from _ours(root, url, target.catalog_id, dataset)
            yield _theirs(root, url, target.catalog_id)
        yield from _listing(root)


def _ours(root: Path, url: str, catalog_id: str, dataset: str) -> Iterator[str]:
    catalog = connect(Target(url.partition("://")[2], catalog_id), scheme="http")
    name = f"{dataset}@1.0.0"
    cache = Cache(root / "cache", catalog.target)
    yield f"{'':<44}{'seconds':>10}{'requests':>10}"
    yield _timed("dml: export (rows of one version, as a bag)", url, partial(_exported, catalog, name, root / "bag"))
    with Index.writing(cache) as index:
        warm = partial(warm_bag, index, catalog, name)
        yield _timed("dml: warm, rows only", url, partial(warm, metadata_only=True))
        yield _timed("dml: warm, the files, each verified", url, partial(warm, jobs=4))
        yield _timed("dml: warm again (every file's size looked at)", url, warm)
        yield _timed("dml: warm again, version left open", url, partial(warm_bag, index, catalog, dataset))
    with Index.reading(cache) as view:
        yield _timed("dml: list", url, partial(list_entries, view, Usage()))


def _exported(catalog: Catalog, name: str, place: Path) -> None:
    report = export_bag(catalog, resolve(catalog, name), place)
    rows = sum(count for table, count in report.rows.items() if table.startswith("bench:"))
    expected = SITES + SUBJECTS + VISITS + MEASURES + IMAGES
    if rows < expected or report.assets != IMAGES:
        raise RuntimeError(f"{rows} rows and {report.assets} files came, not {expected} and {IMAGES}")


def _theirs(root: Path, url: str, catalog_id: str) -> str:
    place = root / "theirs"
    place.mkdir()
    words = [sys.executable, "-c", THEIRS, url.partition("://")[2], catalog_id, str(place), ",".join(TABLES)]

    def fetch() -> None:
        subprocess.run(words, check=True, cwd=root, timeout=1800)
        files = sum(path.is_file() for path in (place / "data" / "asset").rglob("*"))
        if files != IMAGES:
            raise RuntimeError(f"{files} files came, not {IMAGES}")

    return _timed("deriva-py: the same tables and files, live", url, fetch)


def _timed(what: str, url: str, work: Callable[[], object]) -> str:
    before, begun = _requests(url), perf_counter()
    work()
    took = perf_counter() - begun
    return f"{what:<44}{took:>10.2f}{_requests(url) - before:>10}"


def _requests(url: str) -> int:
    with urlopen(f"{url}/benchmark/requests", timeout=60) as answer:
        return int(answer.read())


def _listing(root: Path) -> Iterator[str]:
    """A listing of many entries, each with files that are not looked at."""
    cache = Cache(root / "many", Target("data.example.org", "1"))
    with Index.writing(cache) as index:
        for number in range(ENTRIES // 2):
            bag = BagIdentity(f"dml-{number:04}_live", "1-ABC", f"1.{number}.0", None)
            files = [BagFile(f"data/asset/{n}", 20_000, f"{n:032x}", True) for n in range(40)]
            bag.path(cache).mkdir(parents=True)
            add_bag(index, bag, files, tag_md5="", metadata_bytes=1)
            name = cache.asset_name(f"2-{number}", f"{number:032x}")
            cache.asset_directory(name).mkdir(parents=True)
            asset = AssetToCache(f"2-{number}", "/hatrac/a", "a.png", 20_000, f"{number:032x}")
            record_asset(index, name, asset, cache.asset_directory(name) / "a.png")
    begun = perf_counter()
    with Index.reading(cache) as view:
        found = list_entries(view, Usage())
    yield f"{f'dml: list of {len(found):,} entries':<44}{perf_counter() - begun:>10.2f}{0:>10}"


@contextlib.contextmanager
def _at_home(root: Path) -> Iterator[None]:
    """A home of its own, so that nothing of the user's is read or written."""
    names = {"HOME": str(root)} | {
        f"XDG_{name}_HOME": str(root / name.lower()) for name in ("CONFIG", "CACHE", "STATE", "DATA")
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _served() -> Iterator[str]:
    words = [sys.executable, "-c", SERVER, str(embedded_directory())]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout is None:
            raise RuntimeError("the server has no output")
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(timeout=60)


def _prepare(root: Path) -> tuple[Target, str]:
    """Make the catalog: subjects own visits and images, visits own measures; every subject is a member."""
    target = create_catalog("local")
    catalog = connect(target)
    initialise(catalog)
    create_schema(catalog, "bench", comment="for a benchmark")
    name = ColumnDefinition("Name", "text")
    create_table(catalog, "bench:Site", [name])
    create_table(
        catalog,
        "bench:Subject",
        [name, ColumnDefinition("Site", "text")],
        foreign_keys=[reference("Site", "bench:Site")],
    )
    for table, owner in (("Visit", "Subject"), ("Measure", "Visit")):
        columns = [name, ColumnDefinition("Value", "float8"), ColumnDefinition(owner, "text")]
        create_table(catalog, f"bench:{table}", columns, foreign_keys=[reference(owner, f"bench:{owner}")])
    create_asset_table(
        catalog,
        "bench:Image",
        columns=[ColumnDefinition("Subject", "text")],
        foreign_keys=[reference("Subject", "bench:Subject")],
    )
    add_dataset_element_type(catalog, "bench:Subject")
    sites = _rows(catalog, "Site", SITES, {})
    subjects = _rows(catalog, "Subject", SUBJECTS, {"Site": sites})
    visits = _rows(catalog, "Visit", VISITS, {"Subject": subjects})
    _rows(catalog, "Measure", MEASURES, {"Visit": visits})
    described = gather([partial(_upload, catalog, root, number) for number in range(IMAGES)])
    insert(catalog, "bench:Image", [{**one, "Subject": subjects[n % SUBJECTS]} for n, one in enumerate(described)])
    members = {"bench:Subject": subjects}
    return target, create_dataset(catalog, description="Benchmark", members=members, version="1.0.0").rid


def _rows(catalog: Catalog, table: str, count: int, owners: dict[str, list[str]]) -> list[str]:
    rows = [
        {"Name": f"{table} {number}", **{column: rids[number % len(rids)] for column, rids in owners.items()}}
        for number in range(count)
    ]
    return [row["RID"] for row in insert(catalog, f"bench:{table}", rows)]


def _upload(catalog: Catalog, root: Path, number: int) -> dict[str, object]:
    content = hashlib.shake_256(str(number).encode()).digest(FILE_SIZE)
    path = root / f"image-{number}.png"
    path.write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    url = object_path("Image", md5, path.name)
    upload(catalog, path, url, md5_hex=md5)
    path.unlink()
    return {"URL": url, "Filename": path.name, "Length": FILE_SIZE, "MD5": md5}
