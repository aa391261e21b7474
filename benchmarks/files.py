"""Ten thousand output files of one execution: what staging each costs, and how many requests their commit takes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from dml.api.execution import Execution
from dml.catalog.administration import create_catalog
from dml.catalog.connection import connect
from dml.catalog.ml_schema import initialise
from dml.deriva_ml import DerivaML
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.workflow import Workflow

TITLE = "10,000 output files of one execution, staged and committed on the embedded catalog"

FILES = 10_000
TENTH = FILES // 10


def run() -> Iterator[str]:
    """Stage, then commit; the statements, requests and seconds of each."""
    with _home() as home:
        target = create_catalog("local")
        initialise(connect(target))
        ml = DerivaML(target.host, target.catalog_id, working_dir=home / "workspace")
        workflow = Workflow("Benchmark", ["Training"], url="https://example.org/benchmark.py", checksum="benchmark")
        execution = ml.create_execution(ExecutionConfiguration(workflow=workflow))
        with execution.execute():
            yield from _stage(execution)
        yield from _commit(ml, execution)


def _stage(execution: Execution) -> Iterator[str]:
    connection = execution.session.registry._connection()
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    tenths = []
    for tenth in range(10):
        statements.clear()
        began = perf_counter()
        for number in range(tenth * TENTH, (tenth + 1) * TENTH):
            path = execution.asset_file_path("Execution_Asset", f"{number:05}.txt", asset_types=["Model_File"])
            path.write_text(f"{number} {execution.execution_rid}\n")
        tenths.append((perf_counter() - began, len(statements), sum(one.startswith("COMMIT") for one in statements)))
    connection.set_trace_callback(None)
    for name, (seconds, count, commits) in (("first", tenths[0]), ("last", tenths[-1])):
        yield (
            f"staging, {name} {TENTH}: {seconds / TENTH * 1000:5.2f} ms, {count / TENTH:.1f} statements,"
            f" {commits / TENTH:.1f} transactions a file"
        )


def _commit(ml: DerivaML, execution: Execution) -> Iterator[str]:
    ml.catalog.traffic.reset()
    began = perf_counter()
    report = execution.commit_output_assets()
    seconds = perf_counter() - began
    requests = ml.catalog.traffic.requests
    yield f"commit of {report.total_uploaded} files: {seconds:.1f} s"
    yield f"requests: {requests} in all, {requests - FILES} besides one PUT a file"


@contextmanager
def _home() -> Iterator[Path]:
    """A home of its own, so that nothing of the user's is read or written."""
    names = ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="dml-files-") as directory:
        home = Path(directory)
        os.environ.update({"HOME": directory} | {name: str(home / name.lower()) for name in names[1:]})
        try:
            yield home
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
