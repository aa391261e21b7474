"""What lineage costs: requests in all and in sequence, with a round trip like a remote server's, and how it grows.

Each request to the embedded catalog is held back by ``ROUND_TRIP``, so that what a user would wait for shows. Requests
in sequence are the longest chain of requests that did not overlap. Bounds, with A asset tables: 10 + 2·A requests for
a walk whose edges are read whole, five in sequence; 6 + 2·A a level otherwise, three in sequence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from dml.catalog.administration import create_catalog
from dml.catalog.connection import connect
from dml.catalog.definitions import add_dataset_element_type, create_asset_table, create_schema
from dml.catalog.ml_schema import initialise
from dml.embedded.application import open_application
from dml.embedded.transport import WsgiAdapter
from dml.lineage.exports import FORMATS, render
from dml.lineage.exports.document import GraphDocument
from dml.lineage.lookup import lookup_lineage
from dml.lineage.tree import lines_of
from dml.target import Target

# The builder of provenance that the tests use; tests is no package, so its directory is put on the path.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
from lineage.story import Story

TITLE = "requests, growth, and the page in a browser"

ROUND_TRIP = 0.020
"""Seconds that each request takes longer than the embedded catalog does: a server some hundred kilometres away."""


class Remote(BaseAdapter):
    """Passes requests on after a round trip's time and notes when each began and ended."""

    def __init__(self, spans: list[tuple[float, float]]) -> None:
        super().__init__()
        self._wire = WsgiAdapter(open_application())
        self._spans = spans

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        begun = perf_counter()
        sleep(ROUND_TRIP)
        response = self._wire.send(request, *args, **options)
        self._spans.append((begun, perf_counter()))
        return response

    def close(self) -> None:
        self._wire.close()


def run() -> Iterator[str]:
    """Measure; yields lines."""
    with _home():
        story = _story()
        yield from _walks(story)
        yield from _growth(story)


@contextmanager
def _home() -> Iterator[None]:
    """A home directory of the benchmark's own."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as directory:
        os.environ.update({"HOME": directory, "XDG_DATA_HOME": directory, "XDG_CACHE_HOME": directory})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _story() -> Story:
    catalog = connect(create_catalog("local"))
    initialise(catalog)
    create_schema(catalog, "eye")
    for name in ("Image", "Model"):
        create_asset_table(catalog, f"eye:{name}")
        add_dataset_element_type(catalog, f"eye:{name}")
    return Story(catalog, ["eye:Image", "eye:Model"])


def _walks(story: Story) -> Iterator[str]:
    chain = _chain(story, 50)
    reader = story.execution()
    for _ in range(500):
        story.asset(made_by=[story.execution()], read_by=[reader])
    through = _chain_of_datasets(story, 5)
    story.flush()
    tables = len(story.catalog.schema().asset_tables())
    bound = 10 + 2 * tables
    yield f"{tables} asset tables, {ROUND_TRIP * 1000:.0f} ms a round trip"
    yield f"{'':34}{'requests':>9}{'bound':>7}{'in sequence':>13}{'bound':>7}{'seconds':>9}"
    yield _walk(story, "chain of 50, whole", chain, bound, 5)
    yield _walk(story, "fan of 500, whole", reader, bound, 5)
    yield _walk(story, "chain of 50, by level", chain, 50 * (6 + 2 * tables), 50 * 3, preload_limit=0)
    yield _walk(story, "5 dataset versions, whole", through, bound, 5, note="  + a request a snapshot and member table")


def _walk(
    story: Story, name: str, rid: str, requests: int, sequence: int, *, preload_limit: int = 40_000, note: str = ""
) -> str:
    spans: list[tuple[float, float]] = []
    catalog = connect(story.catalog.target, transport=lambda: Remote(spans))
    begun = perf_counter()
    lookup_lineage(catalog, rid, max_executions=2_000, preload_limit=preload_limit)
    taken = perf_counter() - begun
    made = catalog.traffic.requests
    return f"{name:34}{made:>9}{requests:>7}{_in_sequence(spans):>13}{sequence:>7}{taken:>9.2f}{note}"


def _in_sequence(spans: list[tuple[float, float]]) -> int:
    """The longest chain of spans of which each began after the one before had ended."""
    chain, free = 0, 0.0
    for begun, ended in sorted(spans, key=lambda span: span[1]):
        if begun >= free:
            chain, free = chain + 1, ended
    return chain


def _chain(story: Story, length: int) -> str:
    runs = [story.execution(story.workflow(f"Step {number}")) for number in range(length)]
    for maker, reader in pairwise(runs):
        story.asset(made_by=[maker], read_by=[reader])
    return story.asset(made_by=[runs[-1]])


def _chain_of_datasets(story: Story, length: int) -> str:
    run_ = story.execution()
    for _ in range(length):
        following, dataset = story.execution(), story.dataset()
        story.put(dataset, story.tables[0], [story.asset(made_by=[run_])])
        story.use(following, dataset, story.version(dataset, "1.0.0", run_))
        run_ = following
    return run_


def _growth(story: Story) -> Iterator[str]:
    yield ""
    yield f"{'executions under one root':34}{'walk s':>9}{'peak MiB':>10}{'tree s':>9}{'requests':>10}"
    for executions in (1_000, 10_000):
        root = _many(story, executions)
        catalog = connect(story.catalog.target)
        begun = perf_counter()
        result = lookup_lineage(catalog, root, max_executions=20_000)
        walked = perf_counter() - begun
        tracemalloc.start()
        lookup_lineage(connect(story.catalog.target), root, max_executions=20_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        begun = perf_counter()
        lines = lines_of(result.graph, root, full=True)
        drawn = perf_counter() - begun
        yield f"{executions:<34,}{walked:>9.2f}{peak / 2**20:>10.0f}{drawn:>9.2f}{catalog.traffic.requests:>10}"
    document = GraphDocument(Target("data.example.org", "7"), result.graph, root)
    yield ""
    yield f"{len(lines):,} nodes and folds: rendering takes"
    for name in FORMATS:
        begun = perf_counter()
        text = render(name, document)
        yield f"  {name:14}{perf_counter() - begun:>7.2f} s{len(text) / 2**20:>9.1f} MiB"
        if name == "html":
            yield f"  {'in Chromium':14}{_browser(text)}"


def _many(story: Story, executions: int) -> str:
    root = story.execution()
    for _ in range(executions // 10):
        runs = [story.execution() for _ in range(10)]
        for maker, reader in pairwise([*runs, root]):
            story.asset(made_by=[maker], read_by=[reader])
    story.flush()
    return root


def _browser(page: str) -> str:
    browser = shutil.which("chromium")
    if browser is None:
        return "not installed here"
    timing = "document.title = 'ready ' + Math.round(performance.now());"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "page.html"
        script = f"<script>window.addEventListener('load', () => {{ {timing} }});</script></body>"
        path.write_text(page.replace("</body>", script), encoding="utf-8")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={directory}/profile"]
        words = [browser, *flags, "--dump-dom", path.as_uri()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    found = done.stdout.partition("<title>ready ")[2].partition("</title>")[0]
    return f"{int(found) / 1000:>7.2f} s until loaded" if found.isdigit() else "did not load"
