"""dml's side of the commit benchmark: makes the catalog, or stages files and tells what their commit took."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import perf_counter

from dml.catalog.administration import create_catalog
from dml.catalog.connection import connect
from dml.catalog.definitions import create_schema
from dml.catalog.ml_schema import initialise
from dml.deriva_ml import DerivaML
from dml.execution.workflow import Workflow


def measure(host: str, directory: Path) -> dict[str, float]:
    """Stage every file of a directory and commit; figures of the commit alone."""
    ml = DerivaML(host, 1)
    workflow = Workflow("Bench", "Training", url="https://example.org/bench.py", checksum="bench")
    execution = ml.create_execution(workflow=workflow, description="benchmark")
    with execution.execute():
        for path in sorted(directory.iterdir()):
            execution.asset_file_path("Execution_Asset", path, asset_types=["Model_File"])
    ml.catalog.traffic.reset()
    idle, began = _peak(), perf_counter()
    execution.commit_output_assets()
    return {"seconds": perf_counter() - began, "requests": ml.catalog.traffic.requests, "memory": _peak() - idle}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1] == "initialise":
        made = connect(create_catalog("local"))
        initialise(made)
        create_schema(made, "bench")  # deriva-ml wants a domain schema
    else:
        print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]))))
